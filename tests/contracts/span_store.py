"""What every SpanStore must answer: `check` compares a store with the reference on everything the port can be asked."""

from __future__ import annotations

from mcp_tracer.model.query import SpanQuery
from mcp_tracer.model.span import FunctionStats, Span
from mcp_tracer.storage.port import SpanStore
from tests.contracts.reference import FIELDS, Reference, Row

HISTOGRAM_ERROR = 0.046


def shown(span: Span | Row) -> tuple[object, ...]:
    """A span's own facts, without keys that a store chooses."""
    return tuple(getattr(span, name) for name in FIELDS)


async def all_found(store: SpanStore, query: SpanQuery) -> list[Span]:
    """All pages of a search, checked for totals and repeated rows."""
    from dataclasses import replace

    spans: list[Span] = []
    cursor: str | None = None
    while True:
        page = await store.search(replace(query, cursor=cursor))
        spans += page.rows
        if page.cursor is None:
            return spans
        assert len(page.rows) == query.limit
        cursor = page.cursor


async def check_search(store: SpanStore, reference: Reference, query: SpanQuery) -> None:
    """The same spans in the same order, over all pages."""
    expected = [shown(row) for row in reference.search(query)]
    assert [shown(span) for span in await all_found(store, query)] == expected
    total = (await store.search(query)).total
    assert total == len(expected) or (total is None and not (query.counted and query.text is None))


async def check_trace(
    store: SpanStore, reference: Reference, trace_id: str, max_depth: int | None = None, start_ns: int | None = None
) -> None:
    """The same spans over all pages, with an exact total."""
    expected = [shown(row) for row in reference.trace_spans(trace_id, max_depth, start_ns)]
    found: list[tuple[object, ...]] = []
    cursor: str | None = None
    while True:
        page = await store.trace_spans(trace_id, max_depth=max_depth, start_ns=start_ns, limit=7, cursor=cursor)
        assert page.total == len(expected)
        found += [shown(span) for span in page.rows]
        if (cursor := page.cursor) is None:
            break
    assert found == expected
    whole = await store.trace_spans(trace_id, max_depth=max_depth, start_ns=start_ns, limit=7, whole=True)
    assert ([shown(span) for span in whole.rows], whole.total) == (expected if len(expected) <= 7 else [], len(expected))


def check_stats(rows: tuple[FunctionStats, ...], expected: dict[tuple[str, str, str], tuple[object, ...]]) -> None:
    """Exact counts, totals and bounds; percentiles within the sketch's error."""
    found = {(r.file, r.function, r.kind): (r.calls, r.errors, r.total_ns, r.self_ns, r.min_ns, r.max_ns) for r in rows}
    assert found == {key: row[:6] for key, row in expected.items()}
    for row in rows:
        durations = sorted(expected[row.file, row.function, row.kind][6])  # type: ignore[call-overload]
        for fraction, value in ((0.5, row.p50_ns), (0.95, row.p95_ns), (0.99, row.p99_ns)):
            index = max(0, -(-len(durations) * round(fraction * 100) // 100) - 1)
            assert abs(value - durations[index]) <= HISTOGRAM_ERROR * durations[index] + 1
