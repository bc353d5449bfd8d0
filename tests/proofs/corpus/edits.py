"""Random edits of an instrumented text, each with what the original would be after the same edit."""

from __future__ import annotations

import random
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from mcp_tracer.model.plan import Insertion

LINE_END = re.compile(rb"\r\n|\r|\n")
_HEADER = b"#mcp-tracer:1 "
_LINE = re.compile(rb"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+\Z")


@dataclass(frozen=True)
class Words:
    """What a language's edits put in: whole lines, pieces of lines, the start of a text and its end."""

    lines: tuple[bytes, ...]
    pieces: tuple[bytes, ...]
    start: bytes
    end: bytes


PYTHON = Words(
    (
        b"",
        b"x = 1",
        b"    pass",
        b"\tdef f(self): return (",
        b"))]}",
        b"'''",
        b'"',
        b"# comment \xc3\xa9",
        b"import os; x()",
        b"\\",
        b"\x0c",
        b"else:",
        b"@d",
    ),
    (
        b"(",
        b")",
        b"'",
        b'"""',
        b" ",
        b"x",
        b"\n",
        b"\r\n",
        b";",
        b":",
        b"\\",
        b"#",
        b"\xff",
        b"\xc3\xa9",
        b"or ",
        b", ",
        b"\t",
        b"def f(:\n",
    ),
    b"x = (\n",
    b"\ny = [",
)
JAVASCRIPT = Words(
    (
        b"",
        b"x = 1;",
        b"  return (",
        b"))]}",
        b"`",
        b'"',
        b"// comment \xc3\xa9",
        b"import x from 'x'",
        b"*/",
        b"} else {",
        b"class A {",
        b"\\",
    ),
    (
        b"(",
        b")",
        b"'",
        b"`",
        b" ",
        b"x",
        b"\n",
        b"\r\n",
        b";",
        b":",
        b"}",
        b"{",
        b"\xff",
        b"\xc3\xa9",
        b"|| ",
        b", ",
        b"\t",
        b"=> {\n",
        b"${",
    ),
    b"x = (\n",
    b"\ny = [",
)


@dataclass(frozen=True)
class Edit:
    """An edit in words, the instrumented text after it, and the original after it."""

    what: str
    instrumented: bytes
    expected: bytes


def some(source: bytes, written: bytes, insertions: Sequence[Insertion], seed: int, words: Words = PYTHON) -> Iterator[Edit]:
    """Edits of each kind: whole lines at the start, at the end and anywhere, and pieces inside of lines."""
    chance = random.Random(seed)
    lines, ours = _lines(source), _lines(written)
    end = next((match.group() for match in LINE_END.finditer(source)), b"\n")
    yield Edit("lines put at the start", words.start + written, words.start + source)
    yield Edit("text put at the end", written + words.end, source + words.end)
    if len(lines) == len(ours) or (len(ours) == len(lines) + 1 and lines and LINE_END.search(lines[-1]) is None):
        for what in ("inserted", "deleted", "replaced", "inserted, deleted and replaced"):
            yield _by_lines(what, lines, ours, end, chance, words)
    for count in (1, 5):
        yield _by_pieces(count, source, insertions, chance, words)


def _lines(text: bytes) -> list[bytes]:
    return _LINE.findall(text)


def _by_lines(what: str, lines: list[bytes], ours: list[bytes], end: bytes, chance: random.Random, words: Words) -> Edit:
    """The same edit of the same lines of both; a probe of ours goes with its line, the header's line stays."""
    one, other = list(lines), list(ours)
    last = len(one) - 1
    for _ in range(1 + min(last, 6)):
        kind = chance.choice(what.replace(",", "").replace(" and", "").split())
        number = chance.randrange(len(one)) if one else 0
        new = chance.choice(words.lines) + end
        if kind == "inserted":
            one[number:number], other[number:number] = [new], [new]
        elif number < len(one) - 1 and _HEADER not in other[number]:  # the last line may lack an end, and share it with a header behind it
            one[number : number + 1] = other[number : number + 1] = [] if kind == "deleted" else [new]
    return Edit(f"lines {what}", b"".join(other), b"".join(one))


def _by_pieces(count: int, source: bytes, insertions: Sequence[Insertion], chance: random.Random, words: Words) -> Edit:
    """Bytes inserted or deleted anywhere but right beside an insertion."""
    places = [insertion.at for insertion in insertions]
    sizes = [0, *accumulate(len(insertion.text) for insertion in insertions)]
    text = b"".join(_woven(source, insertions))
    changes = sorted((chance.randint(0, len(source)), chance.choice([0, 0, 1, 7]), chance.choice(words.pieces)) for _ in range(count))
    expected, edited = source, text
    after = len(source) + 1
    for start, size, new in reversed(changes):
        stop = min(len(source), start + size)
        if stop >= after or bisect_left(places, start - 1) != bisect_right(places, stop + 1):
            continue
        shift = sizes[bisect_right(places, start)]
        expected = expected[:start] + new + expected[stop:]
        edited = edited[: start + shift] + new + edited[stop + shift :]
        after = start
    return Edit(f"{count} pieces changed", edited, expected)


def _woven(source: bytes, insertions: Sequence[Insertion]) -> Iterator[bytes]:
    done = 0
    for insertion in insertions:
        yield source[done : insertion.at]
        yield insertion.text
        done = insertion.at
    yield source[done:]
