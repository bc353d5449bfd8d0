"""What every SpanStore must answer: `check` compares a store with the reference on everything the port can be asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from mcp_tracer.model.query import SpanQuery
from mcp_tracer.model.span import Event, FunctionStats, Span
from mcp_tracer.storage.port import SpanStore
from tests.contracts.recording import FIELDS, Happened, Row
from tests.contracts.reference import Reference
from tests.contracts.statistics import Stats

HISTOGRAM_ERROR = 0.046


def shown(span: Span | Row) -> tuple[object, ...]:
    """A span's own facts and what it captured, without keys that a store chooses. As text, so that `1`, `1.0` and `True` differ."""
    return *(getattr(span, name) for name in FIELDS), repr(span.values)


def happened(event: Event | Happened) -> tuple[object, ...]:
    """An event's facts and values."""
    return event.span_id, event.number, event.at_ns, event.kind, event.line, event.column, repr(event.values)


async def all_found(store: SpanStore, query: SpanQuery) -> list[Span]:
    """All pages of a search, checked for totals and repeated rows."""
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
    store: SpanStore, reference: Reference, trace_id: str, max_depth: int | None = None, under: str | None = None
) -> None:
    """The same spans over all pages, with an exact total."""
    expected = [shown(row) for row in reference.trace_spans(trace_id, max_depth, under)]
    found: list[tuple[object, ...]] = []
    cursor: str | None = None
    while True:
        page = await store.trace_spans(trace_id, max_depth=max_depth, under=under, limit=7, cursor=cursor)
        assert page.total == len(expected)
        found += [shown(span) for span in page.rows]
        if (cursor := page.cursor) is None:
            break
    assert found == expected
    bare = await store.trace_spans(trace_id, max_depth=max_depth, under=under, values=False)
    assert [shown(span) for span in bare.rows] == [(*row[:-1], "None") for row in expected]
    whole = await store.trace_spans(trace_id, max_depth=max_depth, under=under, limit=7, whole=True)
    assert ([shown(span) for span in whole.rows], whole.total) == (expected if len(expected) <= 7 else [], len(expected))


def check_stats(rows: Sequence[FunctionStats], expected: Sequence[Stats]) -> None:
    """The same in the same order: exact counts, totals and bounds; percentiles within the sketch's error."""
    names = ("line", "calls", "errors", "total_ns", "self_ns", "min_ns", "max_ns", "estimated")
    found = [((row.file, row.function, row.kind), *(getattr(row, name) for name in names)) for row in rows]
    assert found == [(one.key, *(getattr(one, name) for name in names)) for one in expected]
    for row, one in zip(rows, expected, strict=True):
        for percent, value in ((50, row.p50_ns), (95, row.p95_ns), (99, row.p99_ns)):
            assert is_near(value, one.percentile(percent))


def is_near(found_ns: float, exact_ns: int) -> bool:
    """Whether a percentile is within the sketch's error."""
    return abs(found_ns - exact_ns) <= HISTOGRAM_ERROR * exact_ns + 1
