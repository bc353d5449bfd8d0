"""Captured values: decoding the bounded msgpack of docs/spool-format.md, and showing it in few characters."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, cast

import msgspec

Value: TypeAlias = Any
_NUMBER: Final = re.compile(r"-?\d{1,300}(?:\.\d{1,17})?(?:[eE][+-]?\d{1,3})?")


@dataclass(frozen=True, slots=True)
class Cut:
    """A string, sequence or mapping that was longer than what was kept: `total` says how long it was."""

    total: int
    kept: Any

    def __hash__(self) -> int:
        """By text: what is kept may be a mapping, and a value may be the key of a captured one."""
        return hash((self.total, repr(self.kept)))


@dataclass(frozen=True, slots=True)
class Obj:
    """An object: its type's name and the fields (or the text) that could be read without running its code."""

    type: str
    content: Any = None

    def __hash__(self) -> int:
        """By text, as for Cut."""
        return hash((self.type, repr(self.content)))


@dataclass(frozen=True, slots=True)
class Sequence:
    """A sequence or set that is not a plain list: tuple, set, deque, typed array, …"""

    type: str
    items: tuple[Any, ...]

    def __hash__(self) -> int:
        """By text, as for Cut."""
        return hash((self.type, repr(self.items)))


@dataclass(frozen=True, slots=True)
class Mark:
    """A value that is only named: `redacted`, `undefined`, `cycle`, `function`, `date`; `unrecorded` says that it is not known."""

    kind: str
    text: str = ""


_BARE: Final = {8: "undefined", 10: "cycle", 13: "unrecorded"}


def _ext(code: int, data: memoryview) -> Any:
    if code in (5, 6, 12):
        text = bytes(data).decode("utf-8", "replace")
        return _integer(text) if code == 6 else Mark("redacted" if code == 5 else "date", text)
    if code in _BARE:
        return Mark(_BARE[code])
    body = cast("list[Any]", _decoder.decode(bytes(data)))
    if code in (1, 11):
        return Cut(body[0], body[1])
    if code == 2:
        return Cut(body[0], body[1:])
    if code == 3:
        return Cut(body[0], _pairs(body[1:]))
    if code == 4:
        return Obj(body[0], body[1] if len(body) > 1 else None)
    if code == 7:
        return Sequence(body[0], tuple(body[1:]))
    if code == 9:
        return Mark("function", " ".join(str(part) for part in body))
    return Mark(f"ext{code}")


def _integer(text: str) -> Any:
    """Decimal text. What is longer than `int` takes, or was cut to its first digits (hexadecimal), stays text."""
    try:
        return int(text)
    except ValueError:
        return Mark("integer", text + "…")


def _pairs(flat: list[Any]) -> dict[Any, Any]:
    return {_key(name): value for name, value in zip(flat[::2], flat[1::2], strict=False)}


def _key(value: Any) -> Any:
    try:
        hash(value)
    except TypeError:
        return str(value)
    return value


_decoder = msgspec.msgpack.Decoder(ext_hook=_ext, strict=False)


def decode(data: bytes | memoryview) -> Value:
    """Decode one captured value. Raises msgspec.DecodeError where the bytes are damaged."""
    return _decoder.decode(data)


def number_in(text: str) -> int | float | None:
    """The number that a text may also be meant as, such as `42`, `0.5` or `1e-07`."""
    if not _NUMBER.fullmatch(text):
        return None
    return float(text) if any(mark in text for mark in ".eE") else int(text)


def decimals(number: float) -> str:
    """A number as it is written here: whole ones without a point."""
    return str(int(number)) if isinstance(number, float) and number.is_integer() else str(number)


def preview(value: Value, limit: int = 80) -> str:
    """Show a value in at most about `limit` characters, for people and models. What was cut is said (`…1,234`)."""
    text = _show(value, limit)
    return text if len(text) <= limit else text[: max(1, limit - 1)] + "…"


def _show(value: Value, limit: int) -> str:
    if isinstance(value, str):
        return _quoted(value, limit)
    if isinstance(value, (bytes, bytearray)):
        return f"bytes({len(value)})"
    if isinstance(value, list):
        return "[" + _joined((_show(item, limit) for item in cast("list[Any]", value)), limit) + "]"
    if isinstance(value, dict):
        pairs = cast("dict[Any, Any]", value).items()
        return "{" + _joined((f"{_name(key)}: {_show(item, limit)}" for key, item in pairs), limit) + "}"
    return _show_marked(value, limit)


def _show_marked(value: Value, limit: int) -> str:
    if isinstance(value, Cut):
        if isinstance(value.kept, bytes):
            return f"bytes({value.total:,})"
        return f"{_show(value.kept, limit)}…{value.total:,}"
    if isinstance(value, Obj):
        return _show_object(value, limit)
    if isinstance(value, Sequence):
        return _show_sequence(value, limit)
    if isinstance(value, Mark):
        return _show_mark(value)
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return str(value)


def _show_mark(mark: Mark) -> str:
    if mark.kind in ("date", "undefined", "unrecorded"):
        return mark.text or {"unrecorded": "?"}.get(mark.kind, mark.kind)
    return f"<{mark.kind} {mark.text}>" if mark.text else f"<{mark.kind}>"


def _show_object(value: Obj, limit: int) -> str:
    short = value.type.rpartition(".")[2]
    if value.content is None:
        return f"<{short}>"
    content: Any = value.content
    if isinstance(content, (dict, Cut)):
        return f"{short}{_show(cast('Value', content), limit)}"
    return f"{short}({content})"


def _show_sequence(value: Sequence, limit: int) -> str:
    inner = _joined((_show(item, limit) for item in value.items), limit)
    if value.type == "tuple":
        return f"({inner},)" if len(value.items) == 1 else f"({inner})"
    return f"{value.type}({inner})"


def _quoted(text: str, limit: int) -> str:
    kept = text if len(text) <= limit else text[:limit] + "…"
    return '"' + kept.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t") + '"'


def _name(key: Any) -> str:
    return key if isinstance(key, str) and key.isidentifier() else _show(key, 40)


def _joined(parts: Any, limit: int) -> str:
    kept: list[str] = []
    length = 0
    for part in parts:
        if length > limit:
            kept.append("…")
            break
        kept.append(part)
        length += len(part) + 2
    return ", ".join(kept)


def jsonable(value: Value) -> Any:
    """The value as plain JSON data; marks become strings, cuts say their total in `$total`."""
    if isinstance(value, list):
        return [jsonable(item) for item in cast("list[Any]", value)]
    if isinstance(value, dict):
        pairs = cast("dict[Any, Any]", value).items()
        return {str(key) if isinstance(key, (str, int, float, bool)) else preview(key): jsonable(item) for key, item in pairs}
    if isinstance(value, Cut):
        return {"$cut": jsonable(value.kept), "$total": value.total}
    if isinstance(value, Obj):
        return {"$type": value.type, **({} if value.content is None else {"$value": jsonable(value.content)})}
    if isinstance(value, Sequence):
        items = [jsonable(item) for item in value.items]
        return items if value.type == "tuple" else {"$type": value.type, "$value": items}
    if isinstance(value, (bytes, bytearray)):
        return {"$type": "bytes", "$total": len(value)}
    if isinstance(value, Mark):
        return value.text if value.kind == "date" else f"<{value.kind}{' ' + value.text if value.text else ''}>"
    return value
