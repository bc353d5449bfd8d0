"""How names and texts are matched."""

from __future__ import annotations

import re
from collections.abc import Iterable
from fnmatch import translate
from functools import lru_cache
from itertools import product
from math import prod
from typing import Final

import msgspec

from mcp_tracer.model.values import decimals, number_in

# Two letters beyond ASCII have ASCII lower-case forms (Kelvin sign, dotted I). They stand for themselves, so that a search among bytes
# that only folds ASCII finds whatever a search among texts finds.
_THEMSELVES: Final = {0x212A: "\ue000", 0x130: "\ue001"}
_CASED: Final = 0x20000
_MOST_NEEDLES: Final = 8


def fold(text: str) -> str:
    """The text for comparing without regard to case."""
    return text.translate(_THEMSELVES).lower()


@lru_cache(maxsize=256)
def _glob(pattern: str) -> re.Pattern[str]:
    return re.compile(translate(pattern))


@lru_cache(maxsize=256)
def _is_glob(pattern: str) -> bool:
    """Most patterns are none, and are asked of every function of the store."""
    return any(mark in pattern for mark in "*?[")


def file_matches(pattern: str, file: str) -> bool:
    """A file by path or glob; a pattern also matches the end of a path (`orders.py` finds `src/orders.py`)."""
    if pattern == file or not _is_glob(pattern):
        return pattern == file or file.endswith("/" + pattern)
    return _glob(pattern).match(file) is not None or _glob("*/" + pattern).match(file) is not None


def function_matches(pattern: str, name: str) -> bool:
    """A function by qualified name or glob, or by its last name (`save` finds `Store.save`)."""
    last = name.rpartition(".")[2]
    if pattern in (name, last) or not _is_glob(pattern):
        return pattern in (name, last)
    return _glob(pattern).match(name) is not None or _glob(pattern).match(last) is not None


@lru_cache(maxsize=1)
def _unfolded() -> dict[str, tuple[str, ...]]:
    """Letter beyond ASCII -> all that fold to it, where those are others than itself."""
    found: dict[str, list[str]] = {}
    for letter in map(chr, range(0x80, _CASED)):
        folded = fold(letter)
        if folded != letter:
            found.setdefault(folded, []).append(letter)
    found["\u03c2"] = ["\u03a3"]  # Greek sigma at the end of a word
    return {folded: (folded, *letters) for folded, letters in found.items()}


def _forms(letter: str) -> tuple[str, ...]:
    """What a folded letter may be in a payload whose ASCII letters are in lower case; nothing where bytes cannot tell."""
    if letter < "\x80":
        return (letter,)
    if letter == "\ufffd" or "\ud800" <= letter <= "\udfff":  # what damaged text is read as
        return ()
    return _unfolded().get(letter, (letter,))


def _text_needles(text: str) -> tuple[bytes, ...]:
    """The forms that the longest part of `text` with only a few forms may have among bytes; an empty one where there is none."""
    forms = [_forms(letter) for letter in fold(text)]
    sizes = [len(letters[0].encode()) if letters else 0 for letters in forms]
    best, most, first, ways, size = slice(0, 0), 0, 0, 1, 0
    for last, letters in enumerate(forms):
        ways, size = ways * len(letters), size + sizes[last]
        while not 0 < ways <= _MOST_NEEDLES:
            first, size = first + 1, size - sizes[first]
            ways = prod(map(len, forms[first : last + 1]))
        if size > most:
            best, most = slice(first, last + 1), size
    return tuple("".join(letters).encode() for letters in product(*forms[best]))


def needles(text: str) -> tuple[bytes, ...]:
    """Byte strings of which every payload with `text` in it holds at least one: the text itself, and the forms of a number."""
    number = number_in(text)
    if number is None:
        return _text_needles(text)
    forms = [msgspec.msgpack.encode(float(text))]
    if ("." not in text or "e" in fold(text)) and number == number // 1 and -(2**63) <= number < 2**64:
        forms.append(_ending(int(number)))
    return (fold(text).encode(), *(form.lower() for form in forms))


def _ending(number: int) -> bytes:
    """What the msgpack forms of a whole number end with, however wide the writer made them (JavaScript's are not the narrowest)."""
    for width in (1, 2, 4):
        if -(1 << 8 * width - 1) <= number < 1 << 8 * width:
            return number.to_bytes(width, "big", signed=number < 0)
    return number.to_bytes(8, "big", signed=number < 0)


def says(text: str, texts: Iterable[str], numbers: Iterable[str]) -> bool:
    """Whether one of `texts` holds `text` (folded already), or one of `numbers` is it."""
    if any(text in fold(one) for one in texts):
        return True
    number = number_in(text)
    forms = () if number is None else (text, decimals(number)) if "e" in text else (text,)
    return bool(forms) and any(one in forms for one in numbers)
