"""Lists over a store: runs, traces, a span's events, names for completion; each against the reference's rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any
from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st

from mcp_tracer.model.query import Page
from mcp_tracer.storage.sqlite import SqliteSpanStore, failures
from mcp_tracer.storage.sqlite.writer import Limits
from tests.contracts.programs import RUNS, programs
from tests.contracts.reference import Reference, Row
from tests.contracts.test_span_store import compare, shapes, some
from tests.spool_builder import SpoolBuilder

Shape = tuple[int, Limits, bool]


async def pages(asked: Callable[[str | None], Awaitable[Page[Any]]]) -> list[Any]:
    """All rows of a list, page by page."""
    rows: list[Any] = []
    cursor: str | None = None
    while True:
        page = await asked(cursor)
        rows += page.rows
        if (cursor := page.cursor) is None:
            return rows


def by_trace(reference: Reference) -> dict[str, list[Row]]:
    """The rows of each trace."""
    found: dict[str, list[Row]] = {}
    for row in reference.rows:
        found.setdefault(row.trace_id, []).append(row)
    return found


@given(programs, shapes, st.integers(1, 3))
@some
def test_runs_are_listed_with_what_was_recorded_in_them(builders: list[SpoolBuilder], shape: Shape, limit: int) -> None:
    async def check(store: SqliteSpanStore, reference: Reference) -> None:
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
    async def check(store: SqliteSpanStore, reference: Reference) -> None:
        started = {trace_id: min(row.start_ns for row in rows) for trace_id, rows in by_trace(reference).items()}
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
    async def check(store: SqliteSpanStore, reference: Reference) -> None:
        for row in reference.rows[:20]:
            happened = sorted((one.number, one.at_ns, one.line) for one, its in reference.events if its.span_id == row.span_id)
            assert [(one.number, one.at_ns, one.line) for one in await store.events(row.span_id)] == happened

    compare(builders, shape, check)


@given(programs, shapes)
@some
def test_the_functions_own_times_add_up(builders: list[SpoolBuilder], shape: Shape) -> None:
    async def check(store: SqliteSpanStore, reference: Reference) -> None:
        for run in (None, RUNS[0]):
            assert await store.self_time(run) == sum(row[3] for row in reference.stats(run).values())
            assert await store.call_count(run) == sum(row[0] for row in reference.stats(run).values())

    compare(builders, shape, check)


@given(programs, shapes, st.sampled_from(["", "1", "11", "12" * 16, "zz", "1" * 40]), st.sampled_from(["", "lo", "É", "save", "zz"]))
@some
def test_names_are_completed(builders: list[SpoolBuilder], shape: Shape, prefix: str, part: str) -> None:
    async def check(store: SqliteSpanStore, reference: Reference) -> None:
        traces = by_trace(reference)
        assert set(await store.names("trace", prefix)) == {trace_id for trace_id in traces if trace_id.startswith(prefix)}
        assert len(await store.names("trace", "", 1)) == min(1, len(traces))
        assert await store.names("run", "0") == tuple(builder.run_id for builder in reversed(builders))
        functions = {"main", "Store.save", "load", "Load.Éclair"}
        assert await store.names("function", part) == tuple(sorted(name for name in functions if part.lower() in name.lower()))

    compare(builders, shape, check)


def births(rows: list[Row], start_ns: int | None) -> list[str]:
    """Ids of failed calls that called nothing in their process that failed with the same type, one of each kind before the next."""
    failed = [row for row in rows if row.error and (start_ns is None or row.start_ns >= start_ns)]
    passed = {(row.source, row.parent_span_id, row.error) for row in failed}
    times: Counter[tuple[Any, ...]] = Counter()
    found: list[tuple[int, str]] = []
    for row in sorted(failed, key=lambda row: (row.start_ns, row.source, row.seq)):
        kind = (row.error, row.file, row.function, row.line, row.kind)
        if (row.source, row.span_id, row.error) not in passed:
            found.append((times[kind], row.span_id))
            times[kind] += 1
    return [span_id for _, span_id in sorted(found, key=lambda one: one[0])]


@given(programs, shapes, st.integers(1, 4), st.booleans(), st.sampled_from([0, 64]))
@some
def test_of_the_errors_of_a_trace_those_of_each_kind_come_first(
    builders: list[SpoolBuilder], shape: Shape, limit: int, late: bool, most_frames: int
) -> None:
    async def check(store: SqliteSpanStore, reference: Reference) -> None:
        for trace_id, rows in by_trace(reference).items():
            start_ns = sorted(row.start_ns for row in rows)[len(rows) // 2] if late else None
            with patch.object(failures, "_MOST_FRAMES", most_frames):
                found = await store.births(trace_id, start_ns=start_ns, limit=limit)
            assert [span.span_id for span in found] == births(rows, start_ns)[:limit]

    compare(builders, shape, check)
