"""How the way of a value looks: steps on the wire and as text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import PrivateAttr

from mcp_tracer.analysis.provenance import Stop
from mcp_tracer.analysis.text import counted, duration, label, left_out
from mcp_tracer.model import cursor
from mcp_tracer.model.values import jsonable, preview
from mcp_tracer.service.operation import Result


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

    @property
    def has_more_steps(self) -> bool:
        """Whether `cursor` goes on with the steps, and not with the search."""
        return cursor.kind_of(self.cursor) == "value"

    @classmethod
    def of(cls, stops: Sequence[Stop], page: Sequence[Stop], more: str | None, others: list[str], complete: bool) -> ValueResult:
        """The result for a page of the way."""
        first = stops[0].first
        made = cls(
            trace_id=first.span.trace_id,
            run_id=first.span.run_id,
            steps=[_view(stop, first.at_ns) for stop in page],
            total=len(stops),
            cursor=more,
            spans=len({one.span.span_id for stop in stops for one in stop.appearances}),
            other_traces=others,
            complete=complete,
        )
        made._stops = list(page)
        return made


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


def render(result: ValueResult, value: str, seconds: float) -> str:
    """Where it came from, then its way, a line a step."""
    if not result.steps:
        return result.note or "There are no more steps."
    number = f"{counted(result.total, 'step')} in {counted(result.spans, 'call')}"
    lines = [f"{value} in trace {result.trace_id}, run {result.run_id}: {number}."]
    lines += [_line(stop, step.offset) for stop, step in zip(result.stops, result.steps, strict=True)]
    if result.has_more_steps:
        lines += left_out(len(result.steps), result.total, f'cursor="{result.cursor}" gives the next.')
    if result.other_traces:
        number, least = len(result.other_traces), "" if result.complete else " at least"
        such = f", such as {', '.join(result.other_traces[:2])}" if number > 1 else f", {result.other_traces[0]}"
        lines.append(f"Also in{least} {counted(number, 'other trace')}{such}: ask with trace_id.")
    if not result.complete:
        further = f'cursor="{result.cursor}" looks further' if result.cursor and not result.has_more_steps else "raise `seconds`"
        lines.append(f"Not everything was seen within {seconds:g} s: narrow it, or {further}.")
    lines += [result.note] if result.note else []
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
