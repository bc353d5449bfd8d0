"""Chrome's trace event format: chrome://tracing and ui.perfetto.dev read it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mcp_tracer.analysis.export.lanes import Lane, Lanes
from mcp_tracer.analysis.text import label, place
from mcp_tracer.model.json_text import json_text
from mcp_tracer.model.span import Span, TraceSummary
from mcp_tracer.model.values import jsonable


class ChromeTrace:
    """Complete events ("X") on tracks on which they nest; runs are processes, threads and their async calls are threads."""

    def __init__(self) -> None:
        self._lanes = Lanes()
        self._runs: dict[str, int] = {}
        self._origin = 0
        self._separator = "\n"

    def begin(self, trace: TraceSummary) -> Iterator[str]:
        """The head of the object."""
        self._origin = trace.start_ns
        other = {"traceId": trace.trace_id, "runId": trace.run_id, "name": trace.name, "startNs": str(trace.start_ns)}
        yield f'{{"displayTimeUnit": "ms", "otherData": {json_text(other)}, "traceEvents": ['

    def add(self, span: Span) -> Iterator[str]:
        """The span, with the names of its process and track where they are new."""
        placed = self._lanes.place(span)
        if span.run_id not in self._runs:
            self._runs[span.run_id] = len(self._runs) + 1
            yield self._event(span.run_id, 0, {"ph": "M", "name": "process_name", "args": {"name": f"run {span.run_id}"}})
        tid = placed.lane.number + 1
        if placed.is_new:
            yield self._event(span.run_id, tid, {"ph": "M", "name": "thread_name", "args": {"name": name_of(placed.lane)}})
            yield self._event(span.run_id, tid, {"ph": "M", "name": "thread_sort_index", "args": {"sort_index": tid}})
        times = {"ts": (span.start_ns - self._origin) / 1000, "dur": span.duration_ns / 1000}
        failed = {"cname": "terrible"} if span.error else {}
        yield self._event(span.run_id, tid, {"ph": "X", "name": label(span), "cat": span.kind, **times, **failed, "args": _arguments(span)})

    def end(self) -> Iterator[str]:
        """The foot of the object."""
        yield "\n]}\n"

    def _event(self, run_id: str, tid: int, event: dict[str, Any]) -> str:
        separator, self._separator = self._separator, ",\n"
        return separator + json_text({**event, "pid": self._runs[run_id], "tid": tid})


def name_of(lane: Lane) -> str:
    """A track's name: its thread, numbered where calls overlap."""
    return lane.thread if lane.index == 1 else f"{lane.thread} (concurrent {lane.index})"


def _arguments(span: Span) -> dict[str, Any]:
    """What a viewer shows of a chosen span."""
    told: dict[str, Any] = {"spanId": span.span_id, "parentSpanId": span.parent_span_id, "at": place(span)}
    values = span.values
    if values and values.params is not None:
        told["params"] = jsonable(dict(values.params))
    if values and values.has_return:
        told["return"] = jsonable(values.returned)
    if span.error:
        told["error"] = f"{span.error}: {values.error.message}" if values and values.error else span.error
    if values and values.attributes:
        told["attributes"] = jsonable(dict(values.attributes))
    return told if span.finished else {**told, "finished": False}
