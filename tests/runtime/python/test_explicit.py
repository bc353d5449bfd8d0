"""Explicit style at run time: the same spans as with the header, and a program that runs without the runtime."""

from __future__ import annotations

import shutil
from typing import Any

import pytest

SOURCE = '''"""t"""
import asyncio, inspect, traceback


def leaf(n):
    if n > 2:
        raise ValueError(n)
    return n + 1


class A:
    def twice(self, n):
        """doc"""
        return [leaf(leaf(n))]


def numbers(n):
    for i in range(n):
        yield leaf(i)


async def wait(n):
    await asyncio.sleep(0)
    return leaf(n)


print(A().twice(1), list(numbers(2)), asyncio.run(wait(0)), inspect.signature(A.twice), A.twice.__doc__)
try:
    A().twice(3)
except ValueError as error:
    print([entry.lineno for entry in traceback.extract_tb(error.__traceback__)])
'''


def test_it_records_what_the_header_records(project: Any, python: str) -> None:
    paths, outputs = [], []
    for style in ("header", "explicit"):
        project.write("program.py", SOURCE, 3, style=style)
        done = project.run("program.py", python=python, MCP_TRACER_DEBUG="1")
        assert (done.returncode, done.stderr) == (0, "")
        outputs.append(done.stdout)
        (run,) = project.runs()
        paths.append([(span.path, span.definition["line"], span.definition.get("column"), span.flags) for span in run.spans])
        (project.home / "spool").rename(project.home / style)
    assert paths[0] == paths[1] != []
    assert outputs[0] == outputs[1]


def test_without_the_runtime_the_probes_do_nothing(project: Any, python: str) -> None:
    project.write("plain.py", SOURCE, 0)
    project.write("program.py", SOURCE, 3, style="explicit")
    shutil.rmtree(project.home / "runtime")
    with_probes, without = project.run("program.py", python=python), project.run("plain.py", python=python)
    assert (with_probes.stdout, with_probes.stderr) == (without.stdout, without.stderr)


def test_the_name_that_a_module_gains_is_neither_a_class_nor_callable(project: Any) -> None:
    project.write("program.py", "def f(): return 1\n\nf()\nprint([k for k, v in globals().items() if callable(v)])\n", 3, style="explicit")
    assert project.run("program.py").stdout == "['f']\n"


@pytest.mark.parametrize("style", ["header", "explicit"])
def test_a_program_that_replaces_import_and_asks_who_imports_is_traced(project: Any, style: str) -> None:
    watched = """import builtins
real = builtins.__import__
def watching(name, globals=None, locals=None, fromlist=(), level=0):
    assert globals is None or globals["__name__"]
    return real(name, globals, locals, fromlist, level)
builtins.__import__ = watching
import lib
print(lib.f())
"""
    project.write("program.py", watched, 0)
    project.write("lib.py", "def f(): return 1\n", 2, style=style)
    done = project.run("program.py")
    assert (done.returncode, done.stdout, done.stderr) == (0, "1\n", "")
    assert set(project.runs()[0].paths()) == {"f"}


def test_visible_probes_stay_quiet_where_nothing_can_be_imported(project: Any) -> None:
    project.write("lib.py", "def f(): return 1\n", 2, style="explicit")
    text = (project.root / "lib.py").read_text()
    program = """import builtins
def refuse(name, *rest):
    raise RuntimeError("no imports")
real, builtins.__import__ = builtins.__import__, refuse
names = {"__name__": "lib", "__file__": "lib.py"}
try: exec(compile(%r, "lib.py", "exec"), names)
finally: builtins.__import__ = real
print(names["f"]())
"""
    (project.root / "program.py").write_text(program % text)
    done = project.run("program.py")
    assert (done.returncode, done.stdout, done.stderr) == (0, "1\n", "")
