"""Explicit style: probes that people can read in the text. Known here, taken out here.

`_mt.enter('Cart.total',2);` opens a function's body, `_mt.call(…,_mt)` stands around a call, `;_mt.checkpoint(total=total)` (level 5:
`_mt.var`) behind an assignment, `_mt.line(12);` before a line. When the file is imported, the header compiles the text without them and
with inline probes in the functions that the text names, so that no frame, no signature and no line differs; where there is no runtime the
visible ones do nothing.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

SPEC = "explicit"
NOTHING = (
    "{'__module__':'_mt','call':staticmethod(lambda v,m:v),'checkpoint':staticmethod(lambda**v:None),'enter':staticmethod(lambda*a:None),"
    "'line':staticmethod(lambda n:None),'var':staticmethod(lambda**v:None)}"
)
# The module's names are found through a running generator's frame: it needs no import, which the program may have replaced.
DEFINITION = r"\ng=(g.gi_frame.f_back.f_back.f_globals for _ in(0,))\nfor d in g:d['_mt']=type('_mt',(),%s)()\ndel g,d" % NOTHING
_NAMED = rb"_mt\.enter\('([^'\r\n]+)',([1-5])\)"
_QUIET = rb"_mt\.(?:line\(\d+\)|(?:checkpoint|var)\([^()\r\n]*\))"
_ENTER = rb"(?<!\w)" + _NAMED
_PROBE = (
    rb"(?<!\w)(?:" + _NAMED + rb"|" + _QUIET + rb")(?:;|or )"  # in front of something
    rb"|;(?:" + _NAMED + rb"|" + _QUIET + rb")"  # behind something
    rb"|(?<!\w)_mt\.call\(|,_mt\)"
)
# What a formatter made of it: a line of its own, other quotes, a blank.
_LOOSE_NAMED = rb"_mt\.enter\([\"']([^\"'\r\n]+)[\"'], ?([1-5])\)"
_LOOSE = rb"(?m)^[ \t]*(?:" + _LOOSE_NAMED + rb"|" + _QUIET + rb");?[ \t]*(?:\r\n|\r|\n|\Z)|, _mt\)"
_IN_HEADER = b"adopt('explicit',f)"


def enter(name: str, level: int) -> str:
    """The probe of function `name` at `level`, without what joins it to the statement beside it. ASCII only."""
    return "_mt.enter('%s',%d)" % (name.encode("ascii", "backslashreplace").decode("ascii"), level)


def line(number: int) -> str:
    """The probe of line `number`."""
    return "_mt.line(%d)" % number


def values(names: Iterable[str], level: int) -> str:
    """The probe that shows what `names` hold."""
    return "_mt.%s(%s)" % ("var" if level >= 5 else "checkpoint", ",".join("%s=%s" % (name, name) for name in names))


def levels(source: bytes) -> dict[str, int]:
    """{qualified name: level} of the functions that the text names."""
    import re

    found = list(re.findall(_ENTER, source)) + [pair for pair in re.findall(_LOOSE, source) if pair[0]]
    return {name.decode("unicode_escape"): int(level) for name, level in found}


def present(source: bytes) -> bool:
    """Whether the text holds visible probes: a file of its own that uses the name `_mt` is none of ours."""
    if b"_mt" not in source:
        return False
    if _IN_HEADER in source:
        return True
    import re  # a program whose files hold no probes need not load it

    return re.search(_ENTER, source) is not None or any(pair[0] for pair in re.findall(_LOOSE, source))


def strip(source: bytes) -> bytes:
    """`source` without visible probes; every other byte stays, whether or not it parses."""
    if not present(source):
        return source
    import re

    return re.sub(_LOOSE, b"", re.sub(_PROBE, b"", source))
