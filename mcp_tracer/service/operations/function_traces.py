"""`get_function_traces`: the calls of one function."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from mcp_tracer.model.calls import SITES
from mcp_tracer.model.query import SpanQuery
from mcp_tracer.service.context import Call
from mcp_tracer.service.operation import READ, READING, Command, Operation, Params, Route
from mcp_tracer.service.operations import counted
from mcp_tracer.service.operations.similar import similar
from mcp_tracer.service.operations.spans import SpansResult, find, render_spans, seconds_field
from mcp_tracer.service.operations.views import asked

GLOB = frozenset("*?[")


class FunctionTracesParams(Params):
    """Parameters of `get_function_traces`."""

    function: str = Field(description="Function name; `save` finds `Store.save`.")
    file: str | None = Field(default=None, description="File path or glob, where the name alone isn't enough.")
    run: str | None = Field(default=None, description="Run id, or last, previous, last-failed.")
    order_by: Literal["time", "duration"] = Field(default="time", description="Newest or slowest first.")
    order: Literal["asc", "desc"] = Field(default="desc", description="desc: newest or slowest first.")
    limit: int = Field(default=20, ge=1, le=500, description="How many calls.")
    cursor: str | None = Field(default=None, description="Continue after the page that gave this cursor.")
    seconds: float = seconds_field()


async def run(call: Call[FunctionTracesParams]) -> SpansResult:
    """Search by the function's name. Of a function that is traced itself the expressions that call it would say everything twice."""
    params = call.params
    await call.tools.catch_up()
    stats = await call.tools.store.function_stats(params.file, params.function, params.run)
    calls = [] if GLOB.intersection(params.function) else [row for row in stats if row.kind not in SITES]
    found = await find(
        call.tools,
        SpanQuery(
            function=params.function,
            file=params.file,
            sites=not calls,
            run_id=params.run,
            order=params.order_by,
            descending=params.order == "desc",
            limit=params.limit,
            cursor=params.cursor,
            seconds=params.seconds,
        ),
    )
    if not found.spans and found.complete:
        found.note = await _nothing(call)
    elif found.complete and params.cursor is None:
        found.note = counted.of_function(params.function, calls or stats, found.total) or ""
    return found


async def _nothing(call: Call[FunctionTracesParams]) -> str:
    function, file = call.params.function, call.params.file
    where = f" in {file}" if file else ""
    hint = await similar(call.tools, "function", function)
    return f"No call of {function}{where} was recorded.{hint} `get_status` shows what is instrumented."


def render(result: SpansResult, params: FunctionTracesParams) -> str:
    """One line a call."""
    lines = [render_spans(result, result.note, params.seconds), result.note if result.spans else ""]
    return "\n".join(filter(None, lines))


GET_FUNCTION_TRACES = Operation(
    name="get_function_traces",
    summary="List the recorded calls of one function with parameters, returns and errors, newest or slowest first.",
    params=FunctionTracesParams,
    result=SpansResult,
    permission=READ,
    hints=READING,
    run=run,
    render=render,
    deeds=asked("read_function_traces"),
    routes=(Route("GET", "function/{file}/{function}"),),
    command=Command(("function",), argument="function"),
)
