"""Fetching one trace's spans whole, or as deep as fits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from mcp_tracer.analysis.kept import Way, longest_way
from mcp_tracer.model.query import SpanQuery
from mcp_tracer.model.span import Span, TraceSummary
from mcp_tracer.service.context import Tools
from mcp_tracer.service.operations.deeper import Matches, Sought, find_sought, slowest_way

MOST_SPANS = 20_000
MOST_ERRORS = 300
MOST_ERRORS_OF_LARGE = 8
DEPTHS = (12, 6, 3, 1)


@dataclass(frozen=True, slots=True)
class Fetched:
    """A trace's spans. `total` counts all; `depth` is set where only spans down to it were fetched, and what must be told from below it.

    `slow`: the ids of the slowest path, as far as it is known. `unseen`: how many calls that were sought were not fetched, or if not
    `exact` at least. `more_failed`: how many failed calls were not fetched; None if some may not have been.
    """

    trace: TraceSummary
    spans: tuple[Span, ...]
    total: int
    depth: int | None = None
    slow: Way = frozenset()
    unseen: int = 0
    exact: bool = True
    more_failed: int | None = 0


@dataclass(frozen=True, slots=True)
class _Part:
    """The spans down to `depth`, or the first of them where `cut`; with `top` some of those that began after it did."""

    depth: int | None
    spans: tuple[Span, ...]
    cut: bool
    top: Span | None = None

    def whole(self) -> list[Span]:
        """Those of which surely all were fetched that one call made."""
        spans = below(self.spans, self.top.span_id) if self.top else self.spans
        deepest = (self.top.depth if self.top else 0) if self.cut else self.depth
        return [span for span in spans if deepest is None or span.depth <= deepest]

    def query(self, trace_id: str) -> SpanQuery:
        """All spans in it, deeper ones too."""
        if self.top is None:
            return SpanQuery(trace_id=trace_id)
        end_ns = self.top.start_ns + self.top.duration_ns + 1 if self.top.finished else None
        return SpanQuery(trace_id=trace_id, start_ns=self.top.start_ns, end_ns=end_ns)


async def fetch(
    tools: Tools,
    trace_id: str,
    *,
    max_depth: int | None = None,
    under: str | None = None,
    values: bool = True,
    failed: bool = False,
    sought: Sought | None = None,
) -> Fetched:
    """Fetch a trace, or the subtree below the span `under`. One of over 20,000 spans is fetched only as deep as fits, and what failed.

    `failed`: what failed deeper than `max_depth`, too. `sought`: also what fits it and lies deeper than fits, and the slowest path.
    """
    await tools.catch_up()
    trace = await tools.store.trace(trace_id)
    if under:
        part = await _below(tools, trace, await tools.store.span(under), values)
        lacks = part.depth is not None or part.cut
    else:
        part = await _of_trace(tools, trace, max_depth, values)
        lacks = part.depth != max_depth or part.cut
    fetched = Fetched(trace, part.spans, trace.spans, part.depth)
    if lacks or (failed and part.depth is not None):
        fetched = await _with_failed(tools, fetched, part)
    if sought is None:
        return _of_top(fetched, part)
    if not lacks:
        return _of_top(replace(fetched, slow=longest_way(part.whole())), part)
    return _of_top(await _with_sought(tools, fetched, part, sought, max_depth), part)


async def _with_failed(tools: Tools, fetched: Fetched, part: _Part) -> Fetched:
    """With what failed, of each kind before more of one, and all that led to it."""
    trace = fetched.trace
    if not trace.errors:
        return fetched
    most = MOST_ERRORS if trace.spans <= MOST_SPANS else MOST_ERRORS_OF_LARGE
    born = await tools.store.births(trace.trace_id, start_ns=part.top.start_ns if part.top else None, limit=most)
    spans = await _joined(tools, fetched.spans, born)
    number = sum(span.error is not None for span in spans)
    more = max(0, trace.errors - number) if part.top is None else None if len(born) == most else 0
    return replace(fetched, spans=spans, more_failed=more)


async def _with_sought(tools: Tools, fetched: Fetched, part: _Part, sought: Sought, max_depth: int | None) -> Fetched:
    """With what is sought and the slowest path, down to `max_depth`."""
    query = part.query(fetched.trace.trace_id)
    found = await find_sought(tools.store, query, sought)
    way, slow = await slowest_way(tools.store, query, part.whole(), max_depth)
    deep = [span for span in (*found.spans, *slow) if max_depth is None or span.depth <= max_depth]
    spans = await _joined(tools, fetched.spans, deep)
    unseen = _unseen(found, spans, sought, query) if max_depth is None else 0
    return replace(fetched, spans=spans, slow=way, unseen=unseen, exact=found.exact)


def _unseen(found: Matches, spans: tuple[Span, ...], sought: Sought, query: SpanQuery) -> int:
    """How many more there are than were fetched."""
    fitting = sum(sought.fits(span) and (query.end_ns is None or span.start_ns < query.end_ns) for span in spans)
    return max(0, found.total - fitting) if found.total else 0


async def _joined(tools: Tools, spans: tuple[Span, ...], more: tuple[Span, ...] | list[Span]) -> tuple[Span, ...]:
    """The spans, others, and all that led to those, by start."""
    known = {span.span_id: span for span in spans}
    deep = [span for span in more if span.span_id not in known]
    if not deep:
        return spans
    above = await tools.store.callers(deep, known)
    known |= {span.span_id: span for span in (*deep, *above)}
    return tuple(sorted(known.values(), key=lambda span: (span.start_ns, span.depth)))


async def _of_trace(tools: Tools, trace: TraceSummary, max_depth: int | None, values: bool) -> _Part:
    """Down to `max_depth`, or less deep where there are too many spans down to it."""
    less = [each for each in DEPTHS if max_depth is None or each < max_depth]
    if trace.spans <= MOST_SPANS:
        return await _as_deep_as_fits(tools, trace, [max_depth], values)
    return await _as_deep_as_fits(tools, trace, less if max_depth is None else [max_depth, *less], values)


async def _below(tools: Tools, trace: TraceSummary, top: Span, values: bool) -> _Part:
    """The subtree of the span `top`, as deep as fits. What is below a root is most of its trace."""
    if top.parent_span_id is None and trace.spans > MOST_SPANS:
        return replace(await _of_trace(tools, trace, None, values), top=top)
    return await _as_deep_as_fits(tools, trace, [None, *(top.depth + each for each in DEPTHS)], values, top)


async def _as_deep_as_fits(tools: Tools, trace: TraceSummary, depths: Sequence[int | None], values: bool, top: Span | None = None) -> _Part:
    """Down to the first of the depths that has not too many spans; else the first spans down to the last."""
    under = top.span_id if top else None
    for depth in depths[:-1]:
        page = await tools.store.trace_spans(trace.trace_id, max_depth=depth, under=under, limit=MOST_SPANS, values=values, whole=True)
        if page.rows:
            return _Part(depth, page.rows, False, top)
    page = await tools.store.trace_spans(trace.trace_id, max_depth=depths[-1], under=under, limit=MOST_SPANS, values=values)
    return _Part(depths[-1], page.rows, page.cursor is not None, top)


def _of_top(fetched: Fetched, part: _Part) -> Fetched:
    return replace(fetched, spans=below(fetched.spans, part.top.span_id)) if part.top else fetched


def below(spans: tuple[Span, ...], top: str) -> tuple[Span, ...]:
    """The span `top` and everything under it."""
    children: dict[str | None, list[Span]] = {}
    for span in spans:
        children.setdefault(span.parent_span_id, []).append(span)
    found = [span for span in spans if span.span_id == top]
    for span in found:
        found.extend(children.get(span.span_id, ()))
    return tuple(found)
