"""Values that were shortened to save time are said to be."""

from __future__ import annotations

import subprocess
import sys

import pytest
from shop_house import House

pytestmark = pytest.mark.anyio

ORDERS = b"""class Order:
    def __init__(self, number): self.number = number


def look(order):
    return order.number


def main():
    return sum(look(Order(number)) for number in range(40))


main()
"""
CHECKED = b"""class Order:
    def __init__(self, number): self.number = number


def check(order):
    if order.number == 39:
        raise ValueError(order.number)


def main():
    for number in range(40):
        try:
            check(Order(number))
        except ValueError:
            pass


main()
"""
LEGEND = "[brief]: {} calls with values in short, to save time; TRACING_VALUE_BUDGET=off records them whole."


async def test_every_answer_that_shows_values_marks_the_brief_ones_and_says_how_to_get_them_whole(house: House) -> None:
    (house.project.root / "orders.py").write_bytes(ORDERS)
    house.set("TRACING_OVERHEAD_BUDGET", "off")
    house.set("TRACING_VALUE_BUDGET", "0")
    await house.ask("instrument", paths=["orders.py"])
    subprocess.run([sys.executable, "orders.py"], cwd=house.project.root, check=True)
    calls = await house.ask("get_function_traces", function="look", file="orders.py", limit=50)
    assert LEGEND.format(8) in calls.text.splitlines()
    assert calls.text.count(" [brief] ") == 8
    assert sum(one.brief for one in calls.result.spans) == 8
    assert LEGEND.format(8) in (await house.ask("get_trace", trace_id="last")).text.splitlines()
    last = next(one for one in calls.result.spans if one.brief)
    assert LEGEND.format(1).replace("calls", "call") in (await house.ask("inspect_span", span_id=last.span_id)).text


async def test_a_failing_call_shows_its_arguments_whole_and_says_when_they_were_looked_at(house: House) -> None:
    (house.project.root / "orders.py").write_bytes(CHECKED)
    house.set("TRACING_OVERHEAD_BUDGET", "off")
    house.set("TRACING_VALUE_BUDGET", "0")
    await house.ask("instrument", paths=["orders.py"])
    subprocess.run([sys.executable, "orders.py"], cwd=house.project.root, check=True)
    calls = await house.ask("get_function_traces", function="check", file="orders.py", limit=50)
    (line,) = [line for line in calls.text.splitlines() if "ValueError: 39" in line]
    assert "check(order=Order{number: 39})" in line
    assert "[arguments as it failed]" in line
    assert [one.params_late for one in calls.result.spans].count(True) == 1
    assert LEGEND.format(7) in calls.text.splitlines()
