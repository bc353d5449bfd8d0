"""Explicit style: visible probes, on the lines that are there, gone without a trace."""

from __future__ import annotations

import ast
import sysconfig
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_tracer.languages.python import PythonLanguage
from mcp_tracer.model.errors import UserError
from mcp_tracer.model.level import Level
from mcp_tracer.model.plan import InstrumentRequest, Plan

Planned = Callable[..., Plan]
FOLDER = Path(sysconfig.get_paths()["stdlib"])
FILES = sorted(path for path in FOLDER.glob("*.py") if path.stat().st_size < 60_000)[1::3]
SOURCE = '''"""shop"""
class Cart:
    def total(self):
        """Sum."""
        return sum(self.prices(1))

    def prices(self, n):
        if not n: return []
        for price in self.load(n): yield price

def send(x):
    try:
        return post(f"{x!r} {len(x)}", *args(x))
    except OSError: return super().send(x)
'''
VISIBLE = '''class Cart:
    def total(self):
        """Sum."""
        _mt.enter('Cart.total',3);return _mt.call(sum(_mt.call(self.prices(1),_mt)),_mt)

    def prices(self, n):
        if _mt.enter('Cart.prices',3)or not n: return []
        for price in _mt.call(self.load(n),_mt): yield price

def send(x):
    try:
        _mt.enter('send',3);return _mt.call(post(f"{x!r} {len(x)}", *_mt.call(args(x),_mt)),_mt)
    except OSError: return _mt.call(super().send(x),_mt)
'''


def explicit(language: PythonLanguage, source: bytes, level: int, **more: object) -> bytes:
    return language.plan(source, InstrumentRequest("a.py", Level(level), style="explicit", **more)).apply(source)  # type: ignore[arg-type]


def test_the_text_shows_what_is_traced(language: PythonLanguage) -> None:
    written = explicit(language, SOURCE.encode(), 3)
    assert written.decode().split("\n", 1)[1] == VISIBLE
    assert language.strip(written) == SOURCE.encode()


def test_an_edit_stays_and_broken_text_too(language: PythonLanguage) -> None:
    written = explicit(language, SOURCE.encode(), 3)
    edited = written.replace(b"not n", b"n is None").replace(b"yield price", b"yield (price")
    assert language.is_instrumented(edited)
    assert language.strip(edited) == SOURCE.replace("not n", "n is None").replace("yield price", "yield (price").encode()


def test_levels_and_files_that_it_does_not_know_are_refused(language: PythonLanguage) -> None:
    for level in (4, 5):
        with pytest.raises(UserError, match="'header'"):
            explicit(language, SOURCE.encode(), level)
    with pytest.raises(UserError, match="_mt"):
        explicit(language, b"_mt = 1\ndef f(): return 1\n", 1)
    with pytest.raises(UserError, match="in_place"):
        explicit(language, SOURCE.encode(), 1, mode="on_load")
    with pytest.raises(UserError, match="no line for the header"):
        explicit(language, b"class A:\n    def f(self): return 1\n", 1)


def test_a_function_without_a_place_is_named(plan: Planned) -> None:
    skipped = plan("import os\ndef f():\n    def g(): return 1\n    return g\n", style="explicit").skipped
    assert [(one.name, "'header'" in one.reason) for one in skipped] == [("f", True)]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_library_file_stays_valid_and_comes_back(path: Path, language: PythonLanguage) -> None:
    source = path.read_bytes()
    for level in (1, 3):
        try:
            written = explicit(language, source, level)
        except UserError as error:
            assert error.code == "no_place"
            continue
        assert language.strip(written) == source
        assert written.count(b"\n") == source.count(b"\n")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(written, path.name, "exec", dont_inherit=True)
            assert ast.dump(ast.parse(language.strip(written))) == ast.dump(ast.parse(source))


_expressions = st.recursive(
    st.sampled_from(["a", "f(1)", "'s'", "f'{g(1)}'", "lambda: h()", "self.x", "(b)(2)", "super()", "f(*g(), **h())", "é(1)"]),
    lambda inner: st.one_of(
        st.builds("f({})".format, inner),
        st.builds("({} or {})".format, inner, inner),
        st.builds("[i({}) for i in ({})]".format, inner, inner),
        st.builds("(1if {}else 2)".format, inner), st.builds("g(x={}).y()".format, inner),
    ),
    max_leaves=5,
)  # fmt: skip
_statements = st.one_of(
    st.builds("return({})".format, _expressions), st.builds("x = {}".format, _expressions), st.builds("if {}: pass".format, _expressions),
    st.builds("for i in {}: j()".format, _expressions), st.builds("with({}) as w: pass".format, _expressions),
    st.builds("while {}: break".format, _expressions), st.builds("x: k() = {}".format, _expressions),
)  # fmt: skip


@given(st.lists(_statements, min_size=1, max_size=5), st.sampled_from(["\n", "\r\n"]), st.integers(1, 3))
def test_whatever_a_function_holds_comes_back(statements: list[str], end: str, level: int) -> None:
    language = PythonLanguage()
    source = "".join(line + end for line in ("import os", "def f(self):", *(f"    {line}" for line in statements))).encode()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(source)
    except SyntaxError:
        return
    written = explicit(language, source, level)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        compile(written, "a.py", "exec", dont_inherit=True)
    assert language.strip(written) == source
