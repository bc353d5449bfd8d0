"""Single constructs: what is recorded of each, and that the program does not notice."""

from __future__ import annotations

from typing import Any

import pytest
from loaded import Loaded

LAMBDAS = '''"""t"""
import inspect, traceback
class A:
    __k = 2
    def scaled(self, by):
        double = lambda n, *r, z=1: n * self.__k * by + z
        return double
scaled = A().scaled(3)
def numbers(): return sorted([2, 1], key=lambda n: -n)
stored = lambda: (yield 1)
const = lambda: 5
print(scaled(2), scaled.__qualname__, inspect.signature(scaled), scaled.__code__.co_freevars, numbers(), list(stored()), const())
try: (lambda: 1 // 0)()
except ZeroDivisionError as error: print([(f.name, f.lineno) for f in traceback.extract_tb(error.__traceback__)])
'''


def test_lambdas_are_spans_from_level_3_on_with_values_and_errors(project: Any, python: str) -> None:
    project.write("plain.py", LAMBDAS, 0)
    project.write("program.py", LAMBDAS, 3)
    plain, traced = project.run("plain.py", python=python), project.run("program.py", python=python, MCP_TRACER_DEBUG="1")
    assert (traced.stdout, traced.stderr) == (plain.stdout, plain.stderr)
    (run,) = project.runs()
    scaled = run.one("A.scaled.<lambda>")
    assert (scaled.definition["kind"], scaled.params, scaled.sections["R"]) == ("lambda", {"n": 2, "r": ("ext", 7, ["tuple"]), "z": 1}, 13)
    assert [span.sections["R"] for span in run.of("numbers.<lambda>")] == [-2, -1]
    kinds = [span.definition["kind"] for span in run.of("<lambda>")]
    assert sorted(kinds) == ["generator", "lambda", "lambda"]
    (failed,) = [span for span in run.of("<lambda>") if span.flags & 1]
    assert failed.sections["E"]["type"] == "ZeroDivisionError"


def test_below_level_3_only_lambdas_chosen_by_name_are_spans(project: Any) -> None:
    project.write("program.py", LAMBDAS, 2, functions={"numbers.<lambda>": 1})
    assert project.run("program.py").returncode == 0
    (run,) = project.runs()
    assert {span.name for span in run.spans if "<" in span.name} == {"numbers.<lambda>"}


BODY = '''"""Shop."""
from __future__ import annotations
import sys
def price(n): return n * 2
class Cart:
    size: int = price(3)
    sizes = [price(n) for n in (1,)]
total = price(1)
if __name__ == "__main__": pass
'''


def test_a_module_that_is_loaded_is_one_span_with_its_calls_values_and_lines(project: Any) -> None:
    loaded = Loaded(project)
    loaded.add("shop.py", BODY, 5)
    assert loaded.run("-c", "import shop; print(shop.total, shop.__doc__)").stdout == "2 Shop.\n"
    (run,) = project.runs()
    assert run.paths() == ["<module>", *["<module> > price"] * 3, *["<module> > price > price"] * 3]
    assert run.one("<module>").definition["kind"] == "module"
    lines = [site["line"] for _, site, _ in run.events if site["kind"] == "line" and site["function"] == "<module>"]
    assert lines == [3, 4, 5, 6, 7, 8, 9]
    values = [parts["V"] for _, site, parts in run.events if site["kind"] == "variable"]
    assert values == [{"size": 6}, {"sizes": [2]}, {"total": 2}]


def test_a_script_with_a_header_is_one_span_that_says_how_it_ended(project: Any) -> None:
    project.write("program.py", '"""t"""\ndef f(n): return 1 // n\nf(1)\nf(0)\n', 3)
    assert project.run("program.py").returncode == 1
    (run,) = project.runs()
    whole = run.one("<module>")
    assert (whole.flags, whole.sections["E"]["type"]) == (1, "ZeroDivisionError")
    assert [span.parent.name for span in run.of("f")] == ["<module>"] * 2


WAITS = '''"""t"""
import asyncio, contextlib
async def ticks(n):
    for i in range(n):
        await asyncio.sleep(0.02)
        yield i
@contextlib.asynccontextmanager
async def slow():
    await asyncio.sleep(0.02)
    yield 1
    await asyncio.sleep(0.02)
def work(): return sum(range(10))
async def main():
    async for i in ticks(3):
        if i == 1: continue
        work()
    async with slow() as value:
        work()
    return [work() async for _ in ticks(2)]
print(asyncio.run(main()))
'''


@pytest.mark.parametrize("level", [1, 3])
def test_waiting_of_async_for_with_and_comprehensions_is_told_apart(project: Any, python: str, level: int) -> None:
    run = project.trace(WAITS, level, python=python)
    main = run.one("main")
    suspended, waits = main.sections["S"]
    assert waits >= 6
    assert suspended * run.ns_per_tick >= 7 * 0.02e9
    assert main.self < main.duration - suspended + 1
    if level == 3:
        awaits = sorted(span.name for span in run.spans if span.definition["kind"] == "await" and span.definition["function"] == "main")
        assert awaits == ["slow.__aenter__", "slow.__aexit__", "ticks", *["ticks.__anext__"] * 4]
        assert [span.parent.name for span in run.of("work") if span.definition["kind"] == "call"][:3] == ["main"] * 3


def test_values_are_taken_where_names_and_attributes_get_them(project: Any) -> None:
    source = '''"""t"""
class A: pass
def f(a):
    a.total = a.password = n = 3
    if (m := n + 1): pass
    a.rows = {}
    a.rows["x"] = 5
    try: raise ValueError("v")
    except ValueError as error: pass
    for i in (1,): pass
    with open(__file__) as file: pass
    global g; g = 1; g += 1
    return a
f(A())
'''
    run = project.trace(source, 4)
    shown = [parts["V"] for _, _, parts in run.events]
    hidden = ("ext", 5, "name")
    assert {"a.total": 3, "a.password": hidden} in shown
    assert [value for value in shown if next(iter(value)) in ("n", "m", 'a.rows["x"]', "i", "g")] == [
        {"n": 3}, {"m": 4}, {'a.rows["x"]': 5}, {"i": 1}, {"g": 1}, {"g": 2},
    ]  # fmt: skip
    assert {"error", "file"} <= {name for value in shown for name in value}


def test_long_chains_and_branches_neither_fail_nor_stop_the_tracing(project: Any) -> None:
    chain = "def f(s):\n    return s" + ".strip()" * 700 + "\n"
    branches = "def g(n):\n    if n == 0: return 0\n" + "".join(f"    elif n == {n}: return abs({n})\n" for n in range(1, 400))
    total = "def h():\n    return " + " + ".join(f"abs({n})" for n in range(400)) + "\n"
    run = project.trace('"""t"""\n' + chain + branches + total + "f('x'); g(399); h()\n", 3)
    assert {"f", "g", "h"} <= {span.name for span in run.spans}
    assert len(run.of("abs")) > 100
