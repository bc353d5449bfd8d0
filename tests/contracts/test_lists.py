"""Lists over a store: runs, traces, a span's events, names for completion; each against the reference's rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any
from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st

from mcp_tracer.model.query import Page
from mcp_tracer.storage.port import SpanStore
from mcp_tracer.storage.sqlite import failures
from tests.contracts.programs import RUNS, programs
from tests.contracts.reference import Reference
from tests.contracts.span_store import happened, shown
from tests.contracts.stores import Shape, compare, shapes, some
from tests.spool_builder import SpoolBuilder


async def pages(asked: Callable[[str | None], Awaitable[Page[Any]]]) -> list[Any]:
    """All rows of a list, page by page."""
    rows: list[Any] = []
    cursor: str | None = None
    while True:
        page = await asked(cursor)
        rows += page.rows
        if (cursor := page.cursor) is None:
            return rows


@given(programs, shapes, st.integers(1, 3))
@some
def test_runs_are_listed_with_what_was_recorded_in_them(builders: list[SpoolBuilder], shape: Shape, limit: int) -> None:
    async def check(store: SpanStore, reference: Reference) -> None:
        runs = await pages(lambda cursor: store.runs(limit, cursor))
        assert [run.run_id for run in runs] == [builder.run_id for builder in reversed(builders)]
        spans = Counter(row.run_id for row in reference.rows)
        errors = Counter(row.run_id for row in reference.rows if row.error and row.finished)
        assert {run.run_id: (run.spans, run.errors) for run in runs} == {
            run.run_id: (spans[run.run_id], errors[run.run_id]) for run in runs
        }

    compare(builders, shape, check)


@given(programs, shapes, st.integers(1, 3), st.sampled_from([None, RUNS[0]]))
@some
def test_traces_are_listed_once_and_newest_first(builders: list[SpoolBuilder], shape: Shape, limit: int, run: str | None) -> None:
    async def check(store: SpanStore, reference: Reference) -> None:
        started = {trace_id: min(row.start_ns for row in rows) for trace_id, rows in reference.by_trace().items()}
        inside = {row.trace_id for row in reference.rows if run in (None, row.run_id)}
        rows = await pages(lambda cursor: store.traces(run, limit, cursor))
        found = {trace.trace_id: trace.start_ns for trace in rows}
        assert len(found) == len(rows)
        assert found.keys() >= inside  # a process also takes part in traces that it names without a span of its own
        assert found == {trace_id: started[trace_id] for trace_id in found}
        assert list(found.values()) == sorted(found.values(), reverse=True)

    compare(builders, shape, check)


@given(programs, shapes)
@some
def test_a_span_has_its_events_in_order(builders: list[SpoolBuilder], shape: Shape) -> None:
    async def check(store: SpanStore, reference: Reference) -> None:
        for row in reference.rows[:20]:
            expected = [happened(one) for one in reference.events_of(row.span_id)]
            assert [happened(one) for one in await store.events(row.span_id)] == expected
            assert [happened(one) for one in await store.events(row.span_id, 1)] == expected[:1]

    compare(builders, shape, check)


@given(programs, shapes)
@some
def test_the_functions_own_times_add_up(builders: list[SpoolBuilder], shape: Shape) -> None:
    async def check(store: SpanStore, reference: Reference) -> None:
        for run in (None, RUNS[0]):
            assert await store.self_time(run) == sum(one.self_ns for one in reference.stats(run).values())
            assert await store.call_count(run) == sum(one.calls for one in reference.stats(run).values())

    compare(builders, shape, check)


@given(programs, shapes, st.sampled_from(["", "1", "11", "12" * 16, "zz", "1" * 40]), st.sampled_from(["", "lo", "É", "save", "zz"]))
@some
def test_names_are_completed(builders: list[SpoolBuilder], shape: Shape, prefix: str, part: str) -> None:
    async def check(store: SpanStore, reference: Reference) -> None:
        traces = reference.by_trace()
        assert set(await store.names("trace", prefix)) == {trace_id for trace_id in traces if trace_id.startswith(prefix)}
        assert len(await store.names("trace", "", 1)) == min(1, len(traces))
        assert await store.names("run", "0") == tuple(builder.run_id for builder in reversed(builders))
        functions = {"main", "Store.save", "load", "Load.Éclair"}
        assert await store.names("function", part) == tuple(sorted(name for name in functions if part.lower() in name.lower()))

    compare(builders, shape, check)


@given(programs, shapes, st.integers(1, 4), st.booleans(), st.sampled_from([0, 64]))
@some
def test_of_the_errors_of_a_trace_those_of_each_kind_come_first(
    builders: list[SpoolBuilder], shape: Shape, limit: int, late: bool, most_frames: int
) -> None:
    async def check(store: SpanStore, reference: Reference) -> None:
        for trace_id, rows in reference.by_trace().items():
            start_ns = sorted(row.start_ns for row in rows)[len(rows) // 2] if late else None
            with patch.object(failures, "_MOST_FRAMES", most_frames):
                found = await store.births(trace_id, start_ns=start_ns, limit=limit)
            assert [shown(span) for span in found] == [shown(row) for row in reference.births(trace_id, start_ns)[:limit]]

    compare(builders, shape, check)
