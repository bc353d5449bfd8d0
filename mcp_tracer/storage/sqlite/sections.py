"""The sections of a span's or event's payload (docs/spool-format.md) as model values. Damaged bytes end the reading, they never raise."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

import msgspec

from mcp_tracer.model.span import RaisedError, Values
from mcp_tracer.model.values import Cut, Mark, Obj, Value, decimals, decode
from mcp_tracer.model.values import Sequence as ValueSequence

_FIXED = {0xC0: 1, 0xC2: 1, 0xC3: 1, 0xCA: 5, 0xCB: 9, 0xCC: 2, 0xCD: 3, 0xCE: 5, 0xCF: 9, 0xD0: 2, 0xD1: 3, 0xD2: 5, 0xD3: 9,
          0xD4: 3, 0xD5: 4, 0xD6: 6, 0xD7: 10, 0xD8: 18}  # fmt: skip
_SIZED = {0xC4: (1, 0), 0xC5: (2, 0), 0xC6: (4, 0), 0xC7: (1, 1), 0xC8: (2, 1), 0xC9: (4, 1), 0xD9: (1, 0), 0xDA: (2, 0), 0xDB: (4, 0)}
_NESTED = {0xDC: (2, 1), 0xDD: (4, 1), 0xDE: (2, 2), 0xDF: (4, 2)}


_MOST = 1 << 61


def split(payload: bytes) -> Iterator[tuple[str, bytes]]:
    """(tag, msgpack) of each section that is whole."""
    at = 0
    while at < len(payload):
        end = _skip(payload, at + 1)
        if end is None or end > len(payload):
            return
        yield chr(payload[at]), payload[at + 1 : end]
        at = end


def _skip(data: bytes, at: int) -> int | None:
    """Where the msgpack value at `at` ends; None where the bytes end before or are no msgpack."""
    pending = 1
    while pending:
        if at >= len(data):
            return None
        head = data[at]
        pending -= 1
        step = _step(data, at, head)
        if step is None:
            return None
        at, more = step
        pending += more
    return at


def _step(data: bytes, at: int, head: int) -> tuple[int, int] | None:
    """(where the value's own bytes end, how many values follow inside it)."""
    if head < 0x80 or head >= 0xE0:
        return at + 1, 0
    if head < 0xC0:
        return (at + 1, 2 * (head & 15)) if head < 0x90 else (at + 1, head & 15) if head < 0xA0 else (at + 1 + (head & 31), 0)
    if head in _FIXED:
        return at + _FIXED[head], 0
    if head in _SIZED:
        width, kind = _SIZED[head]
        return at + 1 + width + kind + int.from_bytes(data[at + 1 : at + 1 + width], "big"), 0
    if head in _NESTED:
        width, each = _NESTED[head]
        return at + 1 + width, each * int.from_bytes(data[at + 1 : at + 1 + width], "big")
    return None


def decoded(payload: bytes) -> dict[str, Any]:
    """Tag -> decoded value; a section that cannot be decoded is left out."""
    found: dict[str, Any] = {}
    for tag, body in split(payload):
        try:
            found[tag] = decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, ValueError, TypeError, IndexError, RecursionError):
            continue  # damaged, or not what the format says: the other sections may still be read
    return found


def values_of(payload: bytes, params: Sequence[str], ns_per_tick: float = 1.0) -> Values | None:
    """What a span captured; None for nothing at all. Parameters without a name are called `arg0`, `arg1`, …"""
    if not payload:
        return None
    parts = decoded(payload)
    given, late = parts.get("P"), _mapping(parts.get("L"))
    suspension = parts.get("S")
    well_formed = isinstance(suspension, list) and len(cast("list[Any]", suspension)) == 2
    return Values(
        params=None if not isinstance(given, list) else {**named(params, cast("list[Any]", given)), **late},
        late=bool(late),
        returned=parts.get("R"),
        has_return="R" in parts,
        error=raised(parts.get("E")),
        attributes=_mapping(parts.get("T")),
        suspended_ns=round(_number(cast("list[Any]", suspension)[0]) * ns_per_tick) if well_formed else None,
        resumes=int(_number(cast("list[Any]", suspension)[1])) if well_formed else 0,
    )


def named(names: Sequence[str], values: Sequence[Value]) -> dict[str, Value]:
    """Values under their parameters' names."""
    return {names[index] if index < len(names) else f"arg{index}": value for index, value in enumerate(values)}


def event_values(payload: bytes) -> Mapping[str, Value]:
    """Name -> value of an event."""
    return _mapping(decoded(payload).get("V"))


def event_leaves(payload: bytes) -> tuple[list[str], list[str]]:
    """(texts, numbers as decimals) in an event's values, at any depth."""
    leaves = list(_leaves(decoded(payload).get("V")))
    numbers = [decimals(leaf) for leaf in leaves if isinstance(leaf, (int, float)) and not isinstance(leaf, bool)]
    return [leaf for leaf in leaves if isinstance(leaf, str)], numbers


def raised(content: Any) -> RaisedError | None:
    """An exception from section `E`."""
    if not isinstance(content, dict):
        return None
    fields = cast("dict[str, Any]", content)
    rows = cast("list[Any]", fields.get("stack") or [])
    whole = [cast("list[Any]", row) for row in rows if isinstance(row, list) and len(cast("list[Any]", row)) == 3]
    stack = tuple((str(row[0]), int(_number(row[1])), str(row[2])) for row in whole)
    return RaisedError(str(fields.get("type", "")), _text(fields.get("message", "")), stack, raised(fields.get("cause")))


def wide_times(payload: bytes) -> tuple[int, int] | None:
    """(duration, self) in ticks from section `W`."""
    return _two(payload, "W")


def aggregate(payload: bytes) -> tuple[int, int, int, int, int] | None:
    """(total, self, min, max in ticks, errors) from section `A`; None where it is missing or damaged."""
    found = decoded(payload).get("A")
    if not isinstance(found, list) or len(cast("list[Any]", found)) != 5:
        return None
    numbers = [int(_number(part)) for part in cast("list[Any]", found)]
    return numbers[0], numbers[1], numbers[2], numbers[3], numbers[4]


def texts(payload: bytes) -> Iterator[str]:
    """Every text in a span's parameters, return, error messages and attributes, at any depth."""
    for tag, value in decoded(payload).items():
        if tag in "PLRT":
            yield from (leaf for leaf in _leaves(value) if isinstance(leaf, str))
        elif tag == "E":
            yield from _error_texts(value)


def numbers(payload: bytes) -> Iterator[str]:
    """Every number in a span's parameters, return and attributes, at any depth, as it is written in decimals."""
    for tag, value in decoded(payload).items():
        if tag in "PLRT":
            yield from (decimals(leaf) for leaf in _leaves(value) if isinstance(leaf, (int, float)) and not isinstance(leaf, bool))


def _error_texts(content: Any) -> Iterator[str]:
    error = raised(content)
    while error is not None:
        yield error.type
        yield error.message
        error = error.cause


def _leaves(value: Any) -> Iterator[Any]:
    """What a captured value holds at any depth: the plain values, and the names of types and marks."""
    if isinstance(value, dict):
        for key, item in cast("dict[Any, Any]", value).items():
            yield from _leaves(key)
            yield from _leaves(item)
    elif isinstance(value, (list, tuple)):
        for item in cast("Sequence[Any]", value):
            yield from _leaves(item)
    elif isinstance(value, Cut):
        yield from _leaves(value.kept)
    elif isinstance(value, Obj):
        yield value.type
        yield from _leaves(value.content)
    elif isinstance(value, ValueSequence):
        yield from _leaves(value.items)
    else:
        yield value.text if isinstance(value, Mark) else value


def _two(payload: bytes, tag: str) -> tuple[int, int] | None:
    found = decoded(payload).get(tag)
    if not isinstance(found, list) or len(cast("list[Any]", found)) != 2:
        return None
    first, second = cast("list[Any]", found)
    return int(_number(first)), int(_number(second))


def _mapping(value: Any) -> dict[str, Any]:
    return {str(key): item for key, item in cast("dict[Any, Any]", value).items()} if isinstance(value, dict) else {}


def _number(value: Any) -> float:
    """The number, 0 for anything else and for what no clock or counter says."""
    return value if isinstance(value, (int, float)) and -_MOST < value < _MOST else 0


def _text(value: Any) -> str:
    return value if isinstance(value, str) else str(value.kept) if isinstance(value, Cut) else str(value)
