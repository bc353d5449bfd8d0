"""The source of released packages is instrumented, used for real, and restored: same output, right parents, same bytes."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from released import Released, from_npm, from_pypi, run

DOCUMENT = """# Title

A paragraph with *emphasis*, `code` and a [link](https://example.org "there").

* one
* two
    * nested

> quoted

| a | b |
|---|---|
| 1 | 2 |
"""

MISTUNE = f"""
import mistune
print(mistune.create_markdown(plugins=["table", "strikethrough"])({DOCUMENT!r}))
"""

MARKED = f"""
const {{ marked }} = require('./lib/marked.cjs');
process.stdout.write(marked.parse({DOCUMENT!r}));
"""


@pytest.fixture(scope="module")
def mistune(tmp_path_factory: pytest.TempPathFactory) -> Released:
    package = from_pypi("mistune==3.1.4", tmp_path_factory.mktemp("mistune"))
    (package.root / "use.py").write_text(MISTUNE)
    package.tracer("init", "--yes")
    return package


@pytest.fixture(scope="module")
def marked(tmp_path_factory: pytest.TempPathFactory) -> Released:
    package = from_npm("marked@12.0.2", tmp_path_factory.mktemp("marked"))
    (package.root / "use.cjs").write_text(MARKED)
    package.tracer("init", "--yes")
    return package


def parents_of(package: Released, function: str) -> set[str]:
    """The functions that called `function` in the last trace."""
    trace = package.tracer("trace", "last")
    names = {span["spanId"]: span["function"] for span in trace["spans"]}
    return {names.get(span["parentSpanId"], "") for span in trace["spans"] if span["function"] == function}


def exercise(package: Released, command: list[str], paths: list[str], level: int) -> dict[str, Any]:
    """Instrument, use, ask, restore. Returns the trace; asserts the same output and the same bytes."""
    before, plain = package.hashes(), run(command, package.root)
    package.tracer("instrument", *paths, "--level", str(level))
    assert package.hashes() != before
    assert run(command, package.root) == plain
    trace = package.tracer("trace", "last")
    package.tracer("uninstrument", "--all")
    assert package.hashes() == before
    return trace


@pytest.mark.parametrize("level", [1, 2, 3, 5])
def test_mistune_runs_the_same_and_is_restored(mistune: Released, level: int) -> None:
    trace = exercise(mistune, [sys.executable, "use.py"], ["mistune"], level)
    assert trace["spanCount"] > 50


def test_mistune_has_the_right_parents(mistune: Released) -> None:
    exercise(mistune, [sys.executable, "use.py"], ["mistune"], 2)
    assert parents_of(mistune, "Markdown.parse") == {"Markdown.__call__"}
    assert "BlockParser.parse" in parents_of(mistune, "BlockParser.parse_list") or parents_of(mistune, "BlockState.process")


@pytest.mark.parametrize("level", [1, 2, 3, 5])
def test_marked_runs_the_same_and_is_restored(marked: Released, level: int) -> None:
    trace = exercise(marked, ["node", "use.cjs"], ["lib/marked.cjs"], level)
    assert trace["spanCount"] > 50


def test_marked_has_the_right_parents(marked: Released) -> None:
    exercise(marked, ["node", "use.cjs"], ["lib/marked.cjs"], 2)
    assert "_Lexer.lex" in parents_of(marked, "_Lexer.blockTokens")
