"""`find_errors`: where an error was born."""

from __future__ import annotations

import re
import subprocess

import pytest
from shop_house import House, run_main

from mcp_tracer.service.service import Answer

pytestmark = pytest.mark.anyio


async def test_errors_are_joined_to_where_they_were_born(house: House) -> None:
    await house.ask("instrument", paths=["shop.py"], level=2)
    (house.project.root / "main.py").write_text("from shop import *\ntry:\n    checkout(Cart(), 'BROKEN')\nexcept ValueError:\n    pass\n")
    run_main(house)
    text = (await house.ask("find_errors")).text
    assert "✗ ValueError: unknown coupon" in text and "raised at shop.py:17" in text


async def test_an_error_born_in_a_library_names_the_line_that_called_it(house: House) -> None:
    (house.project.root / "reads.py").write_text("import json\ndef read(text):\n    return json.loads(text)\n")
    await house.ask("instrument", paths=["reads.py"], level=2)
    (house.project.root / "main.py").write_text("import reads\ntry:\n    reads.read('{')\nexcept ValueError:\n    pass\n")
    run_main(house)
    text = (await house.ask("find_errors")).text
    assert re.search(r"raised at json/decoder\.py:\d+ in \S+, called at reads\.py:3", text), text


CHAINS = """
def share(amount, whole):
    return amount / whole


def split(amount, whole):
    return share(amount, whole)


def deep(n):
    if n == 12:
        raise LookupError("too deep")
    return deep(n + 1)


def check(n):
    raise ValueError("bad")


def attempt(call, *arguments):
    try:
        call(*arguments)
    except Exception:
        pass


def main():
    try:
        split(2, 0)
    except ZeroDivisionError:
        pass
    attempt(deep, 0)
    for n in range(3):
        attempt(check, n)
    split(1, 0)
"""


@pytest.fixture
async def chains(house: House) -> House:
    """A program with a deep error, one that comes three times, and one that ends it."""
    (house.project.root / "chains.py").write_text(CHAINS)
    await house.ask("instrument", paths=["chains.py"], level=2)
    (house.project.root / "main.py").write_text("import chains\ntry:\n    chains.main()\nexcept ZeroDivisionError:\n    pass\n")
    run_main(house)
    return house


async def pages(house: House, limit: int, **more: object) -> list[Answer]:
    """All pages of the list."""
    answers = [await house.ask("find_errors", limit=limit, **more)]
    while cursor := answers[-1].result.cursor:
        answers.append(await house.ask("find_errors", limit=limit, cursor=cursor, **more))
    return answers


def errors(answers: list[Answer]) -> list[str]:
    """What is told of each error, without what differs between pages."""
    lines = [line for answer in answers for line in answer.text.splitlines()[1:]]
    return [re.sub(r"^\S+ ", "", line).split(" | ", 1)[0].split(" #")[0] + " ← " + line.partition("passed through ")[2] for line in lines]


async def test_a_page_has_all_callers_of_its_errors_and_none_of_an_error_that_was_told_before(chains: House) -> None:
    for limit in (1, 2, 4, 5):
        told = [line for line in errors(await pages(chains, limit)) if "check" not in line]
        assert [line.split(" ✗ ")[0] + line[line.index(" ← ") :] for line in told] == [
            "share(amount=1, whole=0) ← split ← main",
            "deep(n=12) ← deep ×12",
            "share(amount=2, whole=0) ← split",
        ], limit


async def test_an_error_that_a_filter_names_has_its_callers_too(chains: House) -> None:
    last, first = (await chains.ask("find_errors", function="share")).text.splitlines()[1:]
    assert last.endswith("passed through split ← main")
    assert first.endswith("passed through split")


async def test_calls_that_failed_alike_beside_each_other_are_no_callers(chains: House) -> None:
    (line,) = (await chains.ask("find_errors", function="check")).text.splitlines()[1:]
    assert line.endswith("| 2 more like it here")
    assert "passed through" not in line


async def test_a_call_expression_is_not_a_caller_but_what_was_called(house: House) -> None:
    source = "def number(text):\n    return int(text)\ndef take(text):\n    number(text)\n"
    (house.project.root / "reads.py").write_text(source)
    await house.ask("instrument", paths=["reads.py"], level=3)
    (house.project.root / "main.py").write_text("import reads\ntry:\n    reads.take('x')\nexcept ValueError:\n    pass\n")
    run_main(house)
    (line,) = (await house.ask("find_errors")).text.splitlines()[1:]
    assert " number(" in line.split("✗")[0]
    assert line.endswith("| raised at reads.py:2 in the call of int | passed through take")


async def test_calls_whose_message_was_not_recorded_are_joined_by_who_called_whom(house: House) -> None:
    (house.project.root / "chains.py").write_text(CHAINS)
    await house.ask("instrument", paths=["chains.py"], level=1)
    (house.project.root / "main.py").write_text("import chains\ntry:\n    chains.main()\nexcept ZeroDivisionError:\n    pass\n")
    run_main(house)
    told = [error for error in errors(await pages(house, 1)) if not error.startswith("check")]
    assert [(error.split()[0], error.partition(" ← ")[2]) for error in told] == [
        ("share", "split ← main"),
        ("deep", "deep ×12"),
        ("share", "split"),
    ]


async def test_an_empty_list_names_all_that_was_asked_for(chains: House) -> None:
    text = (await chains.ask("find_errors", error_type="LookupError", function="share")).text
    assert text == "No failed call was recorded with error_type=LookupError, function=share together: leave one out to see more."


AWAITED = """class Store { async get(id) { await 1; if (id === 7) throw new Error('no ' + id); return id; } }
const store = new Store();
const load = (id) => store.get(id);
async function price(ids) { return (await Promise.all(ids.map(load))).length; }
async function retry() { for (let i = 0; i < 3; i++) try { await price([1, 7]); } catch (e) { if (i === 2) throw e; } }
retry().catch(() => {});
"""


@pytest.mark.parametrize(("level", "budget"), [(2, "auto"), (3, "auto"), (3, "off")])
async def test_an_error_passes_through_who_awaits_a_promise_that_others_gave_on(house: House, level: int, budget: str) -> None:
    """`load` does not fail: it has returned by then. Without a budget the call of Promise.all has the message too."""
    house.set("TRACING_OVERHEAD_BUDGET", budget)
    (house.project.root / "awaited.js").write_text(AWAITED)
    await house.ask("instrument", paths=["awaited.js"], level=level)
    subprocess.run(["node", "awaited.js"], cwd=house.project.root, check=True, timeout=60)
    errors = (await house.ask("find_errors")).text.splitlines()
    assert errors[0].endswith("3 errors.") and all(" Store.get(id=7) ✗ " in line for line in errors[1:])
    assert [line.partition("passed through ")[2] for line in errors[1:]] == ["price ← retry", "price | 1 more like it here"]
