"""`list_runs` on runs that did not come to a good end."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from shop_house import House

from mcp_tracer.model import spool
from mcp_tracer.model.errors import NotFound

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120)]


async def test_a_run_whose_tracing_stopped_at_a_limit_has_ended_and_says_what_is_missing(house: House) -> None:
    settings = house.project.config_dir / ".env.tracing"
    settings.write_text(settings.read_text() + "\nTRACING_MAX_STORAGE_GB=0.001\n")
    (house.project.root / "many.py").write_text('def f(i): return "v%d " % i * 200\nfor i in range(3000): f(i)\n')
    await house.ask("instrument", paths=["many.py"], level=2)
    subprocess.run([sys.executable, "many.py"], cwd=house.project.root, check=True, capture_output=True, timeout=60)
    answer = await house.ask("list_runs")
    (run,) = answer.result.runs
    assert (run.state, run.exit_code, run.spans + run.dropped) == ("ended", 0, 3000)
    assert f"; {run.dropped:,} calls are missing" in answer.text
    assert "tracing stopped before the end: the spool file reached its limit of 214748 bytes" in answer.text
    with pytest.raises(NotFound, match="There isn't a failed run yet"):
        await house.ask("search_traces", run="last-failed")


CALLING = """import os, signal, sys, time
def a(i): return i
def last():
    if len(sys.argv) > 1:
        time.sleep(0.3)  # an open call is written when it is 50 ms old
        os.kill(os.getpid(), signal.SIGKILL)
for i in range(4000): a(i)
last()
"""


def called(house: House, *arguments: str) -> Path:
    """Run the program; gives its spool file, of which nothing was taken yet."""
    subprocess.run([sys.executable, "calling.py", *arguments], cwd=house.project.root, check=False, timeout=60)
    (spool,) = house.project.spool_dir.glob("*.spool")
    return spool


async def test_what_a_damaged_recording_lacks_is_said_where_calls_are_counted(house: House) -> None:
    """It would look like calls that were not made."""
    house.set("TRACING_OVERHEAD_BUDGET", "off")
    (house.project.root / "calling.py").write_text(CALLING)
    await house.ask("instrument", paths=["calling.py"], level=2)
    called(house)
    await house.ask("list_runs")
    spool = called(house)
    with spool.open("r+b") as file:
        file.seek(4096 + 65536 * 3 + 32 + 4800)
        file.write(b"\xff" * 48)
    runs = await house.ask("list_runs")
    damaged, whole = runs.result.runs
    assert (damaged.damaged, whole.damaged, 10 < whole.spans - damaged.spans < 100) == (1, 0, True)
    said = f"Calls of run {damaged.run_id} are missing: 1 part of its recording could not be read"
    assert "1 part of the recording could not be read" in runs.text.splitlines()[0]
    for tool, arguments in (
        ("get_trace", {"trace_id": "last"}), ("get_stats", {"function": "a", "run": "last"}), ("compare", {}),
    ):  # fmt: skip
        assert said in (await house.ask(tool, **arguments)).text, tool
        assert said not in (await house.ask("get_stats", function="a", run="previous")).text


def damage(path: Path, seq: int) -> None:
    """Overwrite a call's record."""
    raw = path.read_bytes()
    for at in range(spool.HEADER_SIZE + spool.CHUNK_HEADER_SIZE, len(raw), spool.SLOT_SIZE):
        count = int.from_bytes(raw[at - 24 : at - 20], "little")
        for index in np.flatnonzero(np.frombuffer(raw, spool.RECORD, count, at)["seq"] == seq)[:1].tolist():
            place = at + index * spool.RECORD_SIZE
            path.write_bytes(raw[:place] + b"\xff" * spool.RECORD_SIZE + raw[place + spool.RECORD_SIZE :])


async def test_calls_that_a_damaged_recording_lacks_are_not_said_to_be_none(house: House) -> None:
    house.set("TRACING_OVERHEAD_BUDGET", "off")
    program = "def once(): pass\n" + CALLING.replace("a(i)\nlast", "a(i) or i == 1999 and once()\nlast").replace("return i", "return 0")
    (house.project.root / "calling.py").write_text(program)
    await house.ask("instrument", paths=["calling.py"], level=2)
    called(house)
    whole = (await house.ask("list_runs")).result.runs[0]
    damage(called(house), 2001)
    answer = await house.ask("compare", section="calls")
    once, a = answer.result.calls
    assert (once.what, once.before, once.after) == ("once", "×1", "none recorded (calls may be missing)")
    assert (a.what, a.before, a.after.endswith(" or more")) == ("a", "×4,000", True)
    assert (answer.result.lacking, "not called" in answer.text) == (["after"], False)
    turned = (await house.ask("compare", before="last", after=whole.run_id)).result
    assert (turned.lacking, turned.calls[0].before) == (["before"], "none recorded (calls may be missing)")
    called(house)
    sound = (await house.ask("compare", before=whole.run_id, after="last")).result
    assert (sound.calls, "lacking" in sound.model_dump(by_alias=True)) == ([], False)


async def test_how_long_a_killed_program_lived_is_not_made_up(house: House) -> None:
    house.set("TRACING_OVERHEAD_BUDGET", "off")
    (house.project.root / "calling.py").write_text(CALLING)
    await house.ask("instrument", paths=["calling.py"], level=2)
    called(house, "die")
    assert " killed, last heard of after " in (await house.ask("list_runs")).text
    story = (await house.ask("get_trace", trace_id="last")).text.splitlines()
    assert " not finished, " in story[0] and story[1].split(" #")[0].endswith(" last … not finished calling.py:3")
