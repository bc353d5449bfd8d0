"""What the port says besides lists of spans: words for runs, unknown ids, callers, paths, looking, findings, retention."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_tracer.model.calls import Calls
from mcp_tracer.model.errors import NotFound, UserError
from mcp_tracer.model.patterns import Finding, Looked
from mcp_tracer.model.query import SpanQuery
from mcp_tracer.storage.port import SpanStore
from tests.contracts import summaries
from tests.contracts.in_memory.paths import added_up, paths_of
from tests.contracts.programs import RUNS, START, programs
from tests.contracts.reference import Reference
from tests.contracts.span_store import shown
from tests.contracts.stores import Shape, Store, batches_of, compare, shapes, some
from tests.contracts.test_lists import pages
from tests.spool_builder import SpoolBuilder


@given(programs, shapes, st.booleans())
@some
def test_runs_are_found_by_id_by_its_beginning_and_by_word(builders: list[SpoolBuilder], shape: Shape, gone: bool) -> None:
    async def check(store: SpanStore, reference: Reference) -> None:
        runs = summaries.runs_of(reference.recordings)
        assert list((await store.runs()).rows) == runs
        for run in runs:
            assert await store.run(run.run_id) == await store.run(run.run_id[:6].upper()) == run
        for word in ("last", "previous", "last-failed", "Last Failed", "last_failed"):
            expected = summaries.chosen_run(runs, word.lower().replace(" ", "-").replace("_", "-"))
            if expected is not None:
                assert await store.run(word) == expected
            else:
                with pytest.raises(NotFound):
                    await store.run(word)

    compare(builders, shape, check, gone)


@given(programs, shapes, st.booleans(), st.sampled_from([None, RUNS[0]]))
@some
def test_traces_are_summed_up_and_found_by_word(builders: list[SpoolBuilder], shape: Shape, gone: bool, run: str | None) -> None:
    async def check(store: SpanStore, reference: Reference) -> None:
        traces = summaries.traces_of(reference.recordings)
        assert list((await store.traces()).rows) == traces
        assert list((await store.traces(run)).rows) == summaries.traces_of(reference.recordings, run)
        for trace in traces:
            assert await store.trace(trace.trace_id) == await store.trace(trace.trace_id[:8]) == trace
        for word, expected in (("last", traces[:1]), ("last-failed", [one for one in traces if one.errors][:1])):
            if expected:
                assert await store.trace(word) == expected[0]
            else:
                with pytest.raises(NotFound):
                    await store.trace(word)

    compare(builders, shape, check, gone)


@given(programs, shapes)
@some
def test_what_is_unknown_or_unclear_is_refused(builders: list[SpoolBuilder], shape: Shape) -> None:
    async def check(store: SpanStore, reference: Reference) -> None:
        for asked in (store.run("ff" * 16), store.trace("ff" * 16), store.trace_spans("ff" * 16), store.span("ff" * 8), store.events("f")):
            with pytest.raises(NotFound):
                await asked
        wrong: list[Any] = [store.run("0a"), store.hotspots(by="cost"), store.names("colour", ""), store.search(SpanQuery(limit=0))]
        wrong += [store.search(SpanQuery(order="name")), store.search(SpanQuery(cursor="no cursor")), store.runs(cursor="nor this")]
        for asked in wrong:
            with pytest.raises(UserError):
                await asked
        first = await store.search(SpanQuery(limit=1))
        if first.cursor is not None:
            with pytest.raises(UserError):
                await store.search(SpanQuery(limit=1, order="duration", cursor=first.cursor))

    compare(builders, shape, check)


@given(programs, shapes, st.integers(0, 5))
@some
def test_callers_lead_up_to_roots_and_to_what_is_known(builders: list[SpoolBuilder], shape: Shape, known: int) -> None:
    async def check(store: SpanStore, reference: Reference) -> None:
        asked = [row.span_id for row in reference.rows[-3:]]
        there = [row.span_id for row in reference.rows[:known]]
        found = await store.callers([await store.span(one) for one in asked], there)
        expected = sorted(reference.callers(asked, there), key=lambda row: row.span_id)
        assert [shown(one) for one in sorted(found, key=lambda span: span.span_id)] == [shown(row) for row in expected]

    compare(builders, shape, check)


@given(programs, shapes, st.sampled_from([0.0, 0.001, 0.1, 0.5]))
@some
def test_paths_below_a_share_are_left_out_with_all_below_them(builders: list[SpoolBuilder], shape: Shape, least: float) -> None:
    async def check(store: SpanStore, reference: Reference) -> None:
        asked = [(await store.call_paths(one, least), reference.trace_spans(one)) for one in reference.by_trace()]
        for run in RUNS[: len(builders)]:
            asked.append((await store.call_paths_of_run(run, least), [row for row in reference.rows if row.run_id == run]))
        for found, rows in asked:
            assert all(path.above < at for at, path in enumerate(found))
            assert unfolded(found) == unfolded(paths_of(rows, reference.counted, least))
            assert least or len(found) == len(added_up(rows, reference.counted))

    compare(builders, shape, check)


def unfolded(paths: tuple[Any, ...]) -> dict[tuple[Any, ...], tuple[int, ...]]:
    """Path -> sums."""
    full: list[tuple[Any, ...]] = []
    for path in paths:
        full.append((*(full[path.above] if path.above >= 0 else ()), (path.file, path.function, path.line, path.kind)))
    return {one: (path.calls, path.errors, path.total_ns, path.self_ns) for one, path in zip(full, paths, strict=True)}


@given(programs, shapes, st.integers(1, 40), st.booleans())
@some
def test_each_finished_call_is_looked_at(builders: list[SpoolBuilder], shape: Shape, limit: int, gone: bool) -> None:
    async def check(store: Store, reference: Reference) -> None:
        seen: dict[str, tuple[Any, ...]] = {}
        place: str | None = None
        while True:
            rows, reached = await store.scan(place, looked_at, limit)
            if reached == place:
                break
            seen, place = seen | rows, reached
        expected = {
            row.span_id: ((row.file, row.function, row.line, row.kind), row.error or "", row.run_id, row.start_ns, row.duration_ns,
                          row.self_ns, row.depth, repr(row.values))
            for row in reference.rows if row.counted
        }  # fmt: skip
        assert seen == expected

    compare(builders, shape, check, gone)


def looked_at(calls: Calls) -> dict[str, tuple[Any, ...]]:
    """Span id -> what its row says."""
    values = calls.values(range(len(calls.rows)))
    return {
        f"{int(row['span']):016x}": (
            tuple(calls.functions[int(row["fn"])]), calls.errors[int(row["err"])] or "", calls.run_id(at),
            *(int(row[name]) for name in ("start", "dur", "self", "depth")), repr(values[at]),
        )
        for at, row in enumerate(calls.rows)
    }  # fmt: skip


findings = st.lists(
    st.builds(
        Finding,
        kind=st.sampled_from(["error-burst", "retry-storm"]),
        subject=st.sampled_from(["save", "load"]),
        run_id=st.sampled_from(RUNS[:2]),
        sentence=st.sampled_from(["one", "two"]),
        span_ids=st.just(("ab" * 8,)),
        count=st.integers(1, 5),
        first_ns=st.integers(START, START + 9),
        last_ns=st.integers(START + 10, START + 20),
    ),
    max_size=8,
)


@given(st.lists(findings, max_size=3), shapes, st.integers(1, 3))
@some
def test_findings_are_kept_once_and_told_newest_first(kept: list[list[Finding]], shape: Shape, limit: int) -> None:
    told: list[Any] = []

    async def check(store: Store, reference: Reference) -> None:
        answers: list[Any] = [await store.keep_findings(some_of, f"place {at}", [RUNS[at]]) for at, some_of in enumerate(kept)]
        for run in (None, *RUNS):
            for kind in (None, "error-burst"):
                rows = await pages(lambda cursor, run=run, kind=kind: store.findings(run, kind, limit, cursor))
                assert (await store.findings(run, kind)).total == len(rows)
                answers.append(rows)
        assert await store.looked() == (Looked(f"place {len(kept) - 1}", frozenset(RUNS[: len(kept)])) if kept else Looked())
        told.append(answers)

    compare([SpoolBuilder(RUNS[0])], shape, check)
    assert told[0] == told[1]  # SQLite says what the lists say


@given(programs, shapes, st.sampled_from([START, START + 10**12, START + 5 * 10**12, 1 << 62]))
@some
def test_retention_deletes_nothing_that_ended_later_and_tells_what_it_deleted(
    builders: list[SpoolBuilder], shape: Shape, older: int
) -> None:
    async def check(store: Store, reference: Reference) -> None:
        deleted = await store.retain(older, None)
        left = (await store.search(SpanQuery(limit=1000, order="time"))).rows
        rows = {row.span_id: row for row in reference.rows}
        assert len(left) == len(rows) - deleted == (await store.size())[1]
        gone = [row for row in rows.values() if row.span_id not in {span.span_id for span in left}]
        assert all(row.end_ns < older and row.counted for row in gone)
        assert older < 1 << 62 or not left
        runs = (await store.runs()).rows
        assert {run.run_id: run.expired for run in runs} == {run.run_id: sum(row.run_id == run.run_id for row in gone) for run in runs}
        assert await store.expired() == (deleted, sum(run.expired > 0 for run in runs))
        assert [shown(span) for span in left] == [shown(rows[span.span_id]) for span in left]

    compare(builders, replace_limits(shape), check, gone=True)


def replace_limits(shape: Shape) -> Shape:
    """With segments of few spans."""
    return shape._replace(limits=replace(shape.limits, spans=25))


@given(programs, shapes)
@some
def test_what_was_taken_before_changes_nothing(builders: list[SpoolBuilder], shape: Shape) -> None:
    async def check(store: Store, reference: Reference) -> None:
        for builder in builders:
            await store.append(batches_of(builder, shape.step))
        assert [shown(span) for span in (await store.search(SpanQuery(limit=1000))).rows] == [
            shown(row) for row in reference.search(SpanQuery())
        ]
        assert (await store.size())[1] == len(reference.rows)

    compare(builders, shape, check)
