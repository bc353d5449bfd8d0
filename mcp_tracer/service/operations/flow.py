"""`get_flow`: one trace as tree, flame graph or timeline; a run as flame graph."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from mcp_tracer.analysis.flame import LEAST_SHARE, LeftOut, draw_flame_graph, left_by_store, prune
from mcp_tracer.analysis.flow import Frame, draw_timeline, flame_graph, flame_graph_of_paths, timeline
from mcp_tracer.analysis.story import tell
from mcp_tracer.analysis.tree import Node, build
from mcp_tracer.model.errors import UserError
from mcp_tracer.service.context import Call
from mcp_tracer.service.operation import READ, READING, Command, Operation, Params, Result, Route
from mcp_tracer.service.operations.counted import lacking
from mcp_tracer.service.operations.deeper import Sought
from mcp_tracer.service.operations.get_trace import heading
from mcp_tracer.service.operations.traces import MOST_SPANS, Fetched, fetch
from mcp_tracer.service.operations.views import asked, ms

MOST_SUMMED = 3_000_000
MOST_WHOLE = 100_000
"""Of a run with more spans the store leaves the small paths out itself, also those that failed."""


class FlowParams(Params):
    """Parameters of `get_flow`."""

    trace_id: str = Field(default="last", description="Trace id (or its start), or last, last-failed.")
    run: str | None = Field(default=None, description="All traces of a run, summed: run id, or last, previous, last-failed.")
    format: Literal["tree", "flamegraph", "timeline"] | None = Field(
        default=None, description="tree (of a trace, the default), flamegraph sums calls by path (of a run, too), timeline shows when."
    )
    max_depth: int | None = Field(default=None, ge=0, description="How deep below the root.")
    max_lines: int = Field(default=60, ge=5, le=1000, description="Lines of a flame graph or timeline.")


class FlowResult(Result):
    """`flow` is nested nodes (tree, flamegraph) or rows (timeline); times in milliseconds."""

    trace_id: str | None
    run_id: str
    format: str
    flow: Any
    note: str | None = Field(default=None, exclude_if=lambda note: note is None)
    _fetched: Fetched | None = None
    _graph: tuple[Frame, LeftOut] | None = None

    @classmethod
    def of(cls, fetched: Fetched, format: str, flow: Any, graph: tuple[Frame, LeftOut] | None = None) -> FlowResult:
        """The result, which keeps what it was made of for its text: spans, and the flame graph's frames."""
        made = cls(trace_id=fetched.trace.trace_id, run_id=fetched.trace.run_id, format=format, flow=flow)
        made._fetched, made._graph = fetched, graph
        return made

    @classmethod
    def of_run(cls, run_id: str, flow: Any, graph: tuple[Frame, LeftOut]) -> FlowResult:
        """The flame graph of a run."""
        made = cls(trace_id=None, run_id=run_id, format="flamegraph", flow=flow)
        made._graph = graph
        return made

    @property
    def graph(self) -> tuple[Frame, LeftOut]:
        """The frames of the flame graph that are drawn, and what was left out."""
        assert self._graph is not None
        return self._graph

    @property
    def fetched(self) -> Fetched:
        """The spans that the result was made of."""
        assert self._fetched is not None
        return self._fetched


async def run(call: Call[FlowParams]) -> FlowResult:
    """Fetch the trace and lay it out, with what its run lacks."""
    result = await _laid_out(call)
    began = 0 if result.trace_id is None else result.fetched.trace.start_ns
    result.note = lacking(await call.tools.store.run(result.run_id), began)
    return result


async def _laid_out(call: Call[FlowParams]) -> FlowResult:
    if call.params.run is not None and "trace_id" in call.params.model_fields_set:
        raise UserError("Name a run or a trace: trace_id and run cannot both be shown.")
    if call.params.run is not None:
        return await _flow_of_run(call, call.params.run)
    if call.params.format == "flamegraph":
        return await _flame_graph_of_trace(call)
    fetched = await fetch(call.tools, call.params.trace_id, max_depth=call.params.max_depth, sought=Sought())
    if call.params.format == "timeline":
        return FlowResult.of(fetched, "timeline", _timeline(fetched))
    return FlowResult.of(fetched, "tree", _tree(fetched))


async def _flow_of_run(call: Call[FlowParams], run_id: str) -> FlowResult:
    """What the store has added up of all traces of a run."""
    if call.params.format not in (None, "flamegraph"):
        raise UserError(f'A run is shown as format="flamegraph" only: name one trace with trace_id for its {call.params.format}.')
    if call.params.max_depth is not None:
        raise UserError("A run is shown whole: leave max_depth out, or name one trace with trace_id.")
    await call.tools.catch_up()
    found = await call.tools.store.run(run_id)
    if found.spans > MOST_SUMMED:
        raise UserError(f"Run {found.run_id} has {found.spans:,} spans, more than {MOST_SUMMED:,}: name one trace, or ask get_hotspots.")
    share = 0.0 if found.spans <= MOST_WHOLE else LEAST_SHARE
    whole = flame_graph_of_paths(await call.tools.store.call_paths_of_run(found.run_id, share))
    left = left_by_store(whole, found.errors) if share else prune(whole)
    return FlowResult.of_run(found.run_id, _flame_graph(whole), (whole, left))


async def _flame_graph_of_trace(call: Call[FlowParams]) -> FlowResult:
    """Of single spans, or, where they are too many, of what the store has added up."""
    params, store = call.params, call.tools.store
    await call.tools.catch_up()
    trace = await store.trace(params.trace_id)
    if trace.spans > MOST_SPANS and params.max_depth is None:
        fetched = Fetched(trace, (), 0)
        whole = flame_graph_of_paths(await store.call_paths(trace.trace_id, LEAST_SHARE))
        return FlowResult.of(fetched, "flamegraph", _flame_graph(whole), (whole, left_by_store(whole, trace.errors)))
    fetched = await fetch(call.tools, trace.trace_id, max_depth=params.max_depth)
    whole = flame_graph(fetched.spans)
    return FlowResult.of(fetched, "flamegraph", _flame_graph(whole), (whole, prune(whole)))


def _tree(fetched: Fetched) -> list[dict[str, Any]]:
    """Nested nodes, built from the leaves up so that depth is no limit."""
    made: dict[int, dict[str, Any]] = {}
    roots = build(fetched.spans)
    stack: list[tuple[Node, bool]] = [(root, False) for root in roots]
    while stack:
        node, ready = stack.pop()
        if not ready:
            stack.append((node, True))
            stack.extend((child, False) for child in node.children)
            continue
        span = node.span
        made[id(node)] = {
            "spanId": span.span_id,
            "function": span.function,
            "file": span.file,
            "line": span.line,
            "duration": ms(span.duration_ns),
            "selfTime": ms(span.self_ns),
            "error": span.error,
            "children": [made.pop(id(child)) for child in node.children],
        }
    return [made[id(root)] for root in roots]


def _flame_graph(whole: Frame) -> dict[str, Any]:
    def shape(frame: Frame) -> dict[str, Any]:
        return {
            "name": frame.name,
            "file": frame.file,
            "line": frame.line,
            "calls": frame.calls,
            "value": ms(frame.total_ns),
            "selfTime": ms(frame.self_ns),
            "errors": frame.errors,
            "children": [],
        }

    top = shape(whole)
    stack = [(whole, top)]
    while stack:
        frame, shaped = stack.pop()
        for child in frame.children.values():
            made = shape(child)
            shaped["children"].append(made)
            stack.append((child, made))
    return top


def _timeline(fetched: Fetched) -> list[dict[str, Any]]:
    return [
        {
            "spanId": bar.span.span_id,
            "function": bar.span.function,
            "file": bar.span.file,
            "offset": ms(bar.offset_ns),
            "duration": ms(bar.span.duration_ns),
            "depth": bar.span.depth,
            "thread": bar.span.thread,
            "error": bar.span.error,
        }
        for bar in timeline(fetched.spans)
    ]


def render(result: FlowResult, params: FlowParams) -> str:
    """The heading, the drawing, and what it lacks."""
    return "\n".join([_drawn(result, params), *([result.note] if result.note else [])])


def _drawn(result: FlowResult, params: FlowParams) -> str:
    if result.trace_id is None:
        return "\n".join([f"run {result.run_id}, all traces summed by call path", *draw_flame_graph(*result.graph, params.max_lines)])
    fetched = result.fetched
    partial = fetched.total > len(fetched.spans)
    if result.format == "flamegraph":
        lines = draw_flame_graph(*result.graph, params.max_lines)
    elif result.format == "timeline":
        lines = draw_timeline(timeline(fetched.spans), lines=params.max_lines)
    else:
        budget, roots = params.max_lines * 30, build(fetched.spans)
        lines = list(tell(roots, budget_tokens=budget, max_depth=params.max_depth, partial=partial, slow=fetched.slow).lines)
    if partial:
        lines.append(
            f"{fetched.total - len(fetched.spans):,} of {fetched.total:,} spans lie deeper than {fetched.depth} and are not in it."
        )
    return "\n".join([heading(fetched.trace), *lines])


GET_FLOW = Operation(
    name="get_flow",
    summary="Show how one trace went: as a call tree, as a flame graph summed by call path, or as a timeline; or a run's flame graph.",
    params=FlowParams,
    result=FlowResult,
    permission=READ,
    hints=READING,
    run=run,
    render=render,
    deeds=asked("read_flow"),
    routes=(Route("GET", "flow/{traceId}"), Route("GET", "flow")),
    command=Command(("flow",), argument="trace_id"),
)
