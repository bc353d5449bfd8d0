"""`inspect_span` on real programs, Python and JavaScript."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time

import pytest
from shop_house import House

from mcp_tracer.model.errors import NotFound, UserError
from mcp_tracer.service.source_keeping import SourceKeeping
from mcp_tracer.storage.sqlite import SqliteSpanStore

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120)]

PYTHON = b'''"""A till."""


def discount(price, code):
    rate = 0.1
    if code == "HALF":
        rate = 0.5
    return price * (1 - rate)


def total(items, code):
    result = 0
    for name, price in items:
        result += discount(price, code)
        if name == "bomb":
            raise ValueError("no bombs")
    return result


print(total([("tea", 3), ("cake", 10)], "HALF"))
try:
    total([("tea", 3), ("bomb", 2)], None)
except ValueError:
    pass
'''
JAVASCRIPT = b"""'use strict';
function discount(price, code) {
  let rate = 0.1;
  if (code === 'HALF') rate = 0.5;
  return price * (1 - rate);
}

function total(items, code) {
  let result = 0;
  for (const { name, price } of items) {
    result += discount(price, code);
    if (name === 'bomb') throw new TypeError('no bombs');
  }
  return result;
}

console.log(total([{ name: 'tea', price: 3 }, { name: 'cake', price: 10 }], 'HALF'));
try {
  total([{ name: 'tea', price: 3 }, { name: 'bomb', price: 2 }], null);
} catch {}
"""


async def recorded(house: House, level: int = 5, name: str = "till.py", source: bytes = PYTHON, mode: str = "in_place") -> None:
    (house.project.root / name).write_bytes(source)
    if mode != "run":
        await house.ask("instrument", paths=[name], level=level, mode=mode)
    chosen = ["--level", str(level)] if mode == "run" else []
    traced = [sys.executable, "-m", "mcp_tracer", "run", *chosen, "--"] if mode != "in_place" else []
    program = [sys.executable] if name.endswith(".py") else ["node"]
    subprocess.run([*traced, *program, name], cwd=house.project.root, check=True, capture_output=True, timeout=60)


async def calls(house: House, function: str) -> list[str]:
    """Span ids of the calls themselves, oldest first."""
    found = (await house.ask("get_function_traces", function=function, order="asc")).result.spans
    return [span.span_id for span in found if span.kind == "function"]


async def told(house: House, span_id: str, **more: object) -> list[str]:
    return (await house.ask("inspect_span", span_id=span_id, **more)).text.splitlines()


async def test_a_python_call_is_told_line_by_line(house: House) -> None:
    await recorded(house)
    good, _ = await calls(house, "total")
    head, facts, *lines = await told(house, good)
    assert 'total(items=[("tea", 3), ("cake", 10)], code="HALF") → 6.5 till.py:11' in head
    assert facts.startswith("called by <module>") and "source as it ran" in facts
    assert lines[1:3] == ["12 ×1     result = 0  <- result=0", '13 ×2     for name, price in items:  <- name="tea", "cake"; price=3, 10']
    assert lines[3].startswith("14 ×2         result += discount(price, code)  <- result=1.5, 6.5; discount ×2 → 1.5, 5.0 ")
    assert lines[5:] == ['16                raise ValueError("no bombs")', "17 ×1     return result"]


async def test_the_exception_stands_at_its_line(house: House) -> None:
    await recorded(house)
    _, bad = await calls(house, "total")
    (line,) = [line for line in await told(house, bad) if line.startswith("16 ×1")]
    assert line.startswith('16 ×1             raise ValueError("no bombs")  <- ✗ ValueError: no bombs')


async def test_a_callee_names_the_line_that_called_it(house: House) -> None:
    await recorded(house)
    first, *_ = await calls(house, "discount")
    facts = (await told(house, first))[1]
    assert facts.startswith("called by total at till.py:14 #")


async def test_a_javascript_call_is_told_line_by_line(house: House) -> None:
    await recorded(house, name="till.js", source=JAVASCRIPT)
    good, bad = await calls(house, "total")
    lines = await told(house, good)
    assert '10 ×2   for (const { name, price } of items) {  <- name="tea", "cake"; price=3, 10' in lines
    assert any(line.startswith("11 ×2     result += discount(price, code);  <- result=1.5, 6.5; discount ×2 → 1.5, 5 ") for line in lines)
    assert any("throw new TypeError('no bombs');  <- ✗ TypeError: no bombs" in line for line in await told(house, bad))


@pytest.mark.parametrize("mode", ["in_place", "on_load"])
async def test_the_source_is_the_one_that_ran_after_the_file_was_edited(house: House, mode: str) -> None:
    await recorded(house, mode=mode)
    good, _ = await calls(house, "total")
    await house.ask("uninstrument", all=True)
    (house.project.root / "till.py").write_text("def other():\n    pass\n" * 20)
    answer = await house.ask("inspect_span", span_id=good)
    assert (answer.result.source, [line.number for line in answer.result.lines]) == ("recorded", list(range(11, 18)))
    assert "12 ×1     result = 0  <- result=0" in answer.text


@pytest.mark.parametrize("name", ["till.py", "till.js"])
@pytest.mark.parametrize("mode", ["in_place", "on_load", "run"])
async def test_the_source_is_kept_where_nobody_took_the_recording_in_before_the_edit(house: House, mode: str, name: str) -> None:
    """No question is asked, so nothing is taken in, between the run and the edit."""
    source = PYTHON if name == "till.py" else JAVASCRIPT
    await recorded(house, name=name, source=source, mode=mode)
    if mode != "run":
        await house.ask("uninstrument", all=True)
    (house.project.root / name).write_bytes(b"\n\n" + source)
    good, _ = await calls(house, "total")
    answer = await house.ask("inspect_span", span_id=good)
    assert answer.result.source == "recorded"
    assert answer.result.lines[0].text in source.decode().splitlines()
    assert answer.result.lines[0].number == source.decode().splitlines().index(answer.result.lines[0].text) + 1


async def test_without_the_version_that_ran_facts_are_not_laid_on_another_text(house: House) -> None:
    await recorded(house)
    good, bad = await calls(house, "total")
    await house.ask("uninstrument", all=True)
    shutil.rmtree(house.project.sources_dir)
    answer = await house.ask("inspect_span", span_id=good)
    assert answer.result.source == "recorded"  # the file is still what ran
    (house.project.root / "till.py").write_bytes(b"# changed\n" + PYTHON)
    answer = await house.ask("inspect_span", span_id=bad)
    assert (answer.result.source, {line.text for line in answer.result.lines}) == ("unknown", {""})
    assert "not known: the text that ran was not kept, and the file is another by now" in answer.text
    assert "16 ×1   <- ✗ ValueError: no bombs" in answer.text
    assert any(line.startswith("14 ×2   <- result=") for line in answer.text.splitlines())


async def test_at_level_2_the_answer_says_what_level_5_would_add(house: House) -> None:
    await recorded(house, level=2)
    good, _ = await calls(house, "total")
    text = "\n".join(await told(house, good))
    assert "instrument this function at level 5" in text
    assert "calls: discount ×2 → 1.5, 5.0" in text


async def test_every_value_of_one_name_page_by_page(house: House) -> None:
    source = b"def count(n):\n    for i in range(n):\n        twice = 2 * i\n    return twice\n\n\ncount(40)\n"
    await recorded(house, source=source)
    (span_id,) = await calls(house, "count")
    first = await house.ask("inspect_span", span_id=span_id, variable="twice", max_tokens=200)
    second = await house.ask("inspect_span", span_id=span_id, variable="twice", max_tokens=2000, cursor=first.result.cursor)
    assert [change.value for change in [*first.result.history, *second.result.history]] == [2 * i for i in range(40)]
    assert (first.result.history_total, second.result.cursor) == (40, None)
    assert f'cursor="{first.result.cursor}" gives the next' in first.text


async def test_wrong_questions_are_answered_with_what_there_is(house: House) -> None:
    await recorded(house)
    good, _ = await calls(house, "total")
    with pytest.raises(NotFound, match=r"no value of 'reslt' was recorded in this call\. Did you mean result\?"):
        await house.ask("inspect_span", span_id=good, variable="reslt")
    with pytest.raises(NotFound, match="There is no span"):
        await house.ask("inspect_span", span_id="00000000000000ff")
    with pytest.raises(UserError, match="write the first and the last line"):
        await house.ask("inspect_span", span_id=good, lines="all")
    with pytest.raises(UserError, match="cursor doesn't belong"):
        await house.ask("inspect_span", span_id=good, variable="result", cursor="x")


async def test_only_some_lines(house: House) -> None:
    await recorded(house)
    good, _ = await calls(house, "total")
    lines = (await house.ask("inspect_span", span_id=good, lines="12-13")).result.lines
    assert [line.number for line in lines] == [12, 13]
    elsewhere = await house.ask("inspect_span", span_id=good, lines="12-12")
    assert "discount" not in elsewhere.text.split("\n", 2)[2]  # line 13 calls it
    for none in ("20-12", "99-100", "1-3"):
        with pytest.raises(UserError, match="shows nothing: the call lies in lines"):
            await house.ask("inspect_span", span_id=good, lines=none)


async def test_sources_go_with_the_recordings_that_name_them(house: House) -> None:
    await recorded(house)
    await calls(house, "total")
    (kept,) = house.project.sources_dir.glob("*/*")
    sources = house.service.tools.workspace.sources
    assert sources.retain(set()) == 0  # what names it may not be in the store yet
    old = time.time() - 7200
    os.utime(kept, (old, old))
    known = set(await house.service.tools.store.source_hashes())
    assert sources.retain(set()) == 0  # it is instrumented still, and may run
    await house.ask("uninstrument", all=True)
    assert (sources.retain(known), sources.retain(set())) == (0, 1)
    assert not kept.exists()


async def test_cleaning_up_deletes_sources_that_nothing_names(house: House) -> None:
    await recorded(house)
    good, _ = await calls(house, "total")
    store, sources = house.service.tools.store, house.service.tools.workspace.sources
    (kept,) = house.project.sources_dir.glob("*/*")
    orphan = kept.with_name("00" * 32 + ".z")
    orphan.write_bytes(b"")
    for path in (kept, orphan):
        os.utime(path, (time.time() - 7200,) * 2)
    assert isinstance(store, SqliteSpanStore)
    await SourceKeeping(store, sources).retain(None, None)
    assert (kept.exists(), orphan.exists()) == (True, False)
    assert (await house.ask("inspect_span", span_id=good)).result.source == "recorded"


SHORT = b"""def short(n):
    t = 0; u = 1
    for i in range(n): t += i; u *= 2
    if t > 3: t = 0
    return (t,
            u)


short(4)
"""
SHORT_JS = b"""'use strict';
function short(x) {
  let y = 0;
  while (true) {
    y++;
    if (y === x) return y;
  }
}
short(3);
"""


@pytest.mark.parametrize(
    ("name", "source", "counts"), [("short.py", SHORT, "2 ×1, 3 ×4, 4 ×1, 5 ×1"), ("short.js", SHORT_JS, "3 ×1, 4 ×1, 5 ×3, 6 ×3")]
)
async def test_several_statements_on_a_line_do_not_make_it_run_more_often(house: House, name: str, source: bytes, counts: str) -> None:
    await recorded(house, name=name, source=source)
    (span_id,) = await calls(house, "short")
    lines = await told(house, span_id)
    assert ", ".join(" ".join(line.split()[:2]) for line in lines if " ×" in line[:5] and line[0].isdigit()) == counts
