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


VERBOSE = '''def f(rows, *, by=lambda r: r.n):
    """Doc."""
    total: int = 0
    for row, (a, *b) in rows:
        total += by(row)
        last = row.x = a
    else:
        with open(total) as file: pass
    try:
        if total: return total
    except OSError as error:
        return error
    finally: total = 0
'''
AT_4 = '''def f(rows, *, by=lambda r: _mt.enter('<lambda>',4)or r.n):
    """Doc."""
    _mt.enter('f',4);total: int = 0;_mt.checkpoint(total=total)
    for row, (a, *b) in rows:
        _mt.checkpoint(row=row,a=a,b=b);total += _mt.call(by(row),_mt);_mt.checkpoint(total=total)
        last = row.x = a;_mt.checkpoint(last=last)
    else:
        with _mt.call(open(total),_mt) as file: _mt.checkpoint(file=file);pass
    try:
        if total: return total
    except OSError as error:
        _mt.checkpoint(error=error);return error
    finally: total = 0;_mt.checkpoint(total=total)
'''
AT_5 = '''def f(rows, *, by=lambda r: _mt.enter('<lambda>',5)or r.n):
    """Doc."""
    _mt.enter('f',5);_mt.line(5);total: int = 0;_mt.var(total=total)
    for row, (a, *b) in _mt.line(6)or rows:
        _mt.var(row=row,a=a,b=b);_mt.line(7);total += _mt.call(by(row),_mt);_mt.var(total=total)
        _mt.line(8);last = row.x = a;_mt.var(last=last)
    else:
        with _mt.line(10)or _mt.call(open(total),_mt) as file: _mt.var(file=file);_mt.line(10);pass
    try:
        if _mt.line(12)or total: _mt.line(12);return total
    except OSError as error:
        _mt.var(error=error);_mt.line(14);return error
    finally: _mt.line(15);total = 0;_mt.var(total=total)
'''


@pytest.mark.parametrize(("level", "visible"), [(4, AT_4), (5, AT_5)])
def test_levels_4_and_5_show_values_and_lines(language: PythonLanguage, level: int, visible: str) -> None:
    source = ("import os\n\n" + VERBOSE).encode()
    written = explicit(language, source, level)
    assert written.decode().split("\n", 2)[2] == visible
    assert language.strip(written) == source


def test_an_edit_stays_and_broken_text_too(language: PythonLanguage) -> None:
    written = explicit(language, SOURCE.encode(), 3)
    edited = written.replace(b"not n", b"n is None").replace(b"yield price", b"yield (price")
    assert language.is_instrumented(edited)
    assert language.strip(edited) == SOURCE.replace("not n", "n is None").replace("yield price", "yield (price").encode()


def test_files_that_it_does_not_know_are_refused(language: PythonLanguage) -> None:
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
    for level in (1, 3, 5):
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


@given(st.lists(_statements, min_size=1, max_size=5), st.sampled_from(["\n", "\r\n"]), st.integers(1, 5))
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


@pytest.mark.parametrize("expression", ["a" + ".g(1)" * 300, "g(" * 190 + "1" + ")" * 190, "[" * 150 + "g(h(1))" + "]" * 150])
def test_probes_around_calls_never_open_more_brackets_than_a_tokenizer_takes(language: PythonLanguage, expression: str) -> None:
    source = f"import os\ndef f(a):\n    return {expression}\n".encode()
    written = explicit(language, source, 3)
    compile(written, "a.py", "exec", dont_inherit=True)
    assert language.strip(written) == source
