"""`get_trace`: one trace as a tree, skeleton first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import Field

from mcp_tracer.analysis.story import SLOWEST, tell
from mcp_tracer.analysis.text import brief_legend, clock, duration, iso
from mcp_tracer.analysis.tree import build, walk
from mcp_tracer.model.errors import NotFound
from mcp_tracer.model.span import Span, TraceSummary
from mcp_tracer.service.context import Call
from mcp_tracer.service.operation import READ, READING, Command, Operation, Params, Result, Route
from mcp_tracer.service.operations import counted
from mcp_tracer.service.operations.traces import Fetched, fetch
from mcp_tracer.service.operations.views import SpanView, asked, ms, ns, span_view


class TraceParams(Params):
    """Parameters of `get_trace`."""

    trace_id: str = Field(default="last", description="Trace id (or its start), or last, last-failed.")
    span_id: str | None = Field(default=None, description="Only the subtree of this span.")
    include_children: bool = Field(default=True, description="false: the roots alone.")
    max_depth: int | None = Field(default=None, ge=0, description="How deep below the root; errors stay.")
    min_duration: float | None = Field(default=None, ge=0, description="Leave out calls shorter than this, in milliseconds; errors stay.")
    name: str | None = Field(default=None, description="Only calls whose function, file or text contains this, with the way to them.")
    max_tokens: int = Field(default=1500, ge=200, le=20000, description="About how long the answer may be.")


class TraceResult(Result):
    """A trace with its spans, parents before children; the shape of the specification's section 7."""

    trace_id: str
    run_id: str
    type: str
    name: str
    method: str | None = None
    url: str | None = None
    status_code: int | None = None
    test_id: str | None = None
    start_time: str
    end_time: str
    duration: float
    span_count: int
    error_count: int
    spans: list[SpanView]
    cut_at_depth: int | None = None
    note: str | None = None
    _fetched: Fetched | None = None

    @classmethod
    def of(cls, fetched: Fetched) -> TraceResult:
        """The result, which keeps the spans that it was made of for its text."""
        trace, nodes = fetched.trace, [node for root in build(fetched.spans) for node in walk(root)]
        made = cls(
            trace_id=trace.trace_id,
            run_id=trace.run_id,
            type=trace.type,
            name=trace.name,
            method=_text(trace, "method"),
            url=_text(trace, "url"),
            status_code=trace.attributes.get("statusCode"),
            test_id=_text(trace, "testId"),
            start_time=iso(trace.start_ns),
            end_time=iso(trace.end_ns),
            duration=ms(trace.end_ns - trace.start_ns),
            span_count=trace.spans,
            error_count=trace.errors,
            spans=[span_view(node.span, [child.span.span_id for child in node.children]) for node in nodes],
        )
        made._fetched = fetched
        return made

    @property
    def fetched(self) -> Fetched:
        """The spans that the result was made of."""
        assert self._fetched is not None
        return self._fetched


async def run(call: Call[TraceParams]) -> TraceResult:
    """Fetch, filter, and link children."""
    params = call.params
    depth = params.max_depth if params.include_children else 0
    trace_id = params.trace_id
    if params.span_id and trace_id == "last":
        await call.tools.catch_up()
        trace_id = (await call.tools.store.span(params.span_id)).trace_id
    deep = None if params.span_id else depth
    fetched = await fetch(call.tools, trace_id, max_depth=deep, under=params.span_id, failed=params.include_children)
    if params.span_id and not fetched.spans:
        raise NotFound(f"trace {fetched.trace.trace_id} has no span {params.span_id!r}: leave span_id out to see the whole trace.")
    result = TraceResult.of(_filtered(fetched, params))
    result.note = await counted.of_run(call.tools, fetched.trace.run_id, fetched.trace.start_ns)
    deepest = call.tools.settings().settings.max_depth
    if any(span.depth >= deepest for span in fetched.spans):
        result.cut_at_depth = deepest
    return result


def _filtered(fetched: Fetched, params: TraceParams) -> Fetched:
    """Keep what matches the name or is long enough, with its ancestors and every error."""
    if params.name is None and params.min_duration is None:
        return fetched
    shortest, wanted = ns(params.min_duration) or 0, (params.name or "").lower()
    by_id = {span.span_id: span for span in fetched.spans}
    kept: set[str] = set()
    for span in fetched.spans:
        text = f"{span.function} {span.file} {span.values.attributes if span.values else ''}".lower()
        if (span.duration_ns < shortest and span.error is None) or wanted not in text:
            continue
        above = span.span_id
        while above and above not in kept and above in by_id:
            kept.add(above)
            above = by_id[above].parent_span_id
    return Fetched(fetched.trace, tuple(span for span in fetched.spans if span.span_id in kept), fetched.total, fetched.depth)


def _text(trace: TraceSummary, key: str) -> str | None:
    value: Any = trace.attributes.get(key)
    return None if value is None else str(value)


def heading(trace: TraceSummary, spans: Sequence[Span] = ()) -> str:
    """One line on a trace: what it was, how long it took (as far as known, where one of `spans` has not ended), its size, its run."""
    status = f" → {trace.attributes['statusCode']}" if "statusCode" in trace.attributes else ""
    errors = f", {trace.errors} failed" if trace.errors else ""
    took = duration(max(0, trace.end_ns - trace.start_ns))
    if not all(span.finished for span in spans):
        latest = max(trace.end_ns, *(span.end_ns for span in spans)) - trace.start_ns
        took = f"not finished, at least {duration(latest)}" if latest > 0 else "not finished"
    what = f"{trace.type} {trace.name}{status}".strip()
    return f"trace {trace.trace_id} {what} {took}, {trace.spans} spans{errors}, {clock(trace.start_ns)}, run {trace.run_id}"


def _nothing_left(params: TraceParams) -> str:
    """Why a filter left no call."""
    asked = [f"has {params.name!r} in its function, file or SQL"] if params.name is not None else []
    asked += [f"took {params.min_duration:g} ms or more"] if params.min_duration is not None else []
    return f"No call of this trace {' and '.join(asked)}: leave that out, or ask search_traces, which looks in values too."


def render(result: TraceResult, params: TraceParams) -> str:
    """The heading, then the story within the budget."""
    fetched = result.fetched
    roots = build(fetched.spans)
    partial = fetched.depth is not None if params.span_id else fetched.total > len(fetched.spans)
    story = tell(
        roots, budget_tokens=params.max_tokens, max_depth=params.max_depth, min_duration_ns=ns(params.min_duration) or 0, partial=partial
    )
    lines = [heading(fetched.trace, fetched.spans), *story.lines, *brief_legend(fetched.spans)]
    if any(line.endswith(SLOWEST) for line in story.lines):
        lines[0] += f"; {SLOWEST} slowest path"
    if not fetched.spans and fetched.total:
        lines.append(_nothing_left(params))
    cut_by_depth = fetched.total - len(fetched.spans)
    if cut_by_depth > 0 and params.span_id is None and params.name is None:
        lines.append(
            f"{cut_by_depth:,} of {fetched.total:,} spans lie deeper or were filtered out: narrow with span_id, name or min_duration."
        )
    if result.cut_at_depth is not None:
        lines.append(f"Calls deeper than {result.cut_at_depth} were only counted (TRACING_MAX_DEPTH).")
    lines += [result.note] if result.note else []
    return "\n".join(lines)


GET_TRACE = Operation(
    name="get_trace",
    summary="Show one trace as a call tree with durations, values, errors and file:line; repeats folded, errors and slowest path kept.",
    params=TraceParams,
    result=TraceResult,
    permission=READ,
    hints=READING,
    run=run,
    render=render,
    deeds=asked("read_trace"),
    routes=(Route("GET", "trace/{traceId}"),),
    command=Command(("trace",), argument="trace_id"),
)
