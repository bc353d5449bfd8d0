"""How spans, times and values look in an answer: few characters, nothing that a reader must guess."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

from mcp_tracer.model.span import Span, Values
from mcp_tracer.model.values import Obj, preview

VALUE_LIMIT = 60
SQL_LIMIT = 120
MESSAGE_LIMIT = 160
RECEIVERS = ("self", "cls", "this")
BRIEF = "[brief]"
VALUE_SETTINGS = ("TRACING_OVERHEAD_BUDGET", "TRACING_VALUE_BUDGET")  # of JavaScript and of Python


def duration(ns: int) -> str:
    """A duration in three significant digits: `870ns`, `12.3µs`, `4.56ms`, `1.23s`."""
    for unit, size in (("s", 1_000_000_000), ("ms", 1_000_000), ("µs", 1_000)):
        if ns >= size:
            return f"{_three(ns / size)}{unit}"
    return f"{ns}ns"


def _three(number: float) -> str:
    text = f"{number:.2f}" if number < 10 else f"{number:.1f}" if number < 100 else f"{number:.0f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def counted(number: int, noun: str) -> str:
    """`1 function`, `2 functions`, `1,234 functions`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def iso(ns: int) -> str:
    """An instant in ISO 8601, UTC, milliseconds."""
    return datetime.fromtimestamp(ns / 1e9, timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def clock(ns: int) -> str:
    """An instant for people: date and time, UTC, seconds."""
    return datetime.fromtimestamp(ns / 1e9, timezone.utc).strftime("%Y-%m-%d %H:%M:%SZ")


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Columns divided by ` | `, without padding: padding costs a model tokens."""
    return "\n".join(" | ".join(cells) for cells in (header, *rows))


def label(span: Span) -> str:
    """What was called: the function, or for SQL and HTTP the statement or request itself."""
    attributes: Mapping[str, Any] = span.values.attributes if span.values else {}
    if span.kind == "db" and attributes.get("db.query.text"):
        return f"db {preview(_squeezed(str(attributes['db.query.text'])), SQL_LIMIT)}"
    if span.kind == "test" and attributes.get("test.case.name"):
        return f"test {attributes['test.case.name']}"
    if span.kind == "http-server" and attributes.get("http.request.method"):
        return f"{attributes['http.request.method']} {attributes.get('url.path') or attributes.get('url.full', '')}".strip()
    if span.kind == "http-client" and attributes.get("url.full"):
        return f"http {attributes.get('http.request.method', 'GET')} {attributes['url.full']}"
    return span.function


def place(span: Span) -> str:
    """`file:line`, or nothing for calls without one."""
    return f"{span.file}:{span.line}" if span.file and span.line else span.file


def arguments(values: Values | None, limit: int = VALUE_LIMIT) -> str:
    """`(a=1, b="x")`, or nothing where no parameters were captured."""
    if values is None or values.params is None:
        return _query_parameters(values)
    return "(" + ", ".join(_argument(name, value, limit) for name, value in values.params.items()) + ")"


def _argument(name: str, value: Any, limit: int) -> str:
    """The receiver is shown by its type alone: its fields would fill the line of every method."""
    if name in RECEIVERS and isinstance(value, Obj):
        return f"{name}={value.type.rpartition('.')[2]}"
    return f"{name}={preview(value, limit)}"


def _query_parameters(values: Values | None) -> str:
    bound = values.attributes.get("db.query.parameters") if values else None
    return "" if bound is None else preview(bound, VALUE_LIMIT)


def message(span: Span) -> str:
    """What the exception said, on one line."""
    error = span.values.error if span.values else None
    return _squeezed(error.message) if error else ""


def failure(span: Span) -> str:
    """`✗ ValueError: message` of a failed call."""
    said = message(span)[:MESSAGE_LIMIT]
    return f"✗ {span.error}" + (f": {said}" if said else "")


def outcome(span: Span, limit: int = VALUE_LIMIT) -> str:
    """`→ value`, `✗ ValueError: message`, `… still open`, or nothing."""
    values = span.values
    if span.error:
        return failure(span)
    if not span.finished:
        return "… not finished"
    if values is None:
        return ""
    returned = [f"→ {preview(values.returned, limit)}"] if values.has_return else []
    return " ".join([*returned, *_attributes(values.attributes)])


def _attributes(attributes: Any) -> list[str]:
    shown: list[str] = []
    if "http.response.status_code" in attributes:
        shown.append(f"→ {attributes['http.response.status_code']}")
    if "db.response.returned_rows" in attributes:
        shown.append(f"→ {attributes['db.response.returned_rows']} rows")
    return shown


def span_line(span: Span, limit: int = VALUE_LIMIT) -> str:
    """One span on one line: duration, name, parameters, outcome, place."""
    count = " ".join([*([f"[1 of {span.count} calls]"] if span.count > 1 else []), *_depth(span)])
    called = label(span) + (arguments(span.values, limit) if span.kind != "db" else " " + _query_parameters(span.values))
    about = "≈" if span.estimated else ""
    took = duration(span.duration_ns) if span.finished or span.duration_ns > 0 else "?"
    parts = (about + took, called.strip(), outcome(span, limit), place(span), count)
    return " ".join(part for part in parts if part)


def _depth(span: Span) -> list[str]:
    """What is to be known of how deep its values are."""
    if span.values is not None and span.values.late:
        return ["[arguments as it failed]"]
    return [BRIEF] if span.left_out else []


def brief_legend(spans: Iterable[Span]) -> list[str]:
    """The sentence that says what the mark means, where a span has it."""
    marked = [span for span in spans if _depth(span) == [BRIEF]]
    if not marked:
        return []
    settings = sorted({VALUE_SETTINGS[span.file.endswith((".py", ".pyi"))] for span in marked})
    return [f"{BRIEF}: {counted(len(marked), 'call')} with values in short, to save time; {' or '.join(settings)}=off records them whole."]


def _squeezed(text: str) -> str:
    return " ".join(text.split())


def left_out(shown: int, total: int | None, how: str) -> list[str]:
    """The sentence that says how many rows there are and how to get the rest; nothing where all are shown."""
    if total is not None and shown >= total:
        return []
    of = f" of {total:,}" if total is not None else ""
    return [f"{shown} shown{of}; {how}"]
