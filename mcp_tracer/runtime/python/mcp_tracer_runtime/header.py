"""The header: the one insertion that turns tracing on for a file. Built here, found here, taken out here.

The header is an `exec` of a string, so that it fits on any existing line and leaves no name in the module. It looks for the runtime in
`.ai-agents/logging/runtime/python` above the file (then below `MCP_TRACER_PROJECT`), hands it the levels, and stays silent when there is
none.
The letter after the marker says how it joins the line: `a` after a statement (`;exec(…)`), `b` before one (`exec(…);`), `l` alone on a
blank
or comment line, `i` in front of an expression (the test of an `if`, a decorator, what a
`for` or `with` starts with: `exec(…)or `), `e` on an own last line behind a file that leaves no other place.
"""

from __future__ import annotations

from . import explicit

MARKER = "#mcp-tracer:1 "
_CODE = (
    r"\n__name__='_mt'"  # a program's own `__import__` may ask who imports
    r"\ntry:"
    r"\n import sys,os;p=os.path;r='.ai-agents/logging/runtime/python/mcp_tracer_runtime'"
    r";f=sys._getframe(1);d=p.abspath(f.f_code.co_filename)"
    r"\n while not p.isdir(p.join(d,r))and d!=p.dirname(d):d=p.dirname(d)"
    r"\n d=p.dirname(p.join(d if p.isdir(p.join(d,r))else os.environ['MCP_TRACER_PROJECT'],r));sys.path.insert(0,d)"
    r"\n try:from mcp_tracer_runtime import adopt"
    r"\n finally:sys.path.remove(d)"
    r"\n adopt('{spec}',f);del f"
    r"\nexcept Exception:pass"
)
_JOIN = {"a": (";", ""), "b": ("", ";"), "l": ("", ""), "i": ("", "or "), "e": ("\n", "")}
_TEXT = rb'exec\("' + MARKER.encode() + rb'%s[^"\r\n]*",\{\}\)'
_STRICT = b"|".join(
    (
        rb";" + _TEXT % b"a",
        _TEXT % b"b" + rb";",
        _TEXT % b"l",
        _TEXT % b"i" + rb"or ",
        rb"(?:\r\n|\r|\n)" + _TEXT % b"e",
    )
)
# What a formatter or an editor may have made of it: own line, blanks around the brackets and commas.
_LOOSE_TEXT = rb'exec\(\s*["\']' + MARKER.encode() + rb'[a-z][^"\r\n]*["\']\s*,\s*\{\s*\}\s*,?\s*\)'
_LOOSE = rb"(?m)^[ \t]*" + _LOOSE_TEXT + rb"[ \t]*(?:\r\n|\r|\n|\Z)|;?[ \t]*" + _LOOSE_TEXT + rb"(?:[ \t]*or )?"


def build(join: str, level: int, levels: dict[str, int]) -> str:
    """The header's text for `join` (one letter), the file's level and {qualified name: level} for functions that differ. ASCII only."""
    spec = " ".join([str(int(level))] + ["%s=%d" % (_escaped(name), value) for name, value in levels.items()])
    before, after = _JOIN[join]
    return before + 'exec("' + MARKER + join + _CODE.replace("{spec}", spec) + '",{})' + after


def build_explicit(join: str) -> str:
    """The header of a file with visible probes: it gives them their name, and they give the levels."""
    before, after = _JOIN[join]
    code = explicit.DEFINITION + _CODE.replace("{spec}", explicit.SPEC)
    return before + 'exec("' + MARKER + join + code + '",{})' + after


def _escaped(name: str) -> str:
    return name.encode("ascii", "backslashreplace").decode("ascii")


def parse(spec: str) -> tuple[int, dict[str, int]]:
    """(level, {name: level}) of the text that the header hands to `adopt`."""
    first, *rest = spec.split(" ")
    return int(first), {name: int(level) for name, _, level in (pair.rpartition("=") for pair in rest)}


def present(source: bytes) -> bool:
    """Whether `source` (bytes) holds a header."""
    return MARKER.encode() in source and any(pattern.search(source) is not None for pattern in _patterns())


def strip(source: bytes) -> bytes:
    """`source` (bytes) without our headers; every other byte stays, whether or not it parses."""
    if MARKER.encode() not in source:
        return source
    for pattern in _patterns():
        source = pattern.sub(b"", source)
    return source


def _patterns():
    """What we wrote, then what others made of it. `re` keeps them; a program whose files hold none need not load it."""
    import re

    return re.compile(_STRICT), re.compile(_LOOSE)
