"""`find_value`: where a value appeared first, and how it went on."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydantic import Field, PrivateAttr

from mcp_tracer.analysis.provenance import Appearance, Stop, Wanted, appearances, chain, wanted
from mcp_tracer.analysis.text import counted, duration, label, left_out
from mcp_tracer.model.errors import UserError
from mcp_tracer.model.query import SpanQuery
from mcp_tracer.model.span import Event, Span
from mcp_tracer.model.values import jsonable, preview
from mcp_tracer.service.context import Call, Tools
from mcp_tracer.service.operation import READ, READING, Command, Operation, Params, Result, Route
from mcp_tracer.service.operations.similar import similar
from mcp_tracer.service.operations.views import asked
from mcp_tracer.storage.port import SpanStore

PAGE = 200
MOST_FOUND = 1_000
ANY = ("any", "all")


class ValueParams(Params):
    """Parameters of `find_value`."""

    value: str = Field(
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


class StopView(Result):
    """One step of the way: `how` (parameter, return, variable, attribute, error) and where in it; `count` calls did the same."""

    how: str
    path: str
    value: Any
    function: str
    kind: str
    file: str
    line: int
    depth: int
    span_id: str
    count: int
    offset: float


class ValueResult(Result):
    """The way of a value through one trace. `offset` in milliseconds after the first step; `total` counts the steps.

    `complete` is False where the search ended before everything in its scope was seen.
    """

    trace_id: str | None
    run_id: str | None
    steps: list[StopView]
    total: int
    cursor: str | None
    spans: int
    other_traces: list[str]
    complete: bool
    note: str = ""
    _stops: list[Stop] = PrivateAttr(default_factory=list[Stop])

    @property
    def stops(self) -> list[Stop]:
        """What `steps` was made of."""
        return self._stops

    @classmethod
    def of(cls, stops: Sequence[Stop], page: Sequence[Stop], cursor: str | None, others: list[str], complete: bool) -> ValueResult:
        """The result for a page of the way."""
        first = stops[0].first
        made = cls(
            trace_id=first.span.trace_id,
            run_id=first.span.run_id,
            steps=[_view(stop, first.at_ns) for stop in page],
            total=len(stops),
            cursor=cursor,
            spans=len({one.span.span_id for stop in stops for one in stop.appearances}),
            other_traces=others,
            complete=complete,
        )
        made._stops = list(page)
        return made


@dataclass(slots=True)
class Found:
    """Appearances so far, and whether that is all there is."""

    rows: list[Appearance]
    complete: bool


async def run(call: Call[ValueParams]) -> ValueResult:
    """Find the first appearance in the scope, then all in its trace."""
    params, tools = call.params, call.tools
    sought = _understood(params)
    await tools.catch_up()
    deadline = time.monotonic() + params.seconds
    query = await _scope(tools, params, sought)
    found = await look(tools.store, query, sought, deadline)
    if not found.rows:
        return await _nothing(tools, params, found.complete)
    first = found.rows[-1] if query.descending else found.rows[0]
    others = list(dict.fromkeys(one.span.trace_id for one in found.rows if one.span.trace_id != first.span.trace_id))
    if query.trace_id is None:
        in_scope = replace(query, trace_id=first.span.trace_id, descending=False)
        way = await look(tools.store, in_scope, sought, max(deadline, time.monotonic() + 1))
        found = Found(way.rows, found.complete and way.complete)
    return _page(chain(found.rows), params, others, found.complete)


def _understood(params: ValueParams) -> Wanted:
    try:
        return wanted(params.value, params.path)
    except ValueError:
        raise UserError(f"path = {params.path!r} is no path: write names and indexes, such as $.order.items[0].id.") from None


async def _scope(tools: Tools, params: ValueParams, sought: Wanted) -> SpanQuery:
    """Within one run or trace the oldest first; in the whole store the newest."""
    run_id = trace_id = None
    if params.trace_id is not None:
        trace_id = (await tools.store.trace(params.trace_id)).trace_id
    elif params.run not in ANY:
        run_id = (await tools.store.run(params.run)).run_id
    return SpanQuery(
        text=sought.index_text,
        file=params.file,
        function=params.function,
        run_id=run_id,
        trace_id=trace_id,
        descending=run_id is None and trace_id is None,
        limit=PAGE,
    )


async def look(store: SpanStore, query: SpanQuery, sought: Wanted, deadline: float) -> Found:
    """Spans by the store's indexes, page by page, and variables by a scan, until enough is found or the time is over."""
    spans: list[Span] = []
    complete, cursor, cut = False, None, False
    while not complete and not cut and len(spans) < MOST_FOUND and time.monotonic() < deadline:
        page = await store.search(replace(query, cursor=cursor, seconds=max(0.05, deadline - time.monotonic())))
        spans += [span for span in page.rows if appearances([span], (), sought)]
        cursor, cut = page.cursor, page.cut
        complete = cursor is None and not cut
    scan = await store.find_events(replace(query, limit=MOST_FOUND), seconds=max(0.2, deadline - time.monotonic()))
    placed = await _placed(store, scan.rows, {span.span_id: span for span in spans})
    return Found(appearances(spans, placed, sought), complete and scan.complete)


async def _placed(store: SpanStore, events: Sequence[Event], known: dict[str, Span]) -> list[tuple[Event, Span]]:
    placed: list[tuple[Event, Span]] = []
    for event in events:
        if event.span_id not in known:
            known[event.span_id] = await store.span(event.span_id)
        placed.append((event, known[event.span_id]))
    return placed


def _page(stops: list[Stop], params: ValueParams, others: list[str], complete: bool) -> ValueResult:
    """The cursor is the moment and the number of the last step, so that a list goes on where it ended."""
    if params.cursor is not None and not params.cursor.isdecimal():
        raise UserError("the cursor doesn't belong to this list: repeat the question without a cursor.")
    start = int(params.cursor or 0)
    page = stops[start : start + params.limit]
    more = str(start + len(page)) if start + len(page) < len(stops) else None
    return ValueResult.of(stops, page, more, others, complete)


async def _nothing(tools: Tools, params: ValueParams, complete: bool) -> ValueResult:
    where = f"trace {params.trace_id}" if params.trace_id else "any run" if params.run in ANY else f"run {params.run}"
    hints = [await similar(tools, name, given) for name, given in (("file", params.file), ("function", params.function)) if given]
    wider = "" if params.run in ANY or params.trace_id else ' run="any" looks everywhere.'
    path = f" at {params.path}" if params.path else ""
    looked = "" if complete else f" The search ended after {params.seconds:g} s before everything was seen: narrow it, or raise `seconds`."
    note = (
        f"{params.value} was not recorded{path} as a parameter, return or variable in {where}.{''.join(hints)}{looked}{wider}"
        " Variables need level 4, parameters and returns level 2."
    )
    return ValueResult(
        trace_id=None, run_id=None, steps=[], total=0, cursor=None, spans=0, other_traces=[], complete=complete, note=note
    )  # fmt: skip


def _view(stop: Stop, origin_ns: int) -> StopView:
    one = stop.first
    return StopView(
        how=one.how,
        path=".".join(one.path),
        value=jsonable(one.value),
        function=one.span.function,
        kind=one.span.kind,
        file=one.span.file,
        line=one.line,
        depth=one.span.depth,
        span_id=one.span.span_id,
        count=len(stop.appearances),
        offset=(one.at_ns - origin_ns) / 1e6,
    )


def render(result: ValueResult, params: ValueParams) -> str:
    """Where it came from, then its way, a line a step."""
    if not result.steps:
        return result.note
    number = f"{counted(result.total, 'step')} in {counted(result.spans, 'call')}"
    lines = [f"{params.value} in trace {result.trace_id}, run {result.run_id}: {number}."]
    lines += [_line(stop, step.offset) for stop, step in zip(result.stops, result.steps, strict=True)]
    if result.cursor:
        lines += left_out(len(result.steps), result.total, f'cursor="{result.cursor}" gives the next.')
    if result.other_traces:
        more = "" if result.complete else "+"
        lines.append(
            f"Also in {len(result.other_traces)}{more} other traces, such as {', '.join(result.other_traces[:2])}: ask with trace_id."
        )
    if not result.complete:
        lines.append(f"Not everything was seen within {params.seconds:g} s and {MOST_FOUND:,} matches: narrow it, or raise `seconds`.")
    return "\n".join([*lines, f'Next: inspect_span span_id="{result.steps[0].span_id}" shows the first one over its source.'])


def _line(stop: Stop, offset_ms: float) -> str:
    one = stop.first
    where = ".".join(one.path)
    value = preview(one.value, 60)
    name = label(one.span)
    said = {
        "parameter": f"{name} got {where} = {value}",
        "return": f"{name} gave {where} = {value}",
        "variable": f"{name} had {where} = {value}",
        "attribute": f"{name} [{where} = {value}]",
        "error": f"{name} raised with {value}",
    }[one.how]
    times = f"×{len(stop.appearances)} " if len(stop.appearances) > 1 else ""
    place = f" {one.span.file}:{one.line}" if one.span.file and one.line else ""
    return f"+{duration(round(offset_ms * 1e6))} {'  ' * min(one.span.depth, 8)}{times}{said}{place} #{one.span.span_id}"


FIND_VALUE = Operation(
    name="find_value",
    summary="Find where a value first appeared (parameter, return, variable) and the calls through which it went on, in order.",
    params=ValueParams,
    result=ValueResult,
    permission=READ,
    hints=READING,
    run=run,
    render=render,
    deeds=asked("searched_value"),
    routes=(Route("GET", "value"),),
    command=Command(("value",), argument="value"),
)
