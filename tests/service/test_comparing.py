"""`compare` on real programs, Python and JavaScript."""

from __future__ import annotations

import sys

import pytest
from recording import recorded, write
from shop_house import House

from mcp_tracer.model.errors import NotFound, UserError

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120)]

PRICING = '''"""Prices."""


def discount(price, code):
    return price * 0.5 if code == "HALF" else price


def tax(amount):
    return round(amount * 0.19, 2)


def total(items, code=None):
    amount = sum(discount(price, code) for price in items)
    return amount + tax(amount)
'''
TESTS = """from pricing import total


def test_plain():
    assert total([3, 10]) == 15.47


def test_half():
    assert total([3, 10], "HALF") < 10
"""
JAVASCRIPT = """'use strict';
function tax(amount) {
  return Math.round(amount * 19) / 100;
}
function total(items) {
  const amount = items.reduce((sum, price) => sum + price, 0);
  return amount + tax(amount);
}
console.log(total([3, 10]));
"""


async def two_test_runs(house: House) -> None:
    write(house, "test_pricing.py", TESTS)
    command = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_pricing.py")
    await recorded(house, "pricing.py", PRICING, *command)
    await recorded(house, "pricing.py", PRICING.replace("0.19", "0.18"), *command)


async def test_a_test_that_fails_now_is_told_from_the_first_difference_on(house: House) -> None:
    await two_test_runs(house)
    answer = await house.ask("compare")
    first = answer.result.divergence[0]
    assert (first.trace, first.what, first.before, first.after) == ("test_pricing.py::test_plain", "tax gave", "2.47", "2.34")
    assert f'Next: inspect_span span_id="{first.span_after}".' in answer.text
    (error,) = [row for row in answer.result.errors if row.what.endswith("in test_plain") or " in test" in row.what]
    assert (error.before, error.after) == ("none", "×1")
    told = {row.what.partition("(")[0]: (row.before, row.after) for row in answer.result.results}
    assert told["tax"] in (("→ 2.47", "→ 2.34"), ("→ 1.24", "→ 1.17"))


async def test_one_test_in_two_runs(house: House) -> None:
    await two_test_runs(house)
    result = (await house.ask("compare", test="test_half")).result
    assert [(row.what, row.before, row.after) for row in result.divergence] == [
        ("tax gave", "1.24", "1.17"), ("total gave", "7.74", "7.67"),
    ]  # fmt: skip
    assert (result.calls, result.errors) == ([], [])


async def test_equal_runs_have_no_difference(house: House) -> None:
    for _ in range(2):
        await recorded(house, "pricing.py", PRICING + "\n\ntotal([1, 2, 3])\n", sys.executable, "pricing.py")
    answer = await house.ask("compare")
    assert answer.result.totals == {"divergence": 0, "errors": 0, "results": 0, "calls": 0, "times": 0}
    assert "No difference was found in what both sides recorded." in answer.text


async def test_errors_of_groups_of_runs_are_averages_as_calls_are(house: House) -> None:
    failing = PRICING + "\n\nfor _ in range(4):\n    try:\n        total(None)\n    except TypeError:\n        pass\n"
    for _ in range(3):
        await recorded(house, "pricing.py", failing, sys.executable, "pricing.py")
    newest, second, oldest = [run.run_id for run in (await house.ask("list_runs")).result.runs]
    answer = await house.ask("compare", before=f"{oldest},{second}", after=newest)
    assert (answer.result.errors, answer.result.calls) == ([], [])
    assert "numbers of calls and errors are a run's on average." in answer.text


async def test_runs_at_different_levels_say_what_only_one_side_has(house: House) -> None:
    for level in (1, 3):
        await recorded(house, "pricing.py", PRICING + "\n\ntotal([1, 2, 3])\n", sys.executable, "pricing.py", level=level)
    answer = await house.ask("compare")
    assert [note.split(" (")[0] for note in answer.result.notes[:2]] == [
        "Only the after side recorded parameters", "Only the after side recorded call expressions",
    ]  # fmt: skip
    assert set(answer.result.totals.values()) == {0}, answer.text


async def test_calls_that_one_side_made_and_pages_of_them(house: House) -> None:
    await recorded(house, "pricing.py", PRICING + "\n\ntotal([1, 2])\n", sys.executable, "pricing.py")
    more = "\n\ndef log(x):\n    pass\n\n\ntotal([1, 2, 3, 4])\nlog(1)\n"
    await recorded(house, "pricing.py", PRICING + more, sys.executable, "pricing.py")
    rows = (await house.ask("compare")).result.calls
    assert [(row.what, row.before, row.after) for row in rows] == [("log", "not called", "×1"), ("discount", "×2", "×4")]
    first = await house.ask("compare", section="calls", limit=1)
    assert f'1 shown of 2; cursor="{first.result.cursor}" gives the next.' in first.text
    assert (await house.ask("compare", function="total")).result.totals["calls"] == 0
    await recorded(house, "pricing.py", PRICING, sys.executable, "pricing.py")  # "last" and "previous" are others now
    second = await house.ask("compare", section="calls", limit=1, cursor=first.result.cursor)
    assert (second.result.before, second.result.after) == (first.result.before, first.result.after)
    assert ([row.what for row in second.result.calls], second.result.cursor) == (["discount"], None)


async def test_javascript_runs_are_compared_too(house: House) -> None:
    await recorded(house, "prices.js", JAVASCRIPT, "node", "prices.js")
    await recorded(house, "prices.js", JAVASCRIPT.replace("* 19", "* 18"), "node", "prices.js")
    result = (await house.ask("compare")).result
    assert (result.divergence[0].what, result.divergence[0].before, result.divergence[0].after) == ("tax gave", "2.47", "2.34")


async def test_two_traces_and_runs_by_commit(house: House) -> None:
    await two_test_runs(house)
    store = house.service.tools.store
    newer, older = [run.run_id for run in (await house.ask("list_runs")).result.runs]
    ours, theirs = [(await store.traces(run)).rows[-1].trace_id for run in (older, newer)]
    by_trace = (await house.ask("compare", before=f"trace:{ours}", after=theirs)).result
    assert by_trace.divergence[0].what == "tax gave"
    by_id = (await house.ask("compare", before=older[:12], after=f"{newer},")).result
    assert by_id.before.startswith(f"run {older} ")
    with pytest.raises(NotFound, match="no run was made in a git repository"):
        await house.ask("compare", before="commit:abc")


async def test_a_run_on_both_sides_is_refused_and_one_named_twice_counts_once(house: House) -> None:
    for _ in range(2):
        await recorded(house, "pricing.py", PRICING + "\n\ntotal([1, 2])\n", sys.executable, "pricing.py")
    newer, older = [run.run_id for run in (await house.ask("list_runs")).result.runs]
    with pytest.raises(UserError, match=rf"^run {newer} is on both sides: leave it out of one"):
        await house.ask("compare", before=f"{older},{newer}", after=newer)
    result = (await house.ask("compare", before=f"{older},{older}", after=newer)).result
    assert (result.before.startswith(f"run {older} ("), result.calls) == (True, [])


async def test_wrong_sides_are_answered_with_what_to_write(house: House) -> None:
    await two_test_runs(house)
    with pytest.raises(UserError, match=r"both sides are run .* name two, such as before=previous and after=last"):
        await house.ask("compare", before="last", after="last")
    with pytest.raises(UserError, match="one side is a trace and the other a run"):
        await house.ask("compare", before="trace:last", after="last")
    with pytest.raises(NotFound, match=r"not exactly one trace of test 'test': there are test_pricing\.py::test_\w+"):
        await house.ask("compare", test="test")
    with pytest.raises(NotFound, match="There is no run 'nothing'"):
        await house.ask("compare", before="nothing")
    with pytest.raises(UserError, match="cursor doesn't belong"):
        await house.ask("compare", cursor="1")


async def test_last_failed_may_be_written_with_a_space(house: House) -> None:
    await two_test_runs(house)
    (failed,) = [run for run in (await house.ask("list_runs")).result.runs if run.exit_code]
    assert (await house.ask("compare", before="previous", after="last failed")).result.after.startswith(f"run {failed.run_id} ")
