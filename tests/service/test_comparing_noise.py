"""`compare` finds what changed among clocks and random numbers, and what was asked for among the rest."""

from __future__ import annotations

import sys

import pytest
from recording import recorded
from shop_house import House

from mcp_tracer.model.errors import NotFound

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120)]

SHOP = """import random
import time


def draw():
    return random.random()


def stamp(x):
    return time.time()


def tax(price):
    return price * 2


def only1():
    return 1


def only2():
    return 2


def order(i):
    draw()
    stamp(1)
    return tax(i * 10)


def main():
    for i in range(12):
        order(i)
    only1()


main()
"""
CHANGED = SHOP.replace("return price * 2", "return price * 2 if price != 70 else -1").replace(
    "    only1()\n", "    only2()\n    order(3)\n"
)
PAUSE = """import time


def pause(x):
    time.sleep(WAIT)
    return [x, str(x)]


def trifle(x):
    return x + 1


for i in range(30):
    trifle(pause(i)[0])
"""


async def two_runs(house: House) -> None:
    for program in (SHOP, CHANGED):
        await recorded(house, "shop.py", program, sys.executable, "shop.py")


async def test_what_changed_is_told_and_not_the_noise_around_it(house: House) -> None:
    await two_runs(house)
    answer = await house.ask("compare", section="divergence")
    sure = [(row.what, row.before, row.after) for row in answer.result.divergence if not row.doubtful]
    assert sure == [
        ("tax gave", "140", "-1"), ("structure", "only1 was called", "only2 was called"), ("structure", "main ended", "order was called"),
    ]  # fmt: skip
    assert "draw gave" not in answer.text and "stamp gave" not in answer.text
    assert f'Next: inspect_span span_id="{answer.result.divergence[0].span_after}".' in answer.text


async def test_a_call_more_comes_before_a_value_that_may_be_chance(house: House) -> None:
    for more in ("", "; tax(2)"):
        program = SHOP.replace("main()\n", "") + f"def once():\n    draw(); tax(1){more}\n\n\nonce()\n"
        await recorded(house, "shop.py", program.replace("def once", "\n\ndef once"), sys.executable, "shop.py")
    rows = (await house.ask("compare", section="divergence")).result.divergence
    assert [(row.what, row.doubtful) for row in rows] == [("structure", False), ("draw gave", True)]
    assert rows[0].after == "tax was called"


async def test_a_filter_holds_for_the_differences_in_order_too(house: House) -> None:
    await two_runs(house)
    answer = await house.ask("compare", function="tax")
    assert [row.what for row in answer.result.divergence] == ["tax gave"]
    assert (await house.ask("compare", function="draw")).result.divergence == []


async def test_a_function_of_neither_side_is_told_as_such(house: House) -> None:
    await two_runs(house)
    with pytest.raises(NotFound, match=r"neither side has calls of function 'ordr'\. Did you mean order\?"):
        await house.ask("compare", function="ordr")
    with pytest.raises(NotFound, match=r"neither side has calls of function 'tax' of file 'nosuch.py'"):
        await house.ask("compare", function="tax", file="nosuch.py")


async def test_one_part_says_nothing_of_the_others(house: House) -> None:
    await two_runs(house)
    answer = await house.ask("compare", section="errors")
    assert answer.result.totals == {"errors": 0}
    assert 'Errors: no difference.\nOnly this part was compared: section="all" gives every part.' in answer.text
    assert "No difference was found" not in answer.text and "Times" not in answer.text


async def test_times_of_different_levels_are_not_compared(house: House) -> None:
    house.set("TRACING_OVERHEAD_BUDGET", "off")
    for level, wait in ((2, 0.001), (5, 0.004)):
        await recorded(house, "pause.py", PAUSE.replace("WAIT", str(wait)), sys.executable, "pause.py", level=level)
    answer = await house.ask("compare")
    assert answer.result.times == []
    assert "The sides were traced at different levels (2 | 5)" in answer.text
    assert "no significant change" not in answer.text


async def test_a_regression_that_makes_most_of_the_time_is_told(house: House) -> None:
    house.set("TRACING_OVERHEAD_BUDGET", "off")
    for wait in (0.002, 0.006):
        await recorded(house, "pause.py", PAUSE.replace("WAIT", str(wait)), sys.executable, "pause.py")
    answer = await house.ask("compare", section="times")
    assert [row.what for row in answer.result.times][:1] == ["pause"]
    assert "slower together" not in answer.text
    assert "Too few other functions take long enough to tell slower code from a slower machine" in answer.text


async def test_a_run_that_called_nothing_is_of_no_other_level(house: House) -> None:
    for calls in ("order(1)", "pass"):
        await recorded(house, "shop.py", SHOP.replace("\n\nmain()", f"\n\n{calls}"), sys.executable, "shop.py")
    assert "different levels" not in (await house.ask("compare")).text


async def test_a_root_with_another_argument_is_told_first_and_roots_paired_by_guess_are_not(house: House) -> None:
    for arg, drawn in (("a", 3), ("b", 4)):
        program = SHOP.replace("\n\nmain()\n", f"\n\ndef start(arg):\n    return stamp(1) and tax(arg)\n\n\nstart('{arg}')\n")
        await recorded(house, "shop.py", program + f"for i in range(3):\n    tax({drawn} * 100 + i)\n", sys.executable, "shop.py")
    answer = await house.ask("compare", section="divergence")
    first = answer.result.divergence[0]
    assert (first.what, first.doubtful) == ("start got arg =", False)
    assert {row.doubtful for row in answer.result.divergence if row.trace == "tax"} == {True}
    assert "may be chance" not in answer.text.splitlines()[3]
