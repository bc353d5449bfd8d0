"""`compare` calls nothing changed that is the same, and misses nothing that changed."""

from __future__ import annotations

import sys

import pytest
from recording import recorded
from shop_house import House

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120)]

TAX = """def tax(amount):
    return amount / 5


"""
HOT = """def step(i):
    if i % 500 == 499:
        raise ValueError(i)
    return i


def caught(i):
    try:
        return step(i)
    except ValueError:
        return -1


def main():
    for i in range(12000):
        caught(i)


"""
WAITING = """import time


def wait(ms):
    time.sleep(ms / 1000)


def steady():
    wait(40)


def other():
    wait(40)


def slower():
    wait(SLOW)


for _ in range(8):
    steady(), other(), steady(), other(), slower()
"""
FAILING = """def fails(i):
    if i == FAILING:
        raise KeyError(f"k{i}")


for i in range(6):
    try:
        fails(i)
    except KeyError:
        pass
"""


@pytest.mark.parametrize(
    ("start", "calls"), [("for i in range(3000): caught(i)", 6000), ("main()", 24_000)], ids=["many traces", "one trace"]
)
async def test_the_same_program_is_the_same_though_one_run_only_counted_most_calls(house: House, start: str, calls: int) -> None:
    for budget in ("1", "off"):
        house.set("TRACING_OVERHEAD_BUDGET", budget)
        await recorded(house, "hot.py", HOT + start + "\n", sys.executable, "hot.py")
    runs = (await house.ask("list_runs")).result.runs
    assert [run.spans >= calls for run in runs] == [True, False]
    answer = await house.ask("compare")
    assert set(answer.result.totals.values()) == {0}, answer.text
    assert "Not every call of caught, step was recorded" in answer.text


async def test_traces_of_one_function_are_paired_by_its_parameters(house: House) -> None:
    for first in (0, 3):
        program = TAX + f"\nfor amount in range({first}, 8): tax(amount)\n"
        await recorded(house, "tax.py", program, sys.executable, "tax.py")
    assert (await house.ask("compare")).result.totals == {"divergence": 0, "errors": 0, "results": 0, "calls": 1, "times": 0}


async def test_a_function_that_is_slower_by_what_it_calls_is_named_with_it(house: House) -> None:
    house.set("TRACING_OVERHEAD_BUDGET", "off")
    for slow in (40, 200):  # far beyond what a busy machine adds
        await recorded(house, "waiting.py", WAITING.replace("SLOW", str(slow)), sys.executable, "waiting.py")
    rows = (await house.ask("compare", section="times")).result.times
    assert [row.what for row in rows] == ["wait within slower", "slower total"]
    assert ", from wait (p=" in rows[1].after


async def test_errors_with_another_message_and_calls_that_fail_only_now(house: House) -> None:
    for failing in (4, 3):
        await recorded(house, "failing.py", FAILING.replace("FAILING", str(failing)), sys.executable, "failing.py")
    result = (await house.ask("compare")).result
    assert [(row.what, row.before, row.after) for row in result.errors] == [
        ("KeyError in fails", "×1, (i=4): 'k4'", "×1, (i=3): 'k3'"),
    ]  # fmt: skip
    assert [(row.what, row.before, row.after) for row in result.results] == [
        ("fails(i=3)", "→ null", "✗ KeyError: 'k3'"), ("fails(i=4)", "✗ KeyError: 'k4'", "→ null"),
    ]  # fmt: skip
