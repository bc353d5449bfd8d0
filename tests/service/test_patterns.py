"""Patterns in recordings of real programs: found by themselves, kept, told to OpenMemory once."""

from __future__ import annotations

import subprocess
import sys

import pytest
from shop_house import House

pytestmark = pytest.mark.anyio

ORDERS = b"""import sqlite3


def price(db, item):
    return db.execute("SELECT price FROM item WHERE id = ?", (item,)).fetchone()[0]


def total(db, items):
    return sum(price(db, item) for item in items)


def main():
    db = sqlite3.connect(":memory:")
    db.execute("CREATE TABLE item(id INTEGER PRIMARY KEY, price INT)")
    db.executemany("INSERT INTO item VALUES(?, ?)", [(number, number) for number in range(40)])
    print(total(db, range(40)))


main()
"""
DEEP = b"""import sys


def walk(n):
    return 0 if n == 0 else 1 + walk(n - 1)


def main():
    print(walk(70))


main()
"""
SLOWER = b"""import sys
import time


def load(seconds):
    time.sleep(seconds)


def main():
    for _ in range(12):
        load(SECONDS)


SECONDS = float(open("seconds").read())
main()
"""


async def recorded(house: House, source: bytes, times: int = 1) -> House:
    """A project whose program ran so often at level 2."""
    (house.project.root / "app.py").write_bytes(source)
    house.set("TRACING_OVERHEAD_BUDGET", "off")
    await house.ask("instrument", paths=["app.py"], level=2)
    for _ in range(times):
        subprocess.run([sys.executable, "app.py"], cwd=house.project.root, check=True, capture_output=True)
    return house


async def test_a_query_in_a_loop_is_found_with_evidence_and_told_once(house: House) -> None:
    await recorded(house, ORDERS, times=2)
    answer = await house.ask("find_patterns", kind="n-plus-one-query")
    (first,) = answer.result.patterns
    runs = (await house.ask("list_runs")).result.runs
    assert (first.run_id, first.runs) == (runs[0].run_id, len(runs)) and "(found in 2 runs)" in answer.text
    assert len((await house.ask("find_patterns", run="previous")).result.patterns) == 1
    assert "total (app.py:8) sent SELECT price FROM item WHERE id = ? 40 times in one call" in first.sentence
    assert first.sentence in answer.text and answer.text.endswith("1 pattern. get_trace with span_id shows the evidence.")
    assert len(answer.text) / 4 < 400
    shown = (await house.ask("get_trace", span_id=first.span_ids[0])).text
    assert "total(" in shown and "×40" in shown
    told = await house.ask("get_history", kind="pattern")
    assert [entry.payload["pattern_name"] for entry in told.result.entries] == ["n-plus-one-query"]
    await house.ask("find_patterns")
    assert (await house.ask("get_history", kind="pattern")).result.total == 1


async def test_the_settings_say_how_deep_a_recursion_may_be(house: House) -> None:
    house.set("TRACING_MAX_DEPTH", "100")
    await recorded(house, DEEP)
    assert (await house.ask("find_patterns")).text == "No pattern was found: instrument more, or run the program."
    house.set("TRACING_MAX_DEPTH", "30")
    subprocess.run([sys.executable, "app.py"], cwd=house.project.root, check=True, capture_output=True)
    (one,) = (await house.ask("find_patterns", run="last")).result.patterns
    assert (one.kind, one.sentence.startswith("walk (app.py:4) called itself")) == ("unbounded-recursion", True)


async def test_a_function_that_became_slower_is_found_when_its_run_has_ended(house: House) -> None:
    (house.project.root / "seconds").write_text("0.001")
    await recorded(house, SLOWER)
    (house.project.root / "seconds").write_text("0.02")
    subprocess.run([sys.executable, "app.py"], cwd=house.project.root, check=True, capture_output=True)
    answer = await house.ask("find_patterns", kind="function-regression")
    (one,) = [row for row in answer.result.patterns if row.sentence.startswith("load (app.py:5) became ")]
    assert one.count == 12 and len(one.span_ids) == 3


async def test_a_run_is_compared_with_one_of_its_own_level(house: House) -> None:
    await recorded(house, SLOWER, times=0)
    for level, seconds in ((2, "0.001"), (5, "0.02"), (2, "0.02")):
        (house.project.root / "seconds").write_text(seconds)
        await house.ask("uninstrument", all=True)
        await house.ask("instrument", paths=["app.py"], level=level)
        subprocess.run([sys.executable, "app.py"], cwd=house.project.root, check=True, capture_output=True)
        found = (await house.ask("find_patterns", kind="function-regression")).result.patterns
        assert [row.sentence.split(" became ")[0] for row in found if "load" in row.sentence] == (
            ["load (app.py:5)"] if (level, seconds) == (2, "0.02") else []
        )
