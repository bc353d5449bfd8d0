"""What the compiler warns of: a traced program has the warnings that it has untraced, and no more."""

from __future__ import annotations

from typing import Any

import pytest
from loaded import Loaded

DOUBTFUL = "def same(n):\n    return n is 1\n\n\ndef sure(n):\n    assert (n, 'always')\n    return '\\d'\n"
PROGRAM = """import sys, warnings
with warnings.catch_warnings(record=True) as seen:
    warnings.simplefilter(sys.argv[1])
    import doubtful
print(sorted((item.category.__name__, item.lineno) for item in seen), doubtful.same(1))
print([entry for entry in warnings.filters if type(entry[3]).__module__.startswith("mcp")])
"""
STYLES = ("on_load", "header", "explicit")


@pytest.fixture
def loaded(project: Any) -> Loaded:
    loaded = Loaded(project)
    loaded.add("program.py", PROGRAM)
    loaded.add("doubtful.py", DOUBTFUL)
    return loaded


def instrument(loaded: Loaded, style: str) -> None:
    if style != "on_load":
        del loaded.rows["doubtful.py"]
        loaded.add("program.py", PROGRAM)
        loaded.project.write("doubtful.py", DOUBTFUL, 5, style=style)


@pytest.mark.parametrize("style", STYLES)
def test_each_warning_comes_once(loaded: Loaded, python: str, style: str) -> None:
    plain = loaded.plainly("program.py", "always", python=python).stdout
    instrument(loaded, style)
    done = loaded.run("program.py", "always", python=python)
    assert (done.stdout, done.stderr) == (plain, "") and plain.count("SyntaxWarning") >= 2
    assert "same" in " ".join(loaded.names())


@pytest.mark.parametrize("style", STYLES)
def test_a_file_that_is_compiled_already_is_traced_where_warnings_are_errors(loaded: Loaded, style: str) -> None:
    instrument(loaded, style)
    loaded.plainly("-W", "ignore", "-m", "py_compile", "doubtful.py")
    done = loaded.run("program.py", "error")
    assert (done.stdout, done.stderr) == ("[] True\n[]\n", "")
    assert "same" in " ".join(loaded.names())


def test_a_script_is_warned_of_once(loaded: Loaded) -> None:
    plain = loaded.plainly("doubtful.py").stderr
    assert (loaded.run("doubtful.py").stderr, plain.count("SyntaxWarning")) == (plain, 2)
