"""A traced program behaves as it does untraced: output, exit code, line numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest


@pytest.mark.parametrize("level", [1, 2, 3, 4, 5])
def test_every_hazard_prints_the_same_under_every_python(project: Any, programs: Path, python: str, level: int) -> None:
    source = (programs / "hazards" / "program.py").read_bytes()
    project.write("program.py", source, 0)
    plain = project.run("program.py", python=python)
    project.write("program.py", source, level)
    traced = project.run("program.py", python=python)
    assert traced.stdout == plain.stdout
    assert (traced.returncode, traced.stderr) == (plain.returncode, plain.stderr)
    (run,) = project.runs()
    assert run.end["exitCode"] == 3
    assert len(run.of("recursive")) + sum(row.calls for row in run.counted if row.name == "recursive") > 100


@pytest.mark.parametrize("level", [2, 5])
def test_modern_syntax_prints_the_same(project: Any, programs: Path, level: int) -> None:
    source = (programs / "modern" / "program.py").read_bytes()
    project.write("program.py", source, 0)
    plain = project.run("program.py")
    project.write("program.py", source, level)
    traced = project.run("program.py", MCP_TRACER_DEBUG="1")
    assert (traced.stdout, traced.stderr, traced.returncode) == (plain.stdout, plain.stderr, 0)


def test_without_the_runtime_the_program_runs_untraced(project: Any) -> None:
    project.write("program.py", "def f():\n    return 1\n\nprint(f())\n")
    (project.home / "runtime").rename(project.root / "gone")
    done = project.run("program.py")
    assert (done.stdout, done.stderr, done.returncode) == ("1\n", "", 0)


def test_a_broken_runtime_leaves_the_program_alone(project: Any) -> None:
    project.write("program.py", "def f():\n    return 1\n\nprint(f())\n")
    (project.home / "runtime" / "python" / "mcp_tracer_runtime" / "transform.py").write_text("1 / 0")
    done = project.run("program.py")
    assert (done.stdout, done.stderr, done.returncode) == ("1\n", "", 0)


def test_a_header_behind_the_first_function_still_traces_it(project: Any) -> None:
    source = "def early():\n    return 1\nif __name__ == '__main__':\n    print(early())\n"
    run = project.trace(source)
    assert run.paths() == ["early"]


def test_module_namespace_gains_no_name(project: Any) -> None:
    project.write("program.py", "import sys\ndef f(): return 1\nf()\nprint(sorted(k for k in globals() if not k.startswith('__')))\n", 5)
    assert project.run("program.py").stdout == "['f', 'sys']\n"


def test_imported_run_by_path_and_run_as_module_are_all_traced(project: Any) -> None:
    project.write("package/__init__.py", "")
    project.write("package/inside.py", "def f():\n    return 1\n\nf()\n")
    for arguments in (
        ("-c", "import package.inside"),
        ("-m", "package.inside"),
        ("-c", "import runpy; runpy.run_path('package/inside.py')"),
    ):
        assert project.run(*arguments).returncode == 0
    assert [run.paths() for run in project.runs()] == [["f"]] * 3


@pytest.mark.parametrize("level", [2, 5])
def test_a_program_that_uses_up_the_stack_is_no_fault_of_ours(project: Any, python: str, level: int) -> None:
    source = "def foo(n):\n    return bar(n)\ndef bar(n):\n    return foo(n)\ntry:\n    foo(1)\nexcept RecursionError:\n    print('deep')\n"
    project.write("program.py", source, level)
    done = project.run("program.py", python=python, MCP_TRACER_DEBUG="1")
    assert (done.stdout, done.stderr, done.returncode) == ("deep\n", "", 0)
    (run,) = project.runs()
    assert run.end["faults"] == 0


def test_faults_can_be_told_to_a_file(project: Any) -> None:
    project.write("program.py", "def f():\n    return 1\n\nprint(f())\n")
    (project.home / "runtime" / "python" / "mcp_tracer_runtime" / "transform.py").write_text("1 / 0")
    done = project.run("program.py", MCP_TRACER_DEBUG=str(project.root / "faults.txt"))
    assert (done.stdout, done.stderr, done.returncode) == ("1\n", "", 0)
    assert "ZeroDivisionError" in (project.root / "faults.txt").read_text()


def test_text_that_runs_under_another_name_runs_untraced(project: Any) -> None:
    project.write("shop.py", "def f():\n    return 1\n\nprint(f())\n")
    project.write("other.py", "def f():\n    return 2\n\nprint(f())\n", 0)
    project.write(
        "main.py", "for name in ('gone.py', 'other.py', '<text>'):\n    exec(compile(open('shop.py').read(), name, 'exec'), {})\n", 0
    )
    done = project.run("main.py", MCP_TRACER_DEBUG="1", MCP_TRACER_PROJECT=str(project.root))
    assert (done.stdout, done.stderr, done.returncode) == ("1\n1\n1\n", "", 0)
    assert [run.end["faults"] for run in project.runs()] == [0] and project.runs()[0].spans == []
