"""`find_slow_executions`: the slowest calls."""

from __future__ import annotations

from pydantic import Field

from mcp_tracer.model.query import SpanQuery
from mcp_tracer.service.context import Call
from mcp_tracer.service.operation import READ, READING, Command, Operation, Params, Route
from mcp_tracer.service.operations.spans import SpansResult, find, known_kind, render_spans, seconds_field
from mcp_tracer.service.operations.views import asked, ns


class SlowParams(Params):
    """Parameters of `find_slow_executions`."""

    threshold: float = Field(default=100, ge=0, description="Milliseconds: only calls at least this slow.")
    file: str | None = Field(default=None, description="File path or glob.")
    function: str | None = Field(default=None, description="Function name or glob.")
    kind: str | None = Field(default=None, description="For instance db, for slow queries.")
    run: str | None = Field(default=None, description="Run id, or last, previous, last-failed.")
    limit: int = Field(default=20, ge=1, le=500, description="How many calls.")
    cursor: str | None = Field(default=None, description="Continue after the page that gave this cursor.")
    seconds: float = seconds_field()


async def run(call: Call[SlowParams]) -> SpansResult:
    """Search by duration, slowest first."""
    params = call.params
    return await find(
        call.tools,
        SpanQuery(
            min_duration_ns=ns(params.threshold),
            file=params.file,
            function=params.function,
            kind=known_kind(params.kind),
            run_id=params.run,
            order="duration",
            limit=params.limit,
            cursor=params.cursor,
            seconds=params.seconds,
        ),
    )


def render(result: SpansResult, params: SlowParams) -> str:
    """One line a call, slowest first."""
    nothing = f"No recorded call took {params.threshold:g} ms or more: lower `threshold` to see the slowest ones."
    return render_spans(result, nothing, params.seconds)


FIND_SLOW = Operation(
    name="find_slow_executions",
    summary="List the slowest recorded calls at or above a threshold in milliseconds.",
    params=SlowParams,
    result=SpansResult,
    permission=READ,
    hints=READING,
    run=run,
    render=render,
    deeds=asked("searched_slow_executions"),
    routes=(Route("GET", "slow"),),
    command=Command(("slow",)),
)
