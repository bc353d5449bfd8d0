"""Whether two captured values are the same, as far as both were captured."""

from __future__ import annotations

import json
import math
import re
from typing import Any, cast

from mcp_tracer.model.values import Cut, Mark, Obj, Value, jsonable
from mcp_tracer.model.values import Sequence as ValueSequence

_UNORDERED = ("set", "frozenset")
_ADDRESS = re.compile(r"\bat 0x[0-9a-fA-F]+")


def without_addresses(text: str) -> str:
    """A text without the addresses in memory that it names (`<Cart at 0x7f…>`): they differ between any two runs."""
    return _ADDRESS.sub("at 0x…", text) if " 0x" in text else text


def same(one: Value, other: Value) -> bool:
    """Equal in what both sides kept. Dates and addresses count as equal: they differ between any two runs. Capturing bounds depth."""
    if isinstance(one, Cut) or isinstance(other, Cut):
        return _same_cut(one, other)
    if isinstance(one, Obj) and isinstance(other, Obj):
        return one.type == other.type and (one.content is None or other.content is None or same(one.content, other.content))
    if isinstance(one, Mark) and isinstance(other, Mark):
        if "unrecorded" in (one.kind, other.kind):
            return True
        return one.kind == other.kind and (one.kind in ("date", "redacted") or _same_plain(one.text, other.text))
    if isinstance(one, ValueSequence) and isinstance(other, ValueSequence):
        return one.type == other.type and _same_items(_ordered(one), _ordered(other))
    if isinstance(one, list) and isinstance(other, list):
        return _same_items(cast("list[Any]", one), cast("list[Any]", other))
    if isinstance(one, dict) and isinstance(other, dict):
        first, second = cast("dict[Any, Any]", one), cast("dict[Any, Any]", other)
        return first.keys() == second.keys() and all(same(value, second[key]) for key, value in first.items())
    return _same_plain(one, other)


def _same_plain(one: Any, other: Any) -> bool:
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, float) and isinstance(other, float) and math.isnan(one):
        return math.isnan(other)
    if isinstance(one, str) and isinstance(other, str):
        return without_addresses(one) == without_addresses(other)
    return one == other


def _same_items(one: list[Any], other: list[Any]) -> bool:
    return len(one) == len(other) and all(same(first, second) for first, second in zip(one, other, strict=True))


def _ordered(value: ValueSequence) -> list[Any]:
    return sorted(value.items, key=key) if value.type in _UNORDERED else list(value.items)


def _same_cut(one: Value, other: Value) -> bool:
    """The common beginning, and the lengths."""
    (length, first), (other_length, second) = _cut(one), _cut(other)
    if length != other_length or first is None or type(first) is not type(second):
        return False
    if isinstance(first, dict):
        pairs, others = cast("dict[Any, Any]", first), cast("dict[Any, Any]", second)
        return all(same(value, others[name]) for name, value in pairs.items() if name in others)
    if isinstance(first, str):
        first, second = without_addresses(first), without_addresses(second)
    size = min(len(first), len(second))
    if isinstance(first, list):
        return _same_items(cast("list[Any]", first)[:size], cast("list[Any]", second)[:size])
    return first[:size] == second[:size]


def _cut(value: Value) -> tuple[int, Any]:
    """(whole length, what was kept) of a text, bytes, list or mapping; (-1, None) for others."""
    if isinstance(value, Cut):
        return value.total, value.kept
    return (len(cast("list[Any]", value)), cast("Any", value)) if isinstance(value, (str, bytes, list, dict)) else (-1, None)


def key(value: Value) -> str:
    """A text that is the same for equal values: to group calls by their arguments."""
    return without_addresses(_key(value))


def _key(value: Value) -> str:
    if isinstance(value, ValueSequence) and value.type in _UNORDERED:
        return value.type + json.dumps(sorted(_key(item) for item in value.items))
    return json.dumps(jsonable(value), sort_keys=True, ensure_ascii=False, default=str)
