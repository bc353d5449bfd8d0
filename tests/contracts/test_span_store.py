"""The contract suite: random programs, and stores that must say the same as the pure functions of the reference."""

from __future__ import annotations

import time
from dataclasses import replace
from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st

from mcp_tracer.analysis import provenance
from mcp_tracer.analysis.comparison import counts_of
from mcp_tracer.model.query import SpanQuery
from mcp_tracer.service.operations.sides import Side, failed, sampled, stats_of
from mcp_tracer.service.operations.value_search import look
from mcp_tracer.storage.port import SpanStore
from mcp_tracer.storage.sqlite import dense
from tests.contracts.programs import RUNS, START, TEXTS, TRACES, programs
from tests.contracts.reference import Reference
from tests.contracts.span_store import check_search, check_stats, check_trace, happened, shown
from tests.contracts.statistics import ranked
from tests.contracts.stores import Shape, compare, shapes, some
from tests.spool_builder import SpoolBuilder

HOUR = 3600 * 10**9

queries = st.builds(
    SpanQuery,
    text=st.none()
    | st.sampled_from([*(text[:6] for text in TEXTS if text), "LoAd", "éclair", "sel", "ï", "zzz", "users WHERE", "7", "2.5", "no al"]),
    file=st.sampled_from([None, None, "src/*", "store.py", "app.py"]),
    function=st.sampled_from([None, None, "save", "Store.*", "l*", "nothing"]),
    named=st.sampled_from([None, None, None, "AV", "app.", "src"]),
    kind=st.sampled_from([None, None, "method", "call"]),
    min_duration_ns=st.none() | st.integers(0, 2000),
    max_duration_ns=st.none() | st.integers(0, 10**9),
    has_error=st.sampled_from([None, None, True, False]),
    sites=st.booleans(),
    error_type=st.sampled_from([None, None, "ValueError"]),
    start_ns=st.none() | st.integers(START, START + 2 * HOUR),
    end_ns=st.none() | st.integers(START, START + 3 * HOUR),
    run_id=st.sampled_from([None, None, RUNS[0]]),
    trace_id=st.sampled_from([None, None, None, "a trace"]),
    test_id=st.sampled_from([None, None, None, "tests/a.py::test_b", "a.py", "no test"]),
    order=st.sampled_from(["time", "duration"]),
    descending=st.booleans(),
    limit=st.integers(1, 9),
    counted=st.booleans(),
)


@given(programs, shapes, st.sampled_from([None, 0, 2]))
@some
def test_traces_have_the_spans_that_were_recorded(builders: list[SpoolBuilder], shape: Shape, depth: int | None) -> None:
    async def check(store: SpanStore, reference: Reference) -> None:
        for trace_id in {row.trace_id for row in reference.rows}:
            await check_trace(store, reference, trace_id, depth)
            spans = reference.trace_spans(trace_id)
            for top in (spans[0], spans[len(spans) // 2]):
                await check_trace(store, reference, trace_id, depth, top.span_id)
            summary = await store.trace(trace_id)
            assert (summary.spans, summary.start_ns) == (len(spans), spans[0].start_ns)
            assert summary.errors == sum(row.error is not None for row in spans if row.finished)

    compare(builders, shape, check)


@given(programs, shapes, st.lists(queries, min_size=4, max_size=8))
@some
def test_searches_find_what_matches(builders: list[SpoolBuilder], shape: Shape, asked: list[SpanQuery]) -> None:
    async def check(store: SpanStore, reference: Reference) -> None:
        known = {row.trace_id for row in reference.rows}
        for query in asked:
            trace = TRACES[0] if query.trace_id and TRACES[0] in known else None
            await check_search(store, reference, replace(query, trace_id=trace))

    compare(builders, shape, check)


near = st.integers(START, START + 3000)  # within what one program recorded


@given(
    programs,
    shapes,
    st.none() | near | st.integers(START - HOUR, START + 3 * HOUR),
    st.none() | near | st.integers(START, START + 4 * HOUR),
    st.sampled_from([2, 5, dense.LEAST]),
    st.integers(1, 5),
)
@some
def test_statistics_are_exact_and_ranked(
    builders: list[SpoolBuilder], shape: Shape, start: int | None, end: int | None, least: int, few: int
) -> None:
    """Whatever windows cut, and however many calls of an hour are added up at ingest."""

    async def check(store: SpanStore, reference: Reference) -> None:
        check_stats(await store.function_stats(), ranked(reference.stats()))
        check_stats(await store.function_stats(run_id=RUNS[0]), ranked(reference.stats(RUNS[0])))
        for by, limit in (("self", 100), ("total", 100), ("self", few), ("total", few)):
            check_stats(
                await store.hotspots(by=by, start_ns=start, end_ns=end, limit=limit), ranked(reference.stats(None, start, end), by, limit)
            )
        check_stats(await store.hotspots(run_id=RUNS[0], start_ns=start, limit=few), ranked(reference.stats(RUNS[0], start), "self", few))

    with patch.object(dense, "LEAST", least), patch.object(dense, "_MOST", 3 * least):
        compare(builders, shape, check)


@given(
    programs,
    shapes,
    st.sampled_from([None, "src/*", "store.py", "app.py", "*", "", "nothing.py"]),
    st.sampled_from([None, None, "", "save", "Store.*", "l*", "*Éclair", "nothing"]),
    st.sampled_from([None, RUNS[0]]),
)
@some
def test_statistics_of_a_file_and_of_a_function_are_of_what_matches(
    builders: list[SpoolBuilder], shape: Shape, file: str | None, function: str | None, run: str | None
) -> None:
    async def check(store: SpanStore, reference: Reference) -> None:
        check_stats(await store.function_stats(file, function, run), reference.function_stats(file, function, run))

    compare(builders, shape, check)


@given(programs, shapes)
@some
def test_open_spans_of_gone_writers_become_unfinished_calls(builders: list[SpoolBuilder], shape: Shape) -> None:
    async def check(store: SpanStore, reference: Reference) -> None:
        await check_search(store, reference, SpanQuery(limit=50))
        check_stats(await store.function_stats(), ranked(reference.stats()))
        assert (await store.size())[1] == len(reference.rows)

    compare(builders, shape, check, gone=True)


@given(programs, shapes, queries)
@some
def test_a_search_whose_time_is_over_says_so_and_goes_on_to_the_same_end(
    builders: list[SpoolBuilder], shape: Shape, query: SpanQuery
) -> None:
    async def check(store: SpanStore, reference: Reference) -> None:
        whole = await store.search(replace(query, trace_id=None))
        patient = await store.search(replace(query, trace_id=None, seconds=60))
        assert (patient.rows, patient.cursor, patient.cut) == (whole.rows, whole.cursor, False)
        hasty = await store.search(replace(query, trace_id=None, seconds=0))
        assert hasty.cut or hasty.rows == whole.rows
        assert not (hasty.cut and hasty.total is not None)
        found = list(hasty.rows)
        while hasty.cursor is not None:
            hasty = await store.search(replace(query, trace_id=None, seconds=0, cursor=hasty.cursor))
            found += hasty.rows
        assert [shown(span) for span in found] == [shown(row) for row in reference.search(replace(query, trace_id=None))]

    compare(builders, shape, check)


event_queries = st.builds(
    SpanQuery,
    text=st.sampled_from([None, "alpha", "beta G", "7", "3", "1.5", "straße", "é", "zzz"]),
    file=st.sampled_from([None, None, "store.py", "app.py"]),
    function=st.sampled_from([None, None, "save", "main"]),
    start_ns=st.none() | st.integers(START, START + 2 * HOUR),
    end_ns=st.none() | st.integers(START, START + 3 * HOUR),
    run_id=st.sampled_from([None, None, RUNS[0]]),
    trace_id=st.sampled_from([None, None, "a trace"]),
    descending=st.booleans(),
    limit=st.just(10_000),
)


@given(programs, shapes, st.lists(event_queries, min_size=3, max_size=6))
@some
def test_events_are_found_by_their_values(builders: list[SpoolBuilder], shape: Shape, asked: list[SpanQuery]) -> None:
    async def check(store: SpanStore, reference: Reference) -> None:
        known = {row.trace_id for row in reference.rows}
        for one in asked:
            query = replace(one, trace_id=TRACES[0] if one.trace_id and TRACES[0] in known else None)
            scan = await store.find_events(query, seconds=30)
            assert scan.complete
            found = [happened(event) for event in scan.rows]
            assert found == [happened(event) for event in reference.find_events(query)]
            few = await store.find_events(replace(query, limit=1), seconds=30)
            assert len(few.rows) == min(1, len(found))
            assert few.complete is False or len(found) <= 1

    compare(builders, shape, check)


@given(
    programs, shapes, st.sampled_from(["alpha", "7", "3.0", "1.5", "true", "null", "naïve", '"SELECT"']), st.sampled_from([None, "k", "x"])
)
@some
def test_values_are_found_where_they_appear(builders: list[SpoolBuilder], shape: Shape, text: str, path: str | None) -> None:
    """What the store's indexes and scans find is what the pure function finds in all spans and events."""

    async def check(store: SpanStore, reference: Reference) -> None:
        sought = provenance.wanted(text, path)
        for trace_id in {row.trace_id for row in reference.rows}:
            spans = (await store.trace_spans(trace_id)).rows
            events = [(event, span) for span in spans for event in await store.events(span.span_id)]
            query = SpanQuery(text=sought.index_text, trace_id=trace_id, descending=False, limit=50)
            found = await look(store, query, sought, time.monotonic() + 60)
            assert found.complete
            assert [_told(one) for one in found.rows] == [_told(one) for one in provenance.appearances(spans, events, sought)]

    compare(builders, shape, check)


def _told(one: provenance.Appearance) -> tuple[object, ...]:
    return (one.span.span_id, one.how, one.path, one.at_ns, one.line)


@given(programs, shapes)
@some
def test_a_comparison_sees_every_span_and_every_count_of_a_run(builders: list[SpoolBuilder], shape: Shape) -> None:
    async def check(store: SpanStore, reference: Reference) -> None:
        for run in (await store.runs()).rows:
            side = Side(run.run_id, (run,))
            spans, whole = await sampled(store, side, SpanQuery(), [])
            rows = [row for row in reference.rows if row.run_id == run.run_id]
            assert (sorted(span.span_id for span in spans), whole) == (sorted(row.span_id for row in rows), True)
            counts = counts_of(await stats_of(store, side, None, None))
            expected = {key: (one.calls, one.errors) for key, one in reference.stats(run.run_id).items()}
            assert {key: (one.calls, one.errors) for key, one in counts.items()} == expected
            found = {span.span_id for span in await failed(store, side, SpanQuery())}
            assert found == {row.span_id for row in rows if row.error}

    compare(builders, shape, check)


@given(programs, shapes)
@some
def test_every_span_is_found_by_its_id(builders: list[SpoolBuilder], shape: Shape) -> None:
    async def check(store: SpanStore, reference: Reference) -> None:
        for row in reference.rows[:20]:
            assert shown(await store.span(row.span_id)) == shown(row)
            assert await store.source_hashes(row.span_id) == reference.source_hashes(row)
        assert await store.source_hashes() == reference.source_hashes()
        rows = reference.rows[:20][::-1]
        found = await store.spans(["0" * 16, *(row.span_id for row in rows)])
        assert [shown(span) for span in found] == [shown(row) for row in rows]

    compare(builders, shape, check)
