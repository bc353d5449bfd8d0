"""How spans, runs and statistics look on the wire: camelCase, ISO 8601, milliseconds (section 5 of the specification)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, Field

from mcp_tracer.analysis.text import iso
from mcp_tracer.model.span import FunctionStats, RaisedError, Span
from mcp_tracer.model.values import jsonable
from mcp_tracer.service.operation import Deed, Result

_LONGEST_NS = 2**63 - 1


def ms(ns: int) -> float:
    """Nanoseconds as milliseconds, exactly."""
    return ns / 1e6


def ns(milliseconds: float | None) -> int | None:
    """Milliseconds as nanoseconds; what is beyond 64 bits, infinity too, is the longest that there is."""
    return None if milliseconds is None else round(min(max(milliseconds * 1e6, -_LONGEST_NS), _LONGEST_NS))


class ErrorView(Result):
    """An exception; stack rows are [file, line, function], innermost last."""

    type: str
    message: str = ""
    stack: list[tuple[str, int, str]] = Field(default_factory=list[tuple[str, int, str]])
    cause: ErrorView | None = None


class SpanView(Result):
    """One span. `duration` and `selfTime` in milliseconds; `children` are span ids where they are known; `brief`: values or events of it
    were left out to save time; `paramsLate`: its parameters are shown as they were when it failed."""

    trace_id: str
    span_id: str
    parent_span_id: str | None
    run_id: str
    function: str
    file: str
    line: int
    kind: str
    start_time: str
    end_time: str
    duration: float
    self_time: float
    depth: int
    thread: str
    finished: bool
    count: int
    params: Any = None
    return_value: Any = None
    error: ErrorView | None = None
    attributes: dict[str, Any] = Field(default_factory=dict[str, Any])
    suspended: float | None = None
    brief: bool = False
    params_late: bool = False
    children: list[str] = Field(default_factory=list[str])


def span_view(span: Span, children: Sequence[str] = ()) -> SpanView:
    """The wire form of a span."""
    values = span.values
    return SpanView(
        trace_id=span.trace_id,
        span_id=span.span_id,
        parent_span_id=span.parent_span_id,
        run_id=span.run_id,
        function=span.function,
        file=span.file,
        line=span.line,
        kind=span.kind,
        start_time=iso(span.start_ns),
        end_time=iso(span.end_ns),
        duration=ms(span.duration_ns),
        self_time=ms(span.self_ns),
        depth=span.depth,
        thread=span.thread,
        finished=span.finished,
        count=span.count,
        params=jsonable(dict(values.params)) if values and values.params is not None else None,
        return_value=jsonable(values.returned) if values and values.has_return else None,
        error=_error_view(span),
        attributes=jsonable(dict(values.attributes)) if values else {},
        suspended=ms(values.suspended_ns) if values and values.suspended_ns is not None else None,
        brief=span.left_out,
        params_late=values is not None and values.late,
        children=list(children),
    )


def _error_view(span: Span) -> ErrorView | None:
    if span.values and span.values.error:
        return error_view(span.values.error)
    return ErrorView(type=span.error) if span.error else None


def error_view(error: RaisedError) -> ErrorView:
    """The wire form of an exception and its causes."""
    cause = error_view(error.cause) if error.cause else None
    return ErrorView(type=error.type, message=error.message, stack=list(error.stack), cause=cause)


class StatsView(Result):
    """Statistics of a function, or of a file where `function` is None. Times in milliseconds.

    `total_time` adds up every call, so it may exceed the time that passed: a call inside a call of the same function (recursion) counts
    again, and so do calls side by side and waiting. `self_time` counts no moment of a thread twice.
    """

    file: str
    function: str | None
    line: int = 0
    kind: str = ""
    call_count: int
    error_count: int
    error_rate: float
    avg_duration: float
    min_duration: float
    max_duration: float
    total_time: float
    self_time: float
    p50: float
    p95: float
    p99: float
    estimated_calls: int = Field(
        default=0, description="Calls that ran without probes to keep the overhead budget: their times are estimates."
    )


def stats_view(stats: FunctionStats) -> StatsView:
    """The wire form of statistics."""
    return StatsView(
        file=stats.file,
        function=stats.function or None,
        line=stats.line,
        kind=stats.kind,
        call_count=stats.calls,
        error_count=stats.errors,
        error_rate=round(stats.errors / stats.calls, 6) if stats.calls else 0.0,
        avg_duration=ms(stats.total_ns // stats.calls) if stats.calls else 0.0,
        min_duration=ms(stats.min_ns),
        max_duration=ms(stats.max_ns),
        total_time=ms(stats.total_ns),
        self_time=ms(stats.self_ns),
        p50=ms(stats.p50_ns),
        p95=ms(stats.p95_ns),
        p99=ms(stats.p99_ns),
        estimated_calls=stats.estimated,
    )


def asked(action: str) -> Any:
    """The record of a reading operation: what was asked."""

    def deeds(result: Result, params: BaseModel) -> Sequence[Deed]:
        return [Deed(action, {"params": params.model_dump(mode="json", by_alias=True, exclude_defaults=True)})]

    return deeds
