"""Where the header goes, and that it leaves without a trace."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_tracer.languages.python import PythonLanguage
from mcp_tracer.model.plan import InstrumentRequest, Plan

Planned = Callable[..., Plan]
F = "def f():\n    return 1\n"
HEADER = re.compile(rb'exec\("#mcp-tracer[^"]*",\{\}\)')
CASES = {
    "docstring": ('"""doc"""\n' + F, b'"""doc""";H\n'),
    "docstring of several lines": ('"""doc\nmore"""  # c\n' + F, b'"""doc\nmore""";H  # c\n'),
    "future import": ("from __future__ import annotations\n" + F, b"from __future__ import annotations;H\n"),
    "future import in brackets": ("'d'\nfrom __future__ import (annotations,\n  division)\n" + F, b"annotations,\n  division);H\n"),
    "docstring and code on one line": ("'d'; x = 1\n" + F, b"'d';H; x = 1\n"),
    "first statement": ("import os\n" + F, b"H;import os\n"),
    "blank line": ("# c\n\n\n" + F, b"# c\nH\n\ndef"),
    "interpreter line and cookie": ("#!/bin/python\n# coding: utf-8\n\n" + F, b"# coding: utf-8\nH\n"),
    "cookie only": ("# coding: latin-1\nx = '\xe9'\n" + F, b"# coding: latin-1\nH;x"),
    "decorated first": ("@staticmethod\ndef f():\n    return 1\n", b"@H or staticmethod"),
    "nothing but a function": (F, b"return 1\nH"),
    "one line without an end": ("def f(): return 1", b"return 1\nH"),
    "function, then a main guard": (F + "if __name__ == '__main__':\n    f()\n", b"if Hor __name__"),
    "carriage returns and line feeds": ("import os\r\n\r\n" + F.replace("\n", "\r\n"), b"H;import os\r\n"),
    "tabs": ("x = 1\ndef f():\n\treturn 1\n", b"H;x = 1\n"),
    "form feed": ("\x0cx = 1\n" + F, b"\x0cH;x = 1\n"),
    "continued line": ("x = \\\n  1\n" + F, b"H;x = \\\n"),
    "blank line after a backslash": ("def g(): return 1\nx = 1 \\\n\n" + F, b"\nH;x = 1"),
}


@pytest.mark.parametrize("case", CASES)
def test_the_header_stands_on_an_existing_line(plan: Planned, language: PythonLanguage, case: str) -> None:
    text, expected = CASES[case]
    source = text.encode("latin-1" if "latin" in text else "utf-8")
    written = plan(source).apply(source)
    shown = HEADER.sub(b"H", written)
    assert expected.replace(b"H or ", b"Hor ") in shown
    assert language.strip(written) == source
    assert language.is_instrumented(written) and not language.is_instrumented(source)
    assert len(written.splitlines()) - len(source.splitlines()) == (
        1 if case in ("nothing but a function", "one line without an end") else 0
    )
    compile(written, "a.py", "exec", dont_inherit=True)


def test_a_byte_order_mark_stays_first(plan: Planned, language: PythonLanguage) -> None:
    source = b"\xef\xbb\xbfx = 1\n" + F.encode()
    written = plan(source).apply(source)
    assert written.startswith(b"\xef\xbb\xbfexec(")
    assert language.strip(written) == source
    compile(written, "a.py", "exec", dont_inherit=True)


def test_names_outside_ascii_survive_in_the_header(plan: Planned) -> None:
    source = "x = 1\ndef gr\xfc\xdfe(): return 1\ndef g(): return 1\n".encode()
    written = plan(source, functions={"gr\xfc\xdfe": 5}).insertions[0].text
    assert b"gr\\xfc\\xdfe=5" in written


def test_a_reformatted_header_is_taken_out_too(language: PythonLanguage) -> None:
    source = b'import os\n\nexec(\n    "#mcp-tracer:1 b\\ntry:\\n pass",\n    {},\n)\nx = 1\n'
    assert language.is_instrumented(source)
    assert language.strip(source) == b"import os\n\nx = 1\n"


def test_text_that_only_mentions_the_marker_stays(language: PythonLanguage) -> None:
    source = b"x = '#mcp-tracer:1 b'\n# exec(\"#mcp-tracer\n"
    assert not language.is_instrumented(source)
    assert language.strip(source) == source


_lines = st.lists(
    st.sampled_from(
        [
            '"""d"""',
            "from __future__ import annotations",
            "import os",
            "",
            "# c",
            "x = 1; y = 2",
            "def f(): return 1",
            "@d\ndef g():\n  return 2",
            "class A:\n  def m(self):\n    pass\n\n",
            "if x:\n  pass",
            "x = (\n\n1)",
            "'''a\n\nb'''",
            "\x0c",
            "async def h(): yield",
        ],
    ),
    max_size=8,
)


@given(_lines, st.sampled_from(["\n", "\r\n", "\r"]), st.booleans())
def test_apply_then_strip_gives_the_original(lines: list[str], end: str, ended: bool) -> None:
    source = ("\n".join(lines) + ("\n" if ended else "")).replace("\n", end).encode()
    try:
        compile(source, "a.py", "exec", dont_inherit=True)
    except SyntaxError:
        return
    language = PythonLanguage()
    written = language.plan(source, InstrumentRequest("a.py")).apply(source)
    compile(written, "a.py", "exec", dont_inherit=True)
    assert language.strip(written) == source
    assert language.strip(source) == source


@given(_lines, st.data())
def test_edits_made_elsewhere_stay_and_the_header_still_goes(lines: list[str], data: st.DataObject) -> None:
    source = ("import os\n" + "\n".join(lines) + "\ndef last(): return 1\n").encode()
    language = PythonLanguage()
    try:
        plan = language.plan(source, InstrumentRequest("a.py"))
    except Exception:
        return
    written = plan.apply(source)
    header = plan.insertions[0]
    at = data.draw(st.integers(0, len(written)))
    edit = data.draw(st.binary(max_size=12).filter(lambda piece: b"exec" not in piece and b"\0" not in piece))
    if header.at < at < header.at + len(header.text):
        return
    edited = written[:at] + edit + written[at:]
    before = at if at <= header.at else at - len(header.text)
    assert language.strip(edited) == source[:before] + edit + source[before:]
