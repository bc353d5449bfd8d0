"""Traces of which not all is fetched: what failed in its own way, what is asked for and what is slow is told all the same."""

from __future__ import annotations

import subprocess
import sys

import pytest
from shop_house import House

from mcp_tracer.service.context import Caller
from mcp_tracer.service.operations import deeper, get_trace, traces
from mcp_tracer.service.operations.views import span_view

pytestmark = pytest.mark.anyio

WORKER = b"""import time


class BrokenLedger(Exception):
    pass


def step(n):
    return n + 1


def charge(job):
    if job == 3:
        raise BrokenLedger("ledger of job 3 is broken")
    return step(job)


def cached(job):
    if job > 3:
        raise KeyError(job)
    return job


def deep_slow(job):
    if job == 20:
        time.sleep(0.2)
    return step(job)


def process(job):
    try:
        charge(job)
        cached(job)
    except (BrokenLedger, KeyError):
        pass
    return deep_slow(job)


def main():
    return [process(job) for job in range(40)]


main()
"""


@pytest.fixture
async def large(house: House, monkeypatch: pytest.MonkeyPatch) -> House:
    """A worker whose trace is too large to be fetched deeper than its jobs; one fails in its own way, 36 in another."""
    (house.project.root / "worker.py").write_bytes(WORKER)
    house.set("TRACING_OVERHEAD_BUDGET", "off")
    await house.ask("instrument", paths=["worker.py"])
    subprocess.run([sys.executable, "worker.py"], cwd=house.project.root, check=True)
    monkeypatch.setattr(traces, "MOST_SPANS", 50)
    monkeypatch.setattr(traces, "DEPTHS", (1,))
    monkeypatch.setattr(traces, "MOST_ERRORS_OF_LARGE", 4)
    return house


async def told(house: House, **more: object) -> list[str]:
    """The lines of the trace."""
    answer = await house.service.call("get_trace", {"max_tokens": 4000, **more}, Caller("claude-code", "2.1", "mcp"))
    return answer.text.splitlines()


async def test_of_what_failed_each_kind_is_told_first_and_how_many_more_there_are(large: House) -> None:
    lines = await told(large)
    failed = [line.split("✗")[1].split(" worker.py")[0].strip() for line in lines if "✗" in line]
    assert failed == ["__main__.BrokenLedger: ledger of job 3 is broken", "KeyError: 4", "KeyError: 5", "KeyError: 6"]
    (more,) = [line for line in lines if "further failed" in line]
    trace = lines[0].split()[1]
    assert more.startswith("33 further failed calls are not shown, after the first of each kind: ")
    assert more.endswith(f'search_traces(trace="{trace}", has_error=true) lists them.')


async def test_of_a_subtree_it_is_said_that_more_may_have_failed(large: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(traces, "MOST_SPANS", 4)
    top = (await told(large))[1].split("#")[1].split()[0]
    assert any(line.startswith("More failed calls may lie deeper: search_traces(") for line in await told(large, span_id=top))


async def test_the_slowest_path_goes_on_deeper_than_was_fetched(large: House) -> None:
    lines = await told(large)
    (number,) = [number for number, line in enumerate(lines) if line.endswith(" \u25c0") and "process" in line]
    assert "process(job=20)" in lines[number] and any("deep_slow(job=20)" in line for line in lines[number : number + 3])


@pytest.mark.parametrize("more", [{"max_depth": 0}, {"max_depth": 1}, {"min_duration": 150}, {"name": "charge"}])
async def test_no_call_is_marked_that_is_not_on_the_slowest_path(large: House, more: dict[str, object]) -> None:
    marked = [line for line in (await told(large, **more))[1:] if "\u25c0" in line]
    assert all("job=20" in line for line in marked) and bool(marked) == (more != {"max_depth": 0})


async def test_calls_of_a_name_are_found_however_deep_they_lie(large: House) -> None:
    lines = await told(large, name="CHARGE")
    calls = [line for line in lines if "charge(" in line]
    assert any("BrokenLedger: " in line for line in calls) and len(calls) > 1
    assert not any("No call" in line or "deep_slow" in line or " more " in line for line in lines)


async def test_of_many_calls_of_a_name_what_failed_and_the_longest_are_told_and_how_many_more_there_are(
    large: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deeper, "MOST_SOUGHT", 5)
    lines = await told(large, name="step")
    (rest,) = [line for line in lines if "search_traces" in line]
    assert (
        rest.startswith("7") and ' shorter ones fit too: search_traces(trace="' in rest and 'query="step", order="duration") lists' in rest
    )
    assert any("BrokenLedger" in line for line in await told(large, name="charge"))


async def test_long_calls_are_found_however_deep_they_lie(large: House) -> None:
    lines = await told(large, min_duration=150)
    assert any("deep_slow(job=20)" in line for line in lines) and not any("step(" in line for line in lines)


async def test_a_name_that_no_call_has_is_denied_only_down_to_where_was_looked(large: House) -> None:
    assert (await told(large, name="nowhere"))[1].startswith("No call of this trace has 'nowhere' in its function, file or SQL: ")
    assert (await told(large, name="deep_slow", max_depth=1))[1].startswith("No call of this trace down to depth 1 has 'deep_slow' ")


async def test_spans_are_put_on_the_wire_only_where_they_are_asked_for(large: House, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    monkeypatch.setattr(get_trace, "span_view", lambda span, children: made.append(span.span_id) or span_view(span, children))
    answer = await large.ask("get_trace", max_tokens=300)
    assert answer.text and made == []
    spans = answer.result.model_dump(mode="json", by_alias=True)["spans"]
    assert [span["spanId"] for span in spans] == made == [span.span_id for span in answer.result.spans] and len(made) > 40
    assert spans[0]["children"] == [span["spanId"] for span in spans if span["parentSpanId"] == spans[0]["spanId"]]
