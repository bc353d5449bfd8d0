"""How an insertion is told from the text around it, and how it is taken out again.

Every insertion reads `/*~mt<n>*/<text>/*mt~*/`, where `<n>` is the length of `<text>` in base 36. The text is ASCII and holds no newline.
`^` in front of `<n>` says that the space before the marker is ours too (it keeps `a/` from starting a line comment).
"""

from __future__ import annotations

import re

OPENING = b"/*~mt"
CLOSING = b"/*mt~*/"
_OPENING = re.compile(rb"( ?)/\*~mt(\^?)([0-9a-z]{1,6})\*/")
# What our pieces look like. Only needed where somebody edited the inside of an insertion: their words stay, ours go.
_CALL = rb"\$mt_\w+\.\w+\((?:[^()\n]|\([^()\n]*\))*\);?"
_PIECES = re.compile(
    rb"\{?const \$mts\d+=(?:!\(\$mtc\d+_\w+-->0\)&&|\$mtc\d+_\w+-->0\?(?:\$mts\d+&&)?\$mt_\w+\.[ghz]\([^()\n]*\):)"
    rb"\$mtl_\w+\(\)\.e\w\([^()\n]*\);try\{(?:return )?"
    rb"|\{?const \$mts\d+=\(\$mt_\w+\|\|\$mtl_\w+\(\)\)\.c\[\d+\]-->0\?\$mt_\w+\.(?:n|[gh]\([^()\n]*\)):"
    rb"\$mt_\w+\.e\w\([^()\n]*\);try\{(?:return )?"
    rb"|(?:\)?,\$mts\d+\))?\}catch\(\$mte\)\{throw \$mt_\w+\.t\(\$mte,\$mts\d+[^()\n]*\)\}"
    rb"finally\{(?:\$mts\d+&&)?\$mt_\w+\.x\(\$mts\d+\)\}\}?"
    rb"|\(\$mte\s*\)"
    rb"|" + _CALL
)
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


def wrap(text: str, after: bytes = b"") -> bytes:
    """Return `text` between markers. `after` is the byte in front of the place: a slash there would swallow the marker."""
    body = text.encode("ascii")
    if after == b"/":
        return b" /*~mt^" + _base36(len(body)) + b"*/" + body + CLOSING
    return OPENING + _base36(len(body)) + b"*/" + body + CLOSING


def is_marked(source: bytes) -> bool:
    """Whether `source` holds an insertion of ours."""
    return OPENING in source and _OPENING.search(source) is not None


def mentions_markers(source: bytes) -> bool:
    """Whether a text that we did not instrument uses our markers or names; such a file is refused."""
    return OPENING in source or CLOSING in source or b"$mt" in source


def strip(source: bytes) -> bytes:
    """Take every insertion out of `source`; every other byte stays."""
    parts: list[bytes] = []
    done = 0
    while (match := _OPENING.search(source, done)) is not None:
        ours = match.start() if match[2] else match.start() + len(match[1])
        parts.append(source[done:ours])
        kept, done = _inside(source, match.end(), int(match[3], 36))
        parts.append(kept)
    parts.append(source[done:])
    return b"".join(parts)


def _inside(source: bytes, start: int, length: int) -> tuple[bytes, int]:
    """Return what stays of the insertion whose text starts at `start`, and where the text behind it goes on."""
    end = start + length
    if source.startswith(CLOSING, end) and b"\n" not in source[start:end]:
        return b"", end + len(CLOSING)
    return _edited(source, start)


def _edited(source: bytes, start: int) -> tuple[bytes, int]:
    """The same for an insertion that somebody changed: up to its closing marker our own pieces go and their words stay."""
    limit = source.find(OPENING, start)
    end = source.find(CLOSING, start, limit if limit >= 0 else len(source))
    if end < 0:
        line_end = source.find(b"\n", start)
        stop = min(place for place in (limit, line_end, len(source)) if place >= 0)
        return _PIECES.sub(b"", source[start:stop]), stop
    return _PIECES.sub(b"", source[start:end]), end + len(CLOSING)


def _base36(number: int) -> bytes:
    digits = ""
    while number:
        number, rest = divmod(number, 36)
        digits = _DIGITS[rest] + digits
    return (digits or "0").encode()
