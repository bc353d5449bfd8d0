"""What payloads hold, read the slow way: nothing of the real store is used but the decoding of single captured values."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import msgspec

from mcp_tracer.model.span import RaisedError, Values
from mcp_tracer.model.values import Cut, Mark, Obj, Sequence, decode


@lru_cache(maxsize=10_000)
def parts_of(payload: bytes) -> dict[str, Any]:
    """Sections by trying all ends: slow, and independent of the store's way."""
    found: dict[str, Any] = {}
    at = 0
    while at < len(payload):
        for end in range(at + 2, len(payload) + 1):
            try:
                found[chr(payload[at])] = decode(payload[at + 1 : end])
            except (msgspec.DecodeError, UnicodeDecodeError):
                continue
            at = end
            break
    return found


def captured(payload: bytes, names: list[str]) -> Values | None:
    """What a span captured. Parameters as they were when it failed stand for those that it was called with."""
    if not payload:
        return None
    parts = parts_of(payload)
    given = {names[at] if at < len(names) else f"arg{at}": value for at, value in enumerate(parts.get("P", ()))}
    suspended, resumes = parts.get("S", (None, 0))
    return Values(
        params={**given, **parts.get("L", {})} if "P" in parts else None,
        returned=parts.get("R"),
        has_return="R" in parts,
        error=_raised(parts["E"]) if "E" in parts else None,
        attributes=parts.get("T", {}),
        suspended_ns=suspended,
        resumes=resumes,
        late="L" in parts,
    )


def _raised(content: dict[str, Any]) -> RaisedError:
    message = content["message"]
    stack = tuple((file, line, function) for file, line, function in content["stack"])
    text = message.kept if isinstance(message, Cut) else message
    return RaisedError(content["type"], text, stack, _raised(content["cause"]) if "cause" in content else None)


def texts_in(payload: bytes) -> tuple[str, ...]:
    """All that a search for text may find in a span: of an exception its type and message, and those of its causes."""
    found: list[str] = []
    for tag, value in parts_of(payload).items():
        found += texts_of(value) if tag in "PLRT" else []
    error = _raised(parts_of(payload)["E"]) if "E" in parts_of(payload) else None
    while error is not None:
        found += [error.type, error.message]
        error = error.cause
    return tuple(found)


def numbers_in(payload: bytes) -> tuple[str, ...]:
    """All numbers that a search may find in a span."""
    return tuple(text for tag, value in parts_of(payload).items() if tag in "PLRT" for text in numbers_of(value))


def numbers_of(value: Any) -> list[str]:
    """All numbers in a value, whole ones without a fraction."""
    if isinstance(value, dict):
        return [text for pair in value.items() for part in pair for text in numbers_of(part)]
    if isinstance(value, (list, tuple)):
        return [text for part in value for text in numbers_of(part)]
    if isinstance(value, (Cut, Obj, Sequence)):
        return numbers_of(value.kept if isinstance(value, Cut) else value.content if isinstance(value, Obj) else value.items)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return []
    return [str(int(value)) if value == int(value) else str(value)]


def texts_of(value: Any) -> list[str]:
    """All texts in a value."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for pair in value.items() for part in pair for text in texts_of(part)]
    if isinstance(value, (list, tuple)):
        return [text for part in value for text in texts_of(part)]
    if isinstance(value, Cut):
        return texts_of(value.kept)
    if isinstance(value, Obj):
        return [value.type, *texts_of(value.content)]
    if isinstance(value, Sequence):
        return texts_of(value.items)
    return [value.text] if isinstance(value, Mark) else []
