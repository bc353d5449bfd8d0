"""Which functions a plan traces, and what it refuses."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from typing import Any

import pytest

from mcp_tracer.languages.python import PythonLanguage
from mcp_tracer.model.errors import UserError
from mcp_tracer.model.level import Level
from mcp_tracer.model.plan import FunctionInfo, Plan, Skipped

Planned = Callable[..., Plan]
SOURCE = '''"""d"""
import typing
class A:
    def m(self, a, *r, k=1, **kw):
        def inner(): return a
        return inner
    async def c(self): return 1
    async def ag(self): yield 1
    def __del__(self): print()
def g(): yield 1
@typing.overload
def o(x: int) -> int: ...
def o(x): return x
'''


def test_functions_are_listed_with_kind_lines_and_parameters(language: PythonLanguage) -> None:
    assert language.functions(SOURCE.encode(), "a.py") == (
        FunctionInfo("A.m", 4, 6, "method", ("self", "a", "r", "k", "kw")),
        FunctionInfo("A.m.inner", 5, 5, "function"),
        FunctionInfo("A.c", 7, 7, "coroutine", ("self",)),
        FunctionInfo("A.ag", 8, 8, "async-generator", ("self",)),
        FunctionInfo("A.__del__", 9, 9, "method", ("self",)),
        FunctionInfo("g", 10, 10, "generator"),
        FunctionInfo("o", 12, 12, "function", ("x",)),
        FunctionInfo("o", 13, 13, "function", ("x",)),
    )


def test_what_must_stay_alone_is_skipped_with_a_reason(plan: Planned) -> None:
    planned = plan(SOURCE)
    assert [(skip.name, skip.line, skip.reason.split()[0]) for skip in planned.skipped] == [("A.__del__", 9, "a"), ("o", 12, "overload:")]
    assert [info.line for info in planned.functions] == [4, 5, 7, 8, 10, 13]


def test_only_named_functions_are_traced_when_the_level_is_off(plan: Planned) -> None:
    planned = plan(SOURCE, Level.OFF, functions={"A.m": Level.EXTREME, "g": Level.MINIMAL})
    assert dict(planned.levels) == {"A.m": 5, "g": 1}
    assert b"adopt('0 A.m=5 g=1',f)" in planned.insertions[0].text


def test_a_bare_name_finds_its_function_if_it_is_the_only_one(plan: Planned) -> None:
    assert dict(plan(SOURCE, Level.OFF, functions={"inner": Level.VERBOSE}).levels) == {"A.m.inner": 4}


def test_an_ambiguous_name_lists_its_candidates(plan: Planned) -> None:
    source = "class A:\n    def run(self): return 1\nclass B:\n    def run(self): return 1\n"
    with pytest.raises(UserError, match=r"'run' could be several functions of src/a.py: name one of A.run, B.run."):
        plan(source, functions={"run": Level.STANDARD})


def test_an_unknown_name_gets_suggestions(plan: Planned) -> None:
    with pytest.raises(UserError) as caught:
        plan("def process_data(): return 1\ndef other(): return 1\n", functions={"proces_data": Level.STANDARD})
    assert str(caught.value) == "src/a.py has no function 'proces_data'. Did you mean process_data? It has process_data, other."
    assert caught.value.code == "unknown_function"


def test_excluded_functions_are_skipped(plan: Planned) -> None:
    planned = plan("def f(): return 1\ndef g(): return 1\n", exclude_functions=("f",))
    assert dict(planned.levels) == {"g": 2}
    assert planned.skipped == (Skipped("f", 1, "excluded by TRACING_EXCLUDE_FUNCTIONS"),)


@pytest.mark.parametrize("source", ["", "# only a comment\n", "x = 1\n"])
def test_a_file_without_functions_is_left_alone(plan: Planned, source: str) -> None:
    planned = plan(source)
    assert (planned.insertions, planned.skipped) == ((), (Skipped("", 1, "no functions in this file"),))


def test_a_syntax_error_names_line_and_column(plan: Planned) -> None:
    with pytest.raises(UserError, match=r"src/a.py cannot be parsed: .* \(line 2, column 9\)") as caught:
        plan("x = 1\ndef f(a,: pass\n")
    assert caught.value.code == "unparsable"


@pytest.mark.parametrize("source", [b"x = 1\0", b"# coding: nonsense\n", b"x = '\xff'\n"])
def test_what_is_not_python_text_is_refused(plan: Planned, source: bytes) -> None:
    with pytest.raises(UserError):
        plan(source)


def test_another_style_is_refused(plan: Planned) -> None:
    with pytest.raises(UserError, match="'header'"):
        plan("def f(): return 1\n", style="unknown")


def test_planning_twice_gives_the_same_digest(plan: Planned) -> None:
    assert plan(SOURCE).digest == plan(SOURCE).digest


def test_functions_of_syntax_newer_than_this_python_are_listed(language: PythonLanguage, monkeypatch: Any) -> None:
    import ast

    def too_old(*_: Any) -> None:
        raise SyntaxError("invalid syntax", ("a.py", 1, 1, ""))

    monkeypatch.setattr(ast, "parse", too_old)
    source = SOURCE.replace("def g()", "def g[T]()").encode()
    names = [(info.name, info.line, info.end_line, info.kind, info.params) for info in language.functions(source, "a.py")]
    assert names[:3] == [
        ("A.m", 4, 6, "method", ("self", "a", "r", "k", "kw")), ("A.m.inner", 5, 5, "function", ()), ("A.c", 7, 7, "coroutine", ("self",)),
    ]  # fmt: skip
    assert names[5] == ("g", 10, 10, "generator", ())


@pytest.mark.parametrize(
    ("source", "where"),
    [
        (b"x = 1\r\ny\0", "(line 2, column 2)"),
        (b"# \xe9\rx = '\xe9'\n", "(line 1, column 3)"),
        (b"# coding: nonsense\n", "(line 1, column 1)"),
        (b"def f(:\n", "(line 1, column 7)"),
    ],
)
def test_a_file_that_is_no_python_is_refused_with_its_place(plan: Planned, source: bytes, where: str) -> None:
    with pytest.raises(UserError, match=re.escape(where)):
        plan(source)


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="the interpreter itself parses template strings")
def test_what_libcst_parses_but_cannot_place_is_refused(plan: Planned) -> None:
    with pytest.raises(UserError, match=r"line 2, column \d+"):
        plan('b = 1\na = t"{b};" \\\nt""\n\ndef f(): return 1\n')
