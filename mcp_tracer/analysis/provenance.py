"""Where a value appeared first and how it went on: through parameters, returns, variables and what was sent to databases and servers."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from mcp_tracer.model.span import Event, Span
from mcp_tracer.model.values import Cut, Mark, Obj, Value, number_in
from mcp_tracer.model.values import Sequence as ValueSequence

_STEP = re.compile(r"\.?([^.\[\]]+)|\[(\d+|\*|\"[^\"]*\"|'[^']*')\]")
_WORDS: Mapping[str, Any] = {
    **dict.fromkeys(("true", "True"), True),
    **dict.fromkeys(("false", "False"), False),
    **dict.fromkeys(("null", "none", "None"), None),
    **dict.fromkeys(("nan", "NaN"), math.nan),
    **dict.fromkeys(("inf", "Infinity"), math.inf),
    **dict.fromkeys(("-inf", "-Infinity"), -math.inf),
    "undefined": Mark("undefined"),
}

Path = tuple[str, ...]
"""Names and indexes from a parameter, variable or `return` down to a part of its value."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is looked for. `number` for text that is a decimal number, `word` where it is true, false, null, undefined, nan or inf.

    `path`: where it must lie, compared from the end (`order.id`; `*` stands for any one step).
    """

    text: str
    number: int | float | None = None
    word: bool = False
    path: Path = ()

    @property
    def index_text(self) -> str | None:
        """What a text index finds it by; None where it cannot."""
        if self.number is not None:
            return str(int(self.number)) if self.number == self.number // 1 else repr(self.number)
        return None if self.word else self.text

    @property
    def is_indexed(self) -> bool:
        """Whether a text index helps at all: pieces of four bytes, which small numbers are too short for."""
        return not self.word and (len(self.text.encode()) >= 4 if self.number is None else abs(self.number) >= 1 << 15)


@dataclass(frozen=True, slots=True)
class Appearance:
    """The value in a call: `how` is parameter, return, variable, attribute or error; `path` where in it; `line` of a variable."""

    span: Span
    how: str
    path: Path
    at_ns: int
    line: int
    value: Value

    @property
    def key(self) -> tuple[int, int, int, int, Path]:
        """Its place in the order in which things happened."""
        return (self.at_ns, _ORDER[self.how], self.span.depth, self.span.key, self.path)


def wanted(text: str, path: str | None) -> Wanted:
    """Understand what a caller wrote: a number, a word such as null, text, or text in double quotes that may look like one of those."""
    steps = steps_of(path) if path else ()
    if len(text) > 1 and text[0] == text[-1] == '"':
        return Wanted(text[1:-1], path=steps)
    if text in _WORDS:
        return Wanted(text, word=True, path=steps)
    return Wanted(text, number=number_in(text), path=steps)


def steps_of(path: str) -> Path:
    """`$.order.items[0].id` as steps. Raises ValueError for anything else."""
    rest = path.strip().removeprefix("$")
    found = list(_STEP.finditer(rest))
    if not found or "".join(match[0] for match in found) != rest:
        raise ValueError(path)
    return tuple(match[1] if match[1] is not None else match[2].strip("\"'") for match in found)


def appearances(spans: Iterable[Span], events: Iterable[tuple[Event, Span]], sought: Wanted) -> list[Appearance]:
    """Every appearance in these calls and events, in the order in which they happened."""
    found: list[Appearance] = []
    for span in spans:
        found += _in_span(span, sought)
    for event, span in events:
        for name, value in event.values.items():
            found += [Appearance(span, "variable", path, event.at_ns, event.line, part) for path, part in parts(value, (name,), sought)]
    return sorted(found, key=lambda one: one.key)


_ORDER = {"parameter": 0, "variable": 1, "attribute": 2, "error": 3, "return": 4}


def _in_span(span: Span, sought: Wanted) -> Iterator[Appearance]:
    values = span.values
    if values is None:
        return
    whole: list[tuple[str, int, Path, Value]] = [("parameter", span.start_ns, (name,), one) for name, one in (values.params or {}).items()]
    whole += [("attribute", span.start_ns, (name,), one) for name, one in values.attributes.items()]
    if values.has_return:
        whole.append(("return", span.end_ns, ("return",), values.returned))
    if values.error is not None:
        whole.append(("error", span.end_ns, ("error",), values.error.message))
    for how, at_ns, root, value in whole:
        for path, part in parts(value, root, sought):
            yield Appearance(span, how, path, at_ns, span.line, part)


def parts(value: Value, root: Path, sought: Wanted) -> Iterator[tuple[Path, Value]]:
    """(path, part) of the parts of a value that are what is sought."""
    stack: list[tuple[Path, Value]] = [(root, value)]
    while stack:
        path, part = stack.pop()
        inside = _inside(part)
        if inside is not None:
            stack.extend(((*path, name), item) for name, item in reversed(inside))
        elif is_sought(part, sought) and _lies(path, sought.path):
            yield path, part


def _inside(value: Value) -> Sequence[tuple[str, Value]] | None:
    """The named parts of a value that has some."""
    if isinstance(value, dict):
        return [(str(name), item) for name, item in cast("dict[Any, Any]", value).items()]
    if isinstance(value, list):
        return [(str(index), item) for index, item in enumerate(cast("list[Any]", value))]
    if isinstance(value, ValueSequence):
        return [(str(index), item) for index, item in enumerate(value.items)]
    if isinstance(value, Cut) and not isinstance(value.kept, (str, bytes)):
        return _inside(value.kept)
    if isinstance(value, Obj) and not isinstance(value.content, str):
        return _inside(value.content) or ()
    return None


def is_sought(value: Value, sought: Wanted) -> bool:
    """Equality for numbers (also as text of their own) and words such as null, a part without regard to case for text."""
    if sought.word and _is_word(value, _WORDS[sought.text]):
        return True
    if isinstance(value, (bool, int, float)) or value is None:
        return sought.number is not None and not isinstance(value, bool) and value == sought.number
    text = _text(value)
    if text is None or sought.word:
        return False
    return text == sought.text if sought.number is not None else sought.text.lower() in text.lower()


def _is_word(value: Value, word: Any) -> bool:
    return value is word or (type(value) is type(word) and repr(value) == repr(word))  # nan equals nothing, not even itself


def _text(value: Value) -> str | None:
    if isinstance(value, Cut):
        return value.kept if isinstance(value.kept, str) else None
    if isinstance(value, Obj):
        return value.content if isinstance(value.content, str) else None
    return value.text if isinstance(value, Mark) and value.kind == "date" else value if isinstance(value, str) else None


def _lies(path: Path, wanted_path: Path) -> bool:
    if len(wanted_path) > len(path):
        return False
    return all(step in ("*", own) for own, step in zip(path[len(path) - len(wanted_path) :], wanted_path, strict=True))


@dataclass(frozen=True, slots=True)
class Stop:
    """Appearances in the same place of calls of the same function: one line of the chain."""

    appearances: tuple[Appearance, ...]

    @property
    def first(self) -> Appearance:
        """The one that stands for all."""
        return self.appearances[0]


def chain(found: Iterable[Appearance]) -> list[Stop]:
    """The way of the value by the first time it came by each place; a loop that passes it again adds no stops."""
    stops: dict[tuple[object, ...], list[Appearance]] = {}
    for one in found:
        key = (one.how, one.path, one.line, one.span.function, one.span.file, one.span.kind)
        stops.setdefault(key, []).append(one)
    return [Stop(tuple(stop)) for stop in stops.values()]
