"""Explicit style: probes that people can read in the text. Known here, taken out here.

`_mt.enter('Cart.total',2);` opens a function's body, and `_mt.call(…,_mt)` stands around a call. When the file is imported, the header
compiles
the text without them and with inline probes in the functions that the text names, so that no frame, no signature and no line differs;
where there is no runtime the visible ones do nothing.
"""

from __future__ import annotations

import re

SPEC = "explicit"
NOTHING = "{'enter':staticmethod(lambda*a:None),'call':staticmethod(lambda v,m:v)}"
DEFINITION = r"\nimport sys;sys._getframe(1).f_globals['_mt']=type('_mt',(),%s);del sys" % NOTHING
_ENTER = re.compile(rb"(?<!\w)_mt\.enter\('([^'\r\n]+)',([1-5])\)(?:;|or )")
_PROBE = re.compile(_ENTER.pattern + rb"|(?<!\w)_mt\.call\(|,_mt\)")
# What a formatter made of it: a line of its own, other quotes, a blank.
_LOOSE = re.compile(rb"(?m)^[ \t]*_mt\.enter\([\"']([^\"'\r\n]+)[\"'], ?([1-5])\);?[ \t]*(?:\r\n|\r|\n|\Z)|, _mt\)")


def enter(name: str, level: int) -> str:
    """The probe of function `name` at `level`, without what joins it to the statement behind it. ASCII only."""
    return "_mt.enter('%s',%d)" % (name.encode("ascii", "backslashreplace").decode("ascii"), level)


def levels(source: bytes) -> dict[str, int]:
    """{qualified name: level} of the functions that the text names."""
    found = list(_ENTER.findall(source)) + [pair for pair in _LOOSE.findall(source) if pair[0]]
    return {name.decode("unicode_escape"): int(level) for name, level in found}


def present(source: bytes) -> bool:
    """Whether the text holds visible probes."""
    return b"_mt." in source and (_ENTER.search(source) is not None or _LOOSE.search(source) is not None)


def strip(source: bytes) -> bytes:
    """`source` without visible probes; every other byte stays, whether or not it parses."""
    return _LOOSE.sub(b"", _PROBE.sub(b"", source)) if present(source) else source
