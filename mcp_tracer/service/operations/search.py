"""`search_traces`: spans by text, place, kind, duration, error, time, run or test."""

from __future__ import annotations

from typing import Any, Literal, cast

from pydantic import Field, model_validator

from mcp_tracer.model.errors import UserError
from mcp_tracer.model.query import SpanQuery
from mcp_tracer.service.context import Call
from mcp_tracer.service.operation import READ, READING, Command, Operation, Params, Route
from mcp_tracer.service.operations.spans import SpansResult, find, known_kind, render_spans, seconds_field
from mcp_tracer.service.operations.times import window_ns
from mcp_tracer.service.operations.views import asked, ns

NO_TEXT = frozenset(("true", "false", "null", "none", "undefined"))


class SearchParams(Params):
    """Parameters of `search_traces`."""

    query: str | None = Field(default=None, description="Text in function names, parameters, returns, errors or SQL; any case.")
    file: str | None = Field(default=None, description="File path or glob.")
    function: str | None = Field(default=None, description="Function name or glob; `save` finds `Store.save`.")
    kind: str | None = Field(default=None, description="function, call, db, http-client, http-server, test, …")
    min_duration: float | None = Field(default=None, ge=0, description="Milliseconds.")
    max_duration: float | None = Field(default=None, ge=0, description="Milliseconds.")
    has_error: bool | None = Field(default=None, description="Only spans that failed (true) or didn't (false).")
    error_type: str | None = Field(default=None, description="Such as KeyError.")
    start: str | None = Field(default=None, description="Not before: ISO 8601, or an age such as 15m.")
    end: str | None = Field(default=None, description="Not after: ISO 8601, or an age.")
    run: str | None = Field(default=None, description="Run id, or last, previous, last-failed.")
    trace: str | None = Field(default=None, description="Trace id.")
    test: str | None = Field(default=None, description="Test id, e.g. tests/test_a.py::test_b, or a part of one.")
    order: Literal["time", "duration"] = Field(default="time", description="Newest first, or slowest first.")
    limit: int = Field(default=20, ge=1, le=500, description="How many spans.")
    cursor: str | None = Field(default=None, description="Continue after the page that gave this cursor.")
    seconds: float = seconds_field()

    @model_validator(mode="before")
    @classmethod
    def _take_time_range(cls, given: Any) -> Any:
        """The specification's body says `timeRange: {start, end}`."""
        if not isinstance(given, dict):
            return given
        named = dict(cast("dict[str, Any]", given))
        window = named.pop("timeRange", None) or named.pop("time_range", None)
        if window is not None and not isinstance(window, dict):
            raise ValueError('timeRange must be an object: {"start": …, "end": …}')
        return {**named, **cast("dict[str, Any]", window or {})}


async def run(call: Call[SearchParams]) -> SpansResult:
    """Search the store."""
    params = call.params
    start_ns, end_ns = window_ns(params.start, params.end)
    if params.min_duration is not None and params.max_duration is not None and params.min_duration > params.max_duration:
        least, most = params.max_duration, params.min_duration
        raise UserError(f"min_duration is above max_duration: write min_duration={least:g} and max_duration={most:g}.")
    return await find(
        call.tools,
        SpanQuery(
            text=params.query,
            file=params.file,
            function=params.function,
            kind=known_kind(params.kind),
            min_duration_ns=ns(params.min_duration),
            max_duration_ns=ns(params.max_duration),
            has_error=params.has_error,
            error_type=params.error_type,
            start_ns=start_ns,
            end_ns=end_ns,
            run_id=params.run,
            trace_id=params.trace,
            test_id=params.test,
            order=params.order,
            limit=params.limit,
            cursor=params.cursor,
            seconds=params.seconds,
        ),
    )


def render(result: SpansResult, params: SearchParams) -> str:
    """One line a span: duration, call, outcome, place, ids."""
    nothing = "No span matches. `list_runs` shows what was recorded; a shorter `query` or no time limits may find more."
    if (params.query or "").lower() in NO_TEXT:
        nothing += f" Values that are {params.query} are no text: `find_value` finds them."
    return render_spans(result, nothing, params.seconds)


SEARCH_TRACES = Operation(
    name="search_traces",
    summary="Search recorded spans by text (names, parameters, returns, errors, SQL), file, function, kind, duration, time, run or test.",
    params=SearchParams,
    result=SpansResult,
    permission=READ,
    hints=READING,
    run=run,
    render=render,
    deeds=asked("searched_traces"),
    routes=(Route("GET", "search"),),
    command=Command(("search",), argument="query"),
)
