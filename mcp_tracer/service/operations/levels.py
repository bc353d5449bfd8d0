"""At which level of tracing a side was recorded, told by what its recordings hold."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from mcp_tracer.analysis.tree import SITES
from mcp_tracer.model.level import Level
from mcp_tracer.model.query import SpanQuery
from mcp_tracer.model.span import Span
from mcp_tracer.service.operations.sides import Side
from mcp_tracer.storage.port import SpanStore

MOST = 200
MOST_S = 0.5


async def levels_of(store: SpanStore, side: Side) -> set[Level]:
    """The highest level of each run of the side; nothing of what recorded no call."""
    queries = [SpanQuery(trace_id=side.trace.trace_id)] if side.trace else [SpanQuery(run_id=run.run_id) for run in side.runs]
    found = [await level_of(store, query) for query in queries]
    return {level for level in found if level is not None}


async def level_of(store: SpanStore, asked: SpanQuery) -> Level | None:
    """The highest level of what was asked for; None where that recorded no call."""
    query = replace(asked, limit=MOST)
    kinds = {event.kind for event in (await store.find_events(query, seconds=MOST_S)).rows}
    if kinds:
        return Level.EXTREME if "line" in kinds else Level.VERBOSE
    spans = (await store.search(query)).rows
    return _by_spans(spans) if spans else None


def _by_spans(spans: Iterable[Span]) -> Level:
    found = Level.MINIMAL
    for span in spans:
        if span.kind in SITES:
            return Level.DETAILED
        if span.values is not None and (span.values.has_return or span.values.params is not None):
            found = Level.STANDARD
    return found
