"""Looking for a value: spans by the store's indexes, variables by a scan, as long as the caller wants to wait."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from mcp_tracer.analysis.provenance import Appearance, Wanted, appearances
from mcp_tracer.model.query import SpanQuery
from mcp_tracer.model.span import Event, Span
from mcp_tracer.storage.port import SpanStore

MOST_FOUND = 1_000


PAGE = 200


@dataclass(slots=True)
class Found:
    """Appearances so far, and whether that is all there is. If not: where calls go on, and up to which start time they were seen."""

    rows: list[Appearance]
    complete: bool
    cursor: str | None = None
    reached_ns: int | None = None


async def look(store: SpanStore, query: SpanQuery, sought: Wanted, deadline: float, cursor: str | None = None) -> Found:
    """Spans by the store's indexes, page by page, and variables by a scan, until enough is found or the time is over."""
    spans: list[Span] = []
    while True:
        page = await store.search(replace(query, cursor=cursor, limit=PAGE, seconds=max(0, deadline - time.monotonic())))
        spans += [span for span in page.rows if appearances([span], (), sought)]
        cursor = page.cursor
        if cursor is None or len(spans) >= MOST_FOUND or time.monotonic() >= deadline:
            break
    reached = page.reached_ns or (page.rows[-1].start_ns if page.rows else None)
    scan = await store.find_events(replace(query, limit=MOST_FOUND), seconds=max(0.2, deadline - time.monotonic()))
    placed = await _placed(store, scan.rows, {span.span_id: span for span in spans})
    return Found(appearances(spans, placed, sought), cursor is None and scan.complete, cursor, reached if cursor else None)


async def _placed(store: SpanStore, events: Sequence[Event], known: dict[str, Span]) -> list[tuple[Event, Span]]:
    placed: list[tuple[Event, Span]] = []
    for event in events:
        if event.span_id not in known:
            known[event.span_id] = await store.span(event.span_id)
        placed.append((event, known[event.span_id]))
    return placed
