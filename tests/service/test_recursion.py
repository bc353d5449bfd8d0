"""Answers about a program that calls itself: few lines, no time counted twice without saying so."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from shop_house import House

from mcp_tracer.service.operations import traces

pytestmark = pytest.mark.anyio

FIB = b"""def fib(n):
    if n < 2:
        return n
    return fib(n - 1) + fib(n - 2)


def main():
    return fib(12)


main()
"""
CALLS = 465


@pytest.fixture
async def recursive(house: House) -> House:
    """A project whose only run made 465 calls of `fib` in one trace."""
    (house.project.root / "fib.py").write_bytes(FIB)
    house.set("TRACING_OVERHEAD_BUDGET", "off")
    await house.ask("instrument", paths=["fib.py"])
    subprocess.run([sys.executable, "fib.py"], cwd=house.project.root, check=True)
    return house


async def test_a_trace_tells_recursive_calls_as_one_line(recursive: House) -> None:
    heading, main, fib = (await recursive.ask("get_trace", trace_id="last")).text.splitlines()
    assert f"{CALLS + 1} spans" in heading
    assert " main → 144 " in main
    assert " fib(n=12) → 144 " in fib and f"[recursive: ×{CALLS} (depth ≤ 12), self " in fib


async def test_a_flame_graph_has_one_frame_for_a_recursive_function(recursive: House) -> None:
    answer = await recursive.ask("get_flow", trace_id="last", format="flamegraph")
    (main,) = answer.result.flow["children"]
    (fib,) = main["children"]
    assert (fib["name"], fib["calls"], fib["children"]) == ("fib", CALLS, [])
    assert fib["value"] <= main["value"]


async def test_statistics_say_where_a_total_counts_time_twice(recursive: House) -> None:
    for name, arguments in (("get_stats", {"file": "fib.py"}), ("get_hotspots", {})):
        lines = (await recursive.ask(name, **arguments)).text.splitlines()
        (fib,) = [line for line in lines if line.startswith("fib ")]
        (main,) = [line for line in lines if line.startswith("main ")]
        assert "*" in fib and "*" not in main
        assert lines[-1].startswith("* calls inside calls of the same function (recursion)")


async def test_the_subtree_of_a_late_span_of_a_large_trace_can_be_asked_for(recursive: House, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = (await recursive.ask("get_trace", trace_id="last")).result
    by_start = sorted(whole.spans, key=lambda span: span.span_id)
    late = next(span for span in reversed(by_start) if len(span.children) == 2)
    monkeypatch.setattr(traces, "MOST_SPANS", 20)
    answer = await recursive.ask("get_trace", trace_id=whole.trace_id, span_id=late.span_id)
    assert [span.span_id for span in answer.result.spans] == [late.span_id, *late.children]


async def test_a_trace_too_large_to_fetch_is_told_as_deep_as_fits(recursive: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(traces, "MOST_SPANS", 200)
    *_, fib, rest = (await recursive.ask("get_trace", trace_id="last")).text.splitlines()
    (calls, levels) = re.search(r"\[recursive: ×(\d+)\+ \(depth ≥ (\d+)\)\]", fib).groups()
    assert int(calls) == 63 + int(levels) - 6  # all down to there, and the slowest path
    assert rest.startswith(f"{CALLS - int(calls)} of {CALLS + 1} spans lie deeper")


DEEP = b"""def leaf(n):
    if n == 9:
        raise ValueError("nine")
    return n


def step(n, left):
    return leaf(n) if left == 0 else other(n, left - 1)


def other(n, left):
    return step(n, left)


def guarded(n):
    try:
        return step(n, 8)
    except ValueError:
        return None


def main():
    return [guarded(n) for n in range(12)]


main()
"""


@pytest.mark.parametrize("top", ["main", "guarded"])
async def test_what_failed_in_the_depth_of_a_large_trace_is_shown_with_the_way_to_it(
    house: House, monkeypatch: pytest.MonkeyPatch, top: str
) -> None:
    (house.project.root / "deep.py").write_bytes(DEEP)
    house.set("TRACING_OVERHEAD_BUDGET", "off")
    await house.ask("instrument", paths=["deep.py"])
    subprocess.run([sys.executable, "deep.py"], cwd=house.project.root, check=True)
    spans = (await house.ask("get_trace", trace_id="last")).result.spans
    tenth = [span for span in spans if span.function == "guarded"][9]
    monkeypatch.setattr(traces, "MOST_SPANS", 10)
    monkeypatch.setattr(traces, "DEPTHS", (3, 1))
    answer = await house.ask("get_trace", trace_id="last", max_tokens=3000, span_id=tenth.span_id if top == "guarded" else None)
    (failed,) = [span for span in answer.result.spans if span.function == "leaf"]
    assert failed.error and failed.params == {"n": 9} and len(answer.result.spans) < len(spans)
    lines = [line for line in answer.text.splitlines() if "ValueError" in line]
    assert [line.split("(")[0].split()[-1] for line in lines] == ["step", "step", "leaf"] and "more levels of other → step" in answer.text
    assert "lie deeper" in answer.text or top == "guarded"
