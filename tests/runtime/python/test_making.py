"""Files that the interpreter takes as they are, but not with all probes: they run, and it is said what is not traced."""

from __future__ import annotations

import ast

import pytest

from mcp_tracer.runtime.python.mcp_tracer_runtime import faults, making

PLAIN = "def plain(a):\n    return g(a)\n"


def nested(kind: str, depth: int) -> str:
    """A function of `depth` nested blocks."""
    return "def deep():\n" + "".join(f"{' ' * number}{kind}:\n" for number in range(1, depth + 1)) + " " * (depth + 1) + "return g(1)\n"


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    texts: list[str] = []
    monkeypatch.setattr(faults, "say_once", texts.append)
    return texts


@pytest.mark.parametrize("kind", ["while g()", "with g()", "for a in g()"])
def test_a_function_with_too_many_blocks_runs_untraced_and_the_others_traced(kind: str, said: list[str]) -> None:
    source = nested(kind, 20) + PLAIN
    compile(source, "a.py", "exec")
    code, table, note = making.made(lambda: ast.parse(source), "a.py", 3, {})
    assert code.co_consts
    assert {entry["name"] for entry in table if "site" not in entry} >= {"plain"}
    assert "deep" not in {entry["name"] for entry in table if "site" not in entry}
    assert said == [note]
    assert "a.py: deep of it run untraced" in note


def test_what_takes_all_probes_leaves_nothing_out(said: list[str]) -> None:
    _, table, note = making.made(lambda: ast.parse(PLAIN), "a.py", 5, {})
    assert (note, said) == ("", [])
    assert any(entry.get("site") == "line" for entry in table)


def test_statements_without_an_end_such_as_pytest_puts_in_are_taken(said: list[str]) -> None:
    def parse() -> ast.Module:
        tree = ast.parse("import first\n" + PLAIN)
        tree.body[0] = ast.Import([ast.alias("inserted", lineno=1, col_offset=0)], lineno=1, col_offset=0)
        return tree

    _, table, note = making.made(parse, "a.py", 5, {})
    assert (note, said) == ("", [])
    assert [(entry["name"], entry["endLine"]) for entry in table if entry.get("kind") == "module"] == [("<module>", 3)]


def test_a_file_that_never_compiles_from_a_tree_is_said_to_run_untraced(said: list[str]) -> None:
    def parse() -> ast.Module:
        tree = ast.parse(PLAIN)
        tree.body[0].lineno = "no number"  # type: ignore[attr-defined,assignment]
        return tree

    with pytest.raises(ValueError):
        making.made(parse, "a.py", 2, {})
    assert len(said) == 1
    assert said[0].startswith("a.py runs untraced")
