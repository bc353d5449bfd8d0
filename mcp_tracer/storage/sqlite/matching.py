"""How names and texts are matched."""

from __future__ import annotations

import re
from collections.abc import Iterable
from fnmatch import translate
from functools import lru_cache
from typing import Final

import msgspec

# Two letters beyond ASCII have ASCII lower-case forms (Kelvin sign, dotted I). They stand for themselves, so that a search among bytes
# that only folds ASCII finds whatever a search among texts finds.
_THEMSELVES: Final = {0x212A: "\ue000", 0x130: "\ue001"}
_NUMBER: Final = re.compile(r"-?\d{1,20}(?:\.\d{1,17})?")
_ASCII: Final = re.compile(r"[\x00-\x7f]+")


def fold(text: str) -> str:
    """The text for comparing without regard to case."""
    return text.translate(_THEMSELVES).lower()


@lru_cache(maxsize=256)
def _glob(pattern: str) -> re.Pattern[str]:
    return re.compile(translate(pattern))


def file_matches(pattern: str, file: str) -> bool:
    """A file by path or glob; a pattern also matches the end of a path (`orders.py` finds `src/orders.py`)."""
    return pattern == file or _glob(pattern).match(file) is not None or _glob("*/" + pattern).match(file) is not None


def function_matches(pattern: str, name: str) -> bool:
    """A function by qualified name or glob, or by its last name (`save` finds `Store.save`)."""
    last = name.rpartition(".")[2]
    return pattern in (name, last) or _glob(pattern).match(name) is not None or _glob(pattern).match(last) is not None


def needle(text: str) -> bytes:
    """The longest run of bytes that every payload with `text` in it holds, ASCII letters in lower case; empty where there is none."""
    runs: list[str] = _ASCII.findall(fold(text))
    return max(runs, key=len, default="").encode()


def needles(text: str) -> tuple[bytes, ...]:
    """Byte strings of which every payload with `text` in it holds at least one: the text itself, and the forms of a number."""
    number = _number(text)
    if number is None:
        return (needle(text),)
    forms = [msgspec.msgpack.encode(float(number)), *([_ending(number)] if isinstance(number, int) else [])]
    return (needle(text), *(form.lower() for form in forms))


def _ending(number: int) -> bytes:
    """What the msgpack forms of a whole number end with, however wide the writer made them (JavaScript's are not the narrowest)."""
    for width in (1, 2, 4):
        if -(1 << 8 * width - 1) <= number < 1 << 8 * width:
            return number.to_bytes(width, "big", signed=number < 0)
    return number.to_bytes(8, "big", signed=number < 0)


def _number(text: str) -> int | float | None:
    if not _NUMBER.fullmatch(text):
        return None
    number = float(text)
    return int(text) if number.is_integer() and "." not in text and -(2**63) <= number < 2**64 else number


def says(text: str, texts: Iterable[str], numbers: Iterable[str]) -> bool:
    """Whether one of `texts` holds `text` (folded already), or one of `numbers` is it."""
    return any(text in fold(one) for one in texts) or (_NUMBER.fullmatch(text) is not None and any(text == one for one in numbers))
