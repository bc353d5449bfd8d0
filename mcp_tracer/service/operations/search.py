"""`search_traces`: spans by text, place, kind, duration, error, time, run or test."""

from __future__ import annotations

from typing import Any, Literal, cast

from pydantic import Field, model_validator

from mcp_tracer.model.errors import UserError
from mcp_tracer.model.query import SpanQuery
from mcp_tracer.service.context import Call
from mcp_tracer.service.operation import READ, READING, Command, Operation, Params, Route
from mcp_tracer.service.operations.similar import near, similar
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
        low, high = ("minDuration", "maxDuration") if call.caller.via == "rest" else ("min_duration", "max_duration")
        raise UserError(f"{low} is above {high}: write {low}={least:g} and {high}={most:g}.")
    found = await find(
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
    if not found.spans and found.complete:
        found.note = await _nothing(call)
    return found


async def _nothing(call: Call[SearchParams]) -> str:
    """Which of the names that were given may be meant otherwise, and which limit to try without."""
    params, tools = call.params, call.tools
    hints = [await similar(tools, kind, name) for kind, name in (("function", params.function), ("file", params.file)) if name]
    hints += [await _error_type(call, params.error_type)] if params.error_type else []
    if any(hints):
        return f"No span matches.{''.join(hints)}"
    others = ["a shorter `query`"] if params.query else []
    others += ["no time limits"] if params.start or params.end else []
    more = f"; {' or '.join(others)} may find more" if others else ""
    return f"No span matches. `list_runs` shows what was recorded{more}."


async def _error_type(call: Call[SearchParams], name: str) -> str:
    """What of the newest failed calls has nearly this type."""
    failed = await call.tools.store.search(SpanQuery(has_error=True, limit=200, seconds=1, values=False))
    known = {span.error for span in failed.rows if span.error}
    there = f" The newest failed calls have {', '.join(sorted(known)[:5])}." if known and name not in known else ""
    return near("error", name, known) or there


def render(result: SpansResult, params: SearchParams) -> str:
    """One line a span: duration, call, outcome, place, ids."""
    nothing = result.note
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
