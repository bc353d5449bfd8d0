"""OTLP in JSON (opentelemetry.io/docs/specs/otlp, JSON mapping): what any OpenTelemetry backend takes at /v1/traces."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, cast

from mcp_tracer.model.json_text import json_text
from mcp_tracer.model.span import RaisedError, Span, TraceSummary
from mcp_tracer.model.values import jsonable

KIND_INTERNAL, KIND_SERVER, KIND_CLIENT = 1, 2, 3
STATUS_ERROR: Final = 2
_KINDS: Final = {"http-server": KIND_SERVER, "http-client": KIND_CLIENT, "db": KIND_CLIENT}
_NO_NUMBERS: Final = {"inf": "Infinity", "-inf": "-Infinity"}
_SCOPE: Final = {"name": "mcp-tracer"}


class OtlpJson:
    """One resource a run: spans of another run begin a new one."""

    def __init__(self) -> None:
        self._run: str | None = None

    def begin(self, trace: TraceSummary) -> Iterator[str]:
        """The head of the object."""
        yield '{"resourceSpans": ['

    def add(self, span: Span) -> Iterator[str]:
        """The span, in its run's resource."""
        made = json_text(_span(span))
        if span.run_id == self._run:
            yield ",\n" + made
            return
        resource = {"attributes": _attributes({"service.name": "mcp-tracer", "service.instance.id": span.run_id})}
        closing = "" if self._run is None else "]}]},"
        self._run = span.run_id
        yield f'{closing}\n{{"resource": {json_text(resource)}, "scopeSpans": [{{"scope": {json_text(_SCOPE)}, "spans": [\n{made}'

    def end(self) -> Iterator[str]:
        """The foot of the object."""
        yield "]}\n" if self._run is None else "]}]}]}\n"


def _span(span: Span) -> dict[str, Any]:
    made: dict[str, Any] = {
        "traceId": span.trace_id,
        "spanId": span.span_id,
        "name": span.function,
        "kind": _KINDS.get(span.kind, KIND_INTERNAL),
        "startTimeUnixNano": str(span.start_ns),
        "endTimeUnixNano": str(span.end_ns),
        "attributes": _attributes(_told(span)),
    }
    if span.parent_span_id:
        made["parentSpanId"] = span.parent_span_id
    if span.error:
        error = span.values.error if span.values else None
        made["status"] = {"code": STATUS_ERROR, "message": error.message if error else span.error}
        made["events"] = [_exception(span, error)] if error else []
    return made


def _told(span: Span) -> dict[str, Any]:
    """Attributes by OpenTelemetry's names; what it has no name for, by ours."""
    values = span.values
    told: dict[str, Any] = {
        "code.function.name": span.function,
        "code.file.path": span.file,
        "code.line.number": span.line,
        "thread.name": span.thread,
        "mcp_tracer.kind": span.kind,
        "mcp_tracer.self_ns": span.self_ns,
    }
    told |= {"mcp_tracer.calls": span.count} if span.count > 1 else {}
    told |= {"mcp_tracer.unfinished": True} if not span.finished else {}
    told |= {"error.type": span.error} if span.error else {}
    if values is not None:
        told |= cast("dict[str, Any]", jsonable(dict(values.attributes)))
        told |= {"mcp_tracer.params": jsonable(dict(values.params))} if values.params is not None else {}
        told |= {"mcp_tracer.return": jsonable(values.returned)} if values.has_return else {}
    return told


def _exception(span: Span, error: RaisedError) -> dict[str, Any]:
    stack = "\n".join(f'  File "{file}", line {line}, in {function}' for file, line, function in error.stack)
    attributes = {"exception.type": error.type, "exception.message": error.message, "exception.stacktrace": stack}
    return {"timeUnixNano": str(span.end_ns), "name": "exception", "attributes": _attributes(attributes)}


def _attributes(values: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value": any_value(value)} for key, value in values.items()]


def any_value(value: Any) -> dict[str, Any]:
    """JSON data as OTLP's AnyValue; {} for null."""
    if value is None:
        return {}
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)} if -(1 << 63) <= value < 1 << 63 else {"stringValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value if value - value == 0 else _NO_NUMBERS.get(repr(value), "NaN")}
    if isinstance(value, list):
        return {"arrayValue": {"values": [any_value(item) for item in cast("list[Any]", value)]}}
    if isinstance(value, dict):
        return {"kvlistValue": {"values": _attributes(cast("dict[str, Any]", value))}}
    return {"stringValue": str(value)}
