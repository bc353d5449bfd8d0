"""`find_value`: where a value appeared first, and how it went on."""

from __future__ import annotations

import time
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field

from mcp_tracer.analysis.provenance import Wanted, chain, wanted
from mcp_tracer.model import cursor
from mcp_tracer.model.errors import UserError
from mcp_tracer.model.query import SpanQuery
from mcp_tracer.model.values import decimals
from mcp_tracer.service.context import Call, Tools
from mcp_tracer.service.operation import READ, READING, Command, Operation, Params, Route
from mcp_tracer.service.operations import counted
from mcp_tracer.service.operations.similar import similar
from mcp_tracer.service.operations.value_search import Found, look
from mcp_tracer.service.operations.value_views import ValueResult, render
from mcp_tracer.service.operations.views import asked, iso

ANY: Final = ("any", "all")
_BETWEEN: Final = "\0"


def _as_written(value: Any) -> Any:
    """A number, true or false that came as one, as it is written."""
    if isinstance(value, bool):
        return str(value).lower()
    return decimals(value) if isinstance(value, (int, float)) else value


class ValueParams(Params):
    """Parameters of `find_value`."""

    value: Annotated[str, BeforeValidator(_as_written)] = Field(
        min_length=1, description="A number, true, false, null (equal), or text (a part of it); in double quotes always text."
    )
    path: str | None = Field(default=None, description="Where it must lie, such as $.order.id (compared from the end).")
    run: str = Field(default="last", description="Run id, or last, previous, last-failed; any: the newest trace of all runs that has it.")
    trace_id: str | None = Field(default=None, description="Only this trace, or last, last-failed.")
    file: str | None = Field(default=None, description="File path or glob.")
    function: str | None = Field(default=None, description="Function name or glob.")
    limit: int = Field(default=20, ge=1, le=500, description="How many steps of its way.")
    cursor: str | None = Field(default=None, description="Continue after the answer that gave this cursor.")
    seconds: float = Field(default=5, gt=0, le=60, description="How long to look.")


async def run(call: Call[ValueParams]) -> ValueResult:
    """Find the first appearance in the scope, then all in its trace."""
    params, tools = call.params, call.tools
    sought = _understood(params)
    await tools.catch_up()
    deadline = time.monotonic() + params.seconds
    if cursor.kind_of(params.cursor) != "value":
        return await _from_the_first(tools, params, sought, deadline)
    key: Any = cursor.decode(params.cursor, "value", str, int, int, int, int, str)
    trace_id, *after, path = key
    way = await look(tools.store, _query(params, sought, None, trace_id), sought, deadline)
    return _page(way, params, [], (*after, tuple(path.split(_BETWEEN))))


async def _from_the_first(tools: Tools, params: ValueParams, sought: Wanted, deadline: float) -> ValueResult:
    """Its way from where it appeared first in the scope, or behind where an earlier answer had looked."""
    run_id, trace_id, further = await _scope(tools, params)
    query = _query(params, sought, run_id, trace_id)
    found = await look(tools.store, query, sought, deadline, further)
    resume = None if found.cursor is None else cursor.encode("value-search", run_id or "", trace_id or "", found.cursor)
    if not found.rows:
        return await _nothing(tools, params, sought, found, resume)
    first = found.rows[-1] if query.descending else found.rows[0]
    others = list(dict.fromkeys(one.span.trace_id for one in found.rows if one.span.trace_id != first.span.trace_id))
    way = found
    if trace_id is None:
        in_trace = _query(params, sought, None, first.span.trace_id)
        way = await look(tools.store, in_trace, sought, max(deadline, time.monotonic() + 1))
    made = _page(way, params, others, None)
    begin = 0 if trace_id is None else (await tools.store.trace(trace_id)).start_ns
    made.note = counted.lacking(await tools.store.run(first.span.run_id), begin) or ""
    made.complete &= found.complete
    made.cursor = made.cursor or resume
    return made


def _understood(params: ValueParams) -> Wanted:
    try:
        return wanted(params.value, params.path)
    except ValueError:
        raise UserError(f"path = {params.path!r} is no path: write names and indexes, such as $.order.items[0].id.") from None


async def _scope(tools: Tools, params: ValueParams) -> tuple[str | None, str | None, str | None]:
    """(run, trace, where the search goes on); a cursor keeps to the run or trace of the answer that gave it."""
    if params.cursor is not None:
        run_id, trace_id, further = cursor.decode(params.cursor, "value-search", str, str, str) or ("", "", None)
        return run_id or None, trace_id or None, further
    if params.trace_id is not None:
        return None, (await tools.store.trace(params.trace_id)).trace_id, None
    return None if params.run in ANY else (await tools.store.run(params.run)).run_id, None, None


def _query(params: ValueParams, sought: Wanted, run_id: str | None, trace_id: str | None) -> SpanQuery:
    """Within one run or trace the oldest first; in the whole store the newest."""
    return SpanQuery(
        text=sought.index_text,
        file=params.file,
        function=params.function,
        run_id=run_id,
        trace_id=trace_id,
        descending=run_id is None and trace_id is None,
    )


def _page(way: Found, params: ValueParams, others: list[str], after: tuple[Any, ...] | None) -> ValueResult:
    """The steps after a place; the cursor is the last one's place in its trace, so that a list goes on there whatever was added."""
    stops = chain(way.rows)
    rest = stops if after is None else [stop for stop in stops if stop.first.key > after]
    page = rest[: params.limit]
    more = None
    if len(rest) > len(page):
        *place, path = page[-1].first.key
        more = cursor.encode("value", page[-1].first.span.trace_id, *place, _BETWEEN.join(path))
    return ValueResult.of(stops, page, more, others, way.complete)


async def _nothing(tools: Tools, params: ValueParams, sought: Wanted, found: Found, resume: str | None) -> ValueResult:
    where = f"trace {params.trace_id}" if params.trace_id else "any run" if params.run in ANY else f"run {params.run}"
    hints = [await similar(tools, name, given) for name, given in (("file", params.file), ("function", params.function)) if given]
    wider = "" if params.run in ANY or params.trace_id else ' run="any" looks everywhere.'
    path = f" at {params.path}" if params.path else ""
    unseen = None if params.run in ANY or params.trace_id else await counted.of_run(tools, params.run)
    looked = "" if found.complete else f" {_looked(params, sought, found, resume)}"
    parts = (
        ""
        if params.value.strip()[:1] not in ("{", "[")
        else (" Objects and lists are not sought whole: give one number or text in it, with its place, such as value=5 path=$.id.")
    )
    note = (
        f"{params.value} was not recorded{path} as a parameter, return or variable in {where}{'' if found.complete else ' so far'}."
        f"{parts}{''.join(hints)}{looked}{wider} Variables need level 4, parameters and returns level 2; "
        "long texts, lists and deep values are recorded cut, secrets not at all."
        f"{f' {unseen}' if unseen else ''}"
    )
    return ValueResult(
        trace_id=None, run_id=None, steps=[], total=0, cursor=resume, spans=0, other_traces=[], complete=found.complete, note=note
    )


def _looked(params: ValueParams, sought: Wanted, found: Found, resume: str | None) -> str:
    """What was searched, why that took long, and how to go on."""
    side = "after" if params.run in ANY and params.trace_id is None else "before"
    seen = f"calls that started {side} {iso(found.reached_ns)}" if found.reached_ns else "not all calls"
    slow = "" if sought.is_indexed else " (numbers below 32,768, short texts, true, false and null have no index)"
    more = f'cursor="{resume}" goes on, or' if resume else "Variables were not all looked at:"
    return f"In {params.seconds:g} s {seen} were searched{slow}: {more} narrow it with file, function, path or trace_id."


FIND_VALUE = Operation(
    name="find_value",
    summary="Find where a value first appeared (parameter, return, variable) and the calls through which it went on, in order.",
    params=ValueParams,
    result=ValueResult,
    permission=READ,
    hints=READING,
    run=run,
    render=lambda result, params: render(result, params.value, params.seconds),
    deeds=asked("searched_value"),
    routes=(Route("GET", "value"),),
    command=Command(("value",), argument="value"),
)
