"""Fetching one trace's spans whole, or as deep as fits."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from mcp_tracer.model.query import SpanQuery
from mcp_tracer.model.span import Span, TraceSummary
from mcp_tracer.service.context import Tools

MOST_SPANS = 20_000
MOST_ERRORS = 300
MOST_ERRORS_OF_LARGE = 4
DEPTHS = (12, 6, 3, 1)


@dataclass(frozen=True, slots=True)
class Fetched:
    """A trace's spans. `total` counts all; `depth` is set where only spans down to it were fetched, and the last failed calls below it."""

    trace: TraceSummary
    spans: tuple[Span, ...]
    total: int
    depth: int | None = None


async def fetch(
    tools: Tools, trace_id: str, *, max_depth: int | None = None, under: str | None = None, values: bool = True, failed: bool = False
) -> Fetched:
    """Fetch a trace, or the subtree below the span `under`. One of over 20,000 spans is fetched only as deep as fits, and what failed.

    `failed`: what failed deeper than `max_depth`, too.
    """
    await tools.catch_up()
    trace = await tools.store.trace(trace_id)
    if under:
        return await _fetch_below(tools, trace, under, values)
    depth, found = await _as_deep_as_fits(tools, trace, max_depth, values)
    lacks = depth != max_depth or (failed and depth is not None)
    spans = await _with_failed(tools, trace, found, SpanQuery(values=values)) if lacks else found
    return Fetched(trace, spans, trace.spans, depth)


async def _with_failed(tools: Tools, trace: TraceSummary, spans: Iterable[Span], query: SpanQuery) -> tuple[Span, ...]:
    """The spans, and the trace's last failed calls with all that led to them, by start."""
    if not trace.errors:
        return tuple(spans)
    known = {span.span_id: span for span in spans}
    most = MOST_ERRORS if trace.spans <= MOST_SPANS else MOST_ERRORS_OF_LARGE
    # The last ones: what is called begins, and fails, after its caller began.
    failed = replace(query, trace_id=trace.trace_id, has_error=True, limit=most)
    deep = [span for span in (await tools.store.search(failed)).rows if span.span_id not in known]
    above = await tools.store.callers(deep, known)
    known |= {span.span_id: span for span in (*deep, *above)}
    return tuple(sorted(known.values(), key=lambda span: (span.start_ns, span.depth)))


async def _as_deep_as_fits(tools: Tools, trace: TraceSummary, max_depth: int | None, values: bool) -> tuple[int | None, tuple[Span, ...]]:
    """(`max_depth`, or less where there are too many spans down to it; the spans)."""
    depths = [max_depth, *(each for each in DEPTHS if max_depth is None or each < max_depth)]
    if trace.spans <= MOST_SPANS:
        depths = [max_depth]
    while True:
        depth = depths.pop(0)
        page = await tools.store.trace_spans(trace.trace_id, max_depth=depth, limit=MOST_SPANS, values=values, whole=bool(depths))
        if page.rows or not depths:
            return depth, page.rows


async def _fetch_below(tools: Tools, trace: TraceSummary, top: str, values: bool) -> Fetched:
    """The subtree of the span `top`: nothing in it started before it did."""
    span = await tools.store.span(top)
    depths = [None, *(span.depth + each for each in DEPTHS)]
    while True:
        depth = depths.pop(0)
        page = await tools.store.trace_spans(trace.trace_id, max_depth=depth, start_ns=span.start_ns, limit=MOST_SPANS, values=values)
        found = below(page.rows, span.span_id)
        if depths and page.cursor is not None and page.rows[-1].span_id in {each.span_id for each in found}:
            continue
        if depth is not None or page.cursor is not None:
            whole = await _with_failed(tools, trace, page.rows, SpanQuery(values=values, start_ns=span.start_ns))
            found = below(whole, span.span_id)
        return Fetched(trace, found, trace.spans, depth)


def below(spans: tuple[Span, ...], top: str) -> tuple[Span, ...]:
    """The span `top` and everything under it."""
    children: dict[str | None, list[Span]] = {}
    for span in spans:
        children.setdefault(span.parent_span_id, []).append(span)
    found = [span for span in spans if span.span_id == top]
    for span in found:
        found.extend(children.get(span.span_id, ()))
    return tuple(found)
