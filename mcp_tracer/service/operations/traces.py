"""Fetching one trace's spans whole, or as deep as fits."""

from __future__ import annotations

from dataclasses import dataclass

from mcp_tracer.model.span import Span, TraceSummary
from mcp_tracer.service.context import Tools

MOST_SPANS = 20_000
DEPTHS = (12, 6, 3, 1)


@dataclass(frozen=True, slots=True)
class Fetched:
    """A trace's spans. `total` counts all; `depth` is set where only spans down to it were fetched."""

    trace: TraceSummary
    spans: tuple[Span, ...]
    total: int
    depth: int | None = None


async def fetch(tools: Tools, trace_id: str, *, max_depth: int | None = None, under: str | None = None, values: bool = True) -> Fetched:
    """Fetch a trace, or the subtree below the span `under`. A trace of over 20,000 spans is fetched only as deep as fits."""
    await tools.catch_up()
    trace = await tools.store.trace(trace_id)
    depth = max_depth
    page = await tools.store.trace_spans(trace.trace_id, max_depth=depth, limit=MOST_SPANS, values=values)
    shallower = [each for each in DEPTHS if max_depth is None or each < max_depth]
    while page.cursor is not None and under is None and shallower:
        depth = shallower.pop(0)
        page = await tools.store.trace_spans(trace.trace_id, max_depth=depth, limit=MOST_SPANS, values=values)
    return Fetched(trace, below(page.rows, under) if under else page.rows, trace.spans, depth)


def below(spans: tuple[Span, ...], top: str) -> tuple[Span, ...]:
    """The span `top` and everything under it."""
    children: dict[str | None, list[Span]] = {}
    for span in spans:
        children.setdefault(span.parent_span_id, []).append(span)
    found = [span for span in spans if span.span_id == top]
    for span in found:
        found.extend(children.get(span.span_id, ()))
    return tuple(found)
