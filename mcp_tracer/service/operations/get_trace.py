"""`get_trace`: one trace as a tree, skeleton first."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

from pydantic import Field, computed_field

from mcp_tracer.analysis.story import SLOWEST, tell
from mcp_tracer.analysis.text import brief_legend, clock, duration, iso
from mcp_tracer.analysis.tree import Node, build, walk
from mcp_tracer.model.errors import NotFound
from mcp_tracer.model.span import Span, TraceSummary
from mcp_tracer.service.context import Call
from mcp_tracer.service.operation import READ, READING, Command, Operation, Params, Result, Route
from mcp_tracer.service.operations import counted
from mcp_tracer.service.operations.deeper import Sought
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
    cut_at_depth: int | None = None
    note: str | None = None
    _fetched: Fetched | None = None

    @classmethod
    def of(cls, fetched: Fetched) -> TraceResult:
        """The result, which keeps the spans that it was made of for its text."""
        trace = fetched.trace
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
        )
        made._fetched = fetched
        return made

    @computed_field
    @cached_property
    def spans(self) -> list[SpanView]:
        """The spans on the wire: only made where they are asked for, since the text does without."""
        nodes = (node for root in self.roots for node in walk(root))
        return [span_view(node.span, [child.span.span_id for child in node.children]) for node in nodes]

    @cached_property
    def roots(self) -> list[Node]:
        """The spans as trees."""
        return build(self.fetched.spans)

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
    fetched = await fetch(
        call.tools, trace_id, max_depth=deep, under=params.span_id, failed=params.include_children, sought=_sought(params)
    )
    if params.span_id and not fetched.spans:
        raise NotFound(f"trace {fetched.trace.trace_id} has no span {params.span_id!r}: leave span_id out to see the whole trace.")
    result = TraceResult.of(_filtered(fetched, params))
    result.note = await counted.of_run(call.tools, fetched.trace.run_id, fetched.trace.start_ns)
    deepest = call.tools.settings().settings.max_depth
    if any(span.depth >= deepest for span in fetched.spans):
        result.cut_at_depth = deepest
    return result


def _sought(params: TraceParams) -> Sought:
    return Sought(params.name, ns(params.min_duration))


def _filtered(fetched: Fetched, params: TraceParams) -> Fetched:
    """Keep what matches the name or is long enough, with its ancestors and every error."""
    sought = _sought(params)
    if sought == Sought():
        return fetched
    by_id = {span.span_id: span for span in fetched.spans}
    kept: set[str] = set()
    for span in fetched.spans:
        if not (sought.fits(span) or (span.error is not None and sought.names(span))):
            continue
        above = span.span_id
        while above and above not in kept and above in by_id:
            kept.add(above)
            above = by_id[above].parent_span_id
    return replace(fetched, spans=tuple(span for span in fetched.spans if span.span_id in kept))


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
    number = "1 span" if trace.spans == 1 else f"{trace.spans} spans"
    return f"trace {trace.trace_id} {what} {took}, {number}{errors}, {clock(trace.start_ns)}, run {trace.run_id}"


def _nothing_left(fetched: Fetched, params: TraceParams) -> str:
    """Why a filter left no call."""
    asked = [f"has {params.name!r} in its function, file or SQL"] if params.name is not None else []
    asked += [f"took {params.min_duration:g} ms or more"] if params.min_duration is not None else []
    within = f" down to depth {params.max_depth}" if params.max_depth is not None else ""
    found = "was found that" if not fetched.exact else ""
    what = f"No call of this trace{within} {f'{found} ' if found else ''}{' and '.join(asked)}"
    return f"{what}: leave that out, or ask search_traces, which looks in values too."


def _not_fetched(fetched: Fetched, params: TraceParams) -> list[str]:
    """What is to be known of calls of a large trace that were asked for, or failed, and cannot be in the answer."""
    trace, lines = fetched.trace.trace_id, list[str]()
    if fetched.unseen or (not fetched.exact and fetched.spans):
        filters = [f"query={json.dumps(params.name, ensure_ascii=False)}"] if params.name is not None else []
        filters += [f"min_duration={params.min_duration:g}"] if params.min_duration is not None else []
        ask = ", ".join([f'trace="{trace}"', *filters, 'order="duration"'])
        more = f"{fetched.unseen:,}{'' if fetched.exact else '+'} shorter ones fit too" if fetched.unseen else "More may fit"
        lines.append(f"{more}: search_traces({ask}) lists them.")
    if fetched.more_failed != 0 and params.name is None:
        number = "More failed calls may lie deeper" if fetched.more_failed is None else _further(fetched.more_failed)
        lines.append(f'{number}: search_traces(trace="{trace}", has_error=true) lists them.')
    return lines


def _further(number: int) -> str:
    said = "1 further failed call is" if number == 1 else f"{number:,} further failed calls are"
    return f"{said} not shown, after the first of each kind"


def render(result: TraceResult, params: TraceParams) -> str:
    """The heading, then the story within the budget."""
    fetched = result.fetched
    lines = [heading(fetched.trace, fetched.spans), *_story(result, params), *brief_legend(fetched.spans)]
    if any(line.endswith(SLOWEST) for line in lines):
        lines[0] += f"; {SLOWEST} slowest path"
    if not fetched.spans and fetched.total:
        lines.append(_nothing_left(fetched, params))
    lines += _not_fetched(fetched, params)
    cut_by_depth = fetched.total - len(fetched.spans)
    if cut_by_depth > 0 and params.span_id is None and params.name is None:
        lines.append(
            f"{cut_by_depth:,} of {fetched.total:,} spans lie deeper or were filtered out: narrow with span_id, name or min_duration."
        )
    if result.cut_at_depth is not None:
        lines.append(f"Calls deeper than {result.cut_at_depth} were only counted (TRACING_MAX_DEPTH).")
    lines += [result.note] if result.note else []
    return "\n".join(lines)


def _story(result: TraceResult, params: TraceParams) -> Sequence[str]:
    fetched = result.fetched
    return tell(
        result.roots,
        budget_tokens=params.max_tokens,
        max_depth=params.max_depth,
        min_duration_ns=ns(params.min_duration) or 0,
        partial=fetched.depth is not None if params.span_id else fetched.total > len(fetched.spans),
        slow=fetched.slow,
        sought=params.name is not None,
    ).lines


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
