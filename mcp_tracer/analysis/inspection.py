"""One call laid over its source: how often each line ran, what names were there, what was called, where it failed. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Final

from mcp_tracer.analysis.text import label
from mcp_tracer.analysis.tree import SITES
from mcp_tracer.model.plan import FunctionInfo
from mcp_tracer.model.span import Event, Span
from mcp_tracer.model.values import Value

_DRIVEN: Final = ("generator", "async-generator")
_UNKNOWN_LINES: Final = 40
"""So many are shown of a function whose end is not known."""


@dataclass(frozen=True, slots=True)
class Taken:
    """The values that a name took at one line, in order, and the events' numbers."""

    name: str
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Called:
    """Calls of one thing from one line (0: from lines that are not known).

    `spans` are the calls themselves; the expressions where those were not recorded or are another's.
    """

    name: str
    line: int
    spans: tuple[Span, ...]

    @property
    def failed(self) -> tuple[Span, ...]:
        """Those that an exception left."""
        return tuple(span for span in self.spans if span.error)


@dataclass(slots=True)
class Line:
    """One line of source. `hits` is None where the level did not record lines; `raised` says that the call's exception was here."""

    number: int
    text: str
    hits: int | None = None
    taken: list[Taken] = field(default_factory=list[Taken])
    called: list[Called] = field(default_factory=list[Called])
    raised: bool = False

    @property
    def says_something(self) -> bool:
        """Whether anything was recorded of it."""
        return bool(self.hits or self.taken or self.called or self.raised)


@dataclass(frozen=True, slots=True)
class Inspection:
    """A call over its source. `elsewhere` are calls whose line is not known; `has_lines`, `has_values` what the level recorded."""

    span: Span
    lines: tuple[Line, ...]
    elsewhere: tuple[Called, ...]
    has_lines: bool
    has_values: bool


def inspect(
    span: Span,
    events: Sequence[Event],
    below: Sequence[Span],
    source: Sequence[str] | None,
    extent: tuple[int, int],
    others: Set[int] = frozenset(),
) -> Inspection:
    """Lay the events and the spans below a call over the lines of its source, `extent` the first and last of its function.

    `others`: lines in it that are not its own. Without a source, the lines are those of which something is known, and have no text.
    """
    hits, taken, calls = hits_of(events), values_of(events), calls_of(span, below)
    failed_at = raised_at(span, extent)
    if source is None:
        numbers = sorted({*hits, *(one.line for one in calls), failed_at or 0})
        lines = {number: Line(number, "") for number in numbers if extent[0] <= number <= extent[1]}
    else:
        first, last = extent
        lines = {number: Line(number, source[number - 1]) for number in range(first, min(last, len(source)) + 1) if number not in others}
    elsewhere: list[Called] = []
    for called in calls:
        (lines[called.line].called if called.line in lines else elsewhere).append(called)
    has_lines = any(event.kind == "line" for event in events)
    hits |= _by_source(events, lines) if span.file.endswith((".py", ".pyi")) else {}
    for number, line in lines.items():
        line.hits = hits.get(number, 0) if has_lines else None
        line.taken = taken.get(number, [])
        line.raised = number == failed_at
    return Inspection(span, tuple(lines.values()), tuple(elsewhere), has_lines, bool(taken))


def extent_of(span: Span, functions: Iterable[FunctionInfo], lines: int) -> tuple[int, int]:
    """(first, last) line of the span's function in a file of so many lines; all for a module, some where it is not found."""
    if span.kind in SITES:
        return span.line, span.line
    same = [one for one in functions if one.name == span.function]
    nearest = min(same, key=lambda one: abs(one.line - span.line), default=None)
    if nearest is not None:
        return nearest.line, nearest.end_line
    return (1, lines) if span.kind == "module" else (span.line, min(lines, span.line + _UNKNOWN_LINES))


def bodies(functions: Iterable[FunctionInfo]) -> frozenset[int]:
    """The lines inside functions, without those on which they begin: what does not run when the module does."""
    return frozenset(number for one in functions if one.kind != "module" for number in range(one.line + 1, one.end_line + 1))


def hits_of(events: Iterable[Event]) -> dict[int, int]:
    """Line → how often it ran: as often as that of its statements that ran most, or as values were taken there (in the head of a loop)."""
    statements: dict[tuple[int, int, str], int] = {}
    for event in events:
        statement = event.line, event.column, event.kind
        statements[statement] = statements.get(statement, 0) + 1
    found: dict[int, int] = {}
    for (line, _, _), count in statements.items():
        found[line] = max(found.get(line, 0), count)
    return found


def _by_source(events: Iterable[Event], lines: Mapping[int, Line]) -> dict[int, int]:
    """Hits that only Python's source tells: `while` runs as often as what it begins, and `:=` may take several values in one run."""
    ran = hits_of(event for event in events if event.kind == "line")
    found: dict[int, int] = {}
    for number, line in lines.items():
        words = line.text.split(None, 1)
        if number in ran and words and words[0] == "while":
            found[number] = max(ran[number], ran.get(_begun(lines, number), 0))
        elif number in ran and ":=" in line.text and words[0] not in ("for", "async"):
            found[number] = ran[number]
    return found


def _begun(lines: Mapping[int, Line], head: int) -> int:
    """The first line of the block that the line `head` begins."""
    for number in range(head + 1, max(lines) + 1):
        text = lines[number].text if number in lines else ""
        if text.strip() and not text.lstrip().startswith("#"):
            return number
    return head


def values_of(events: Iterable[Event]) -> dict[int, list[Taken]]:
    """Line → the names that were given values there, in order of their first one."""
    found: dict[int, dict[str, list[Value]]] = {}
    for event in events:
        for name, value in event.values.items():
            found.setdefault(event.line, {}).setdefault(name, []).append(value)
    return {line: [Taken(name, tuple(values)) for name, values in names.items()] for line, names in found.items()}


def calls_of(span: Span, below: Iterable[Span]) -> list[Called]:
    """What the call called itself, by line and name in order of the first. An expression counts as the call of its name that it made."""
    children: dict[str | None, list[Span]] = {}
    for one in below:
        children.setdefault(one.parent_span_id, []).append(one)
    found: dict[tuple[int, str], list[Span]] = {}
    for child in children.get(span.span_id, ()):
        line = child.line if child.kind in SITES else 0
        found.setdefault((line, _name(child)), []).append(_made(child, children.get(child.span_id, ())))
    return [Called(name, line, tuple(spans)) for (line, name), spans in found.items()]


def _made(expression: Span, inside: Sequence[Span]) -> Span:
    """The one call that an expression made, or the expression: `next(rows)` is not what the generator returned when it ended, and
    `max(rows, key=price)` not what `price` returned."""
    if expression.kind not in SITES or len(inside) != 1 or inside[0].kind in _DRIVEN:
        return expression
    return inside[0] if _last(inside[0].function) == _last(expression.function.removeprefix("await ")) else expression


def _name(span: Span) -> str:
    is_bare = span.kind == "await" and not span.function.startswith("await ")
    return f"await {span.function}" if is_bare else label(span)


def raised_at(span: Span, extent: tuple[int, int]) -> int | None:
    """The line of the call at which its exception left, from the exception's stack."""
    error = span.values.error if span.values else None
    rows = [(file, line, function) for file, line, function in error.stack if _is_inside(span, file, line, extent)] if error else []
    named = [row for row in rows if _last(row[2]) == _last(span.function)]
    return (named or rows)[0][1] if rows else None


def _is_inside(span: Span, file: str, line: int, extent: tuple[int, int]) -> bool:
    return (file == span.file or file.endswith("/" + span.file)) and extent[0] <= line <= extent[1]


def _last(name: str) -> str:
    return name.rpartition(".")[2]


def numbers_of(values: Sequence[Value]) -> tuple[float, float] | None:
    """(least, most) where all are numbers."""
    if all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values):
        return min(values), max(values)
    return None


def history(events: Iterable[Event], name: str) -> list[tuple[int, int, Value]]:
    """(event number, line, value) of each value that one name took."""
    return [(event.number, event.line, event.values[name]) for event in events if name in event.values]


def names_in(events: Iterable[Event]) -> Mapping[str, int]:
    """Name → how many values it took."""
    found: dict[str, int] = {}
    for event in events:
        for name in event.values:
            found[name] = found.get(name, 0) + 1
    return found
