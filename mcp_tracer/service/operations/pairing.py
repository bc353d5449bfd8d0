"""Which traces of two runs are the same thing done twice: the same test, request, or function called with the same parameters."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass

from mcp_tracer.analysis.alike import key
from mcp_tracer.analysis.comparison import Key, key_of
from mcp_tracer.model.span import Run, Span, TraceSummary
from mcp_tracer.service.operations.sides import MOST_TRACES
from mcp_tracer.storage.port import SpanStore

Pair = tuple[TraceSummary, TraceSummary]
_Name = tuple[str, str]


@dataclass(frozen=True, slots=True)
class _Traces:
    """A run's traces by name, the oldest first; `whole` where these are all of them."""

    by_name: dict[_Name, list[TraceSummary]]
    whole: bool


async def pairs_of(store: SpanStore, before: Run, after: Run, partly: Container[Key]) -> list[Pair]:
    """The pairs in order of their start, those with other errors first.

    Where a name stands for several traces, their parameters tell which belong together; the rest is paired in order only where both runs
    have equally many. Traces of functions in `partly` (not every call has a span) are not paired: which call left one is chance.
    """
    ours, theirs = await _by_name(store, before), await _by_name(store, after)
    whole = ours.whole and theirs.whole
    found: list[Pair] = []
    for name, traces in theirs.by_name.items():
        others = ours.by_name.get(name, [])
        if others:
            found += await _matched(store, others, traces, whole, partly)
    return sorted(found, key=lambda pair: (pair[0].errors == pair[1].errors, pair[1].start_ns))


async def _by_name(store: SpanStore, run: Run) -> _Traces:
    page = await store.traces(run.run_id, MOST_TRACES)
    found: dict[_Name, list[TraceSummary]] = {}
    for trace in reversed(page.rows):
        found.setdefault((trace.type, str(trace.attributes.get("testId") or trace.name)), []).append(trace)
    return _Traces(found, page.cursor is None)


async def _matched(
    store: SpanStore, before: list[TraceSummary], after: list[TraceSummary], whole: bool, partly: Container[Key]
) -> list[Pair]:
    root = await _root(store, after[-1])
    if root is not None and key_of(root) in partly:
        return []
    if len(before) == len(after) == 1:
        return [(before[0], after[0])]
    ours, theirs = await _by_parameters(store, before), await _by_parameters(store, after)
    pairs: list[Pair] = []
    for parameters, traces in theirs.items():
        others = ours.get(parameters, [])
        if (whole and len(others) == len(traces)) or len(others) == len(traces) == 1:
            pairs += zip(others, traces, strict=True)
    if whole and len(before) == len(after):
        paired = {trace.trace_id for pair in pairs for trace in pair}
        left = [[trace for trace in side if trace.trace_id not in paired] for side in (before, after)]
        pairs += zip(*left, strict=True)
    return pairs


async def _by_parameters(store: SpanStore, traces: list[TraceSummary]) -> dict[str, list[TraceSummary]]:
    found: dict[str, list[TraceSummary]] = {}
    for trace in traces:
        root = await _root(store, trace)
        params = root.values.params if root and root.values else None
        found.setdefault(key(dict(params)) if params else "", []).append(trace)
    return found


async def _root(store: SpanStore, trace: TraceSummary) -> Span | None:
    rows = (await store.trace_spans(trace.trace_id, max_depth=0, limit=1)).rows
    return rows[0] if rows else None
