"""Where counting alone exceeds the budget, hot functions run without probes most of the time: numbered exactly, their times estimated."""

from __future__ import annotations

from typing import Any

import pytest

ESTIMATED = 16
SMALL = "TRACING_OVERHEAD_BUDGET=10\n"


@pytest.fixture(autouse=True)
def with_the_core(project: Any) -> None:
    if project.core != "c":
        pytest.skip("the Python core times every call")
    project.settings(SMALL)


def calls(run: Any, name: str, kind: str = "function") -> int:
    spans = [span for span in run.of(name) if span.definition["kind"] == kind]
    return len(spans) + sum(row.calls for row in run.counted if (row.name, row.kind) == (name, kind))


def estimated(run: Any, name: str) -> int:
    return sum(row.calls for row in run.counted if row.name == name and row.flags & ESTIMATED)


def times(span: Any) -> tuple[int, int]:
    """(duration, self) in ticks."""
    duration, own = span.sections.get("W", (span.duration, span.self))
    return duration, own


FIB = """
def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)
def main(): print(fib(29))
main()
"""


def test_every_call_is_numbered_and_self_times_add_up(project: Any, python: str) -> None:
    run = project.trace(FIB, python=python)
    assert calls(run, "fib") == 1664079
    assert estimated(run, "fib") > 300000
    own, duration = self_and_duration(run)
    assert own == pytest.approx(duration, rel=0.01)
    assert run.end == {"dropped": 0, "faults": 0, "exitCode": 0}


def self_and_duration(run: Any) -> tuple[int, int]:
    """What all self times add up to, and how long the roots took, in ticks."""
    own = sum(times(span)[1] for span in run.spans) + sum(row.self for row in run.counted)
    return own, sum(times(span)[0] for span in run.spans if span.parent is None)


@pytest.mark.parametrize("level", [2, 5])
def test_self_times_add_up_where_calls_outlast_several_phases(project: Any, level: int) -> None:
    source = """
def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)
def leaf(n): return n
def numbers(n):
    for m in range(n): yield leaf(m) + fib(2)
def main():
    for _ in range(25): fib(19 + _ % 5); sum(numbers(4000))
main()
"""
    run = project.trace(source, level=level)
    assert estimated(run, "fib") > 30000
    own, duration = self_and_duration(run)
    assert own == pytest.approx(duration, rel=0.01)


def test_the_share_of_what_was_missed_is_estimated(project: Any) -> None:
    """Of two functions that do the same work, one calls another hot one: both take about as long."""
    source = """
def leaf(n): return n * 3
def calling(n): return leaf(n) + 1
def plain(n): return n * 3 + 1
def main():
    for n in range(400000): calling(n); plain(n)
main()
"""
    run = project.trace(source)
    assert (calls(run, "leaf"), calls(run, "calling"), calls(run, "plain")) == (400000,) * 3
    total = {name: sum(row.total for row in run.counted if row.name == name) for name in ("leaf", "calling")}
    assert 0 < total["leaf"] < total["calling"] < run.one("main").duration


def test_exact_counts_on_demand(project: Any) -> None:
    project.settings(SMALL + "TRACING_EXACT_COUNTS=true\n")
    run = project.trace(FIB)
    assert calls(run, "fib") == 1664079
    assert {row.flags for row in run.counted} == {0}


def test_failing_calls_are_recorded_without_probes_too(project: Any, python: str) -> None:
    source = """
def hot(n):
    if n % 50000 == 49999: raise ValueError(n)
    return n
def main():
    for n in range(1000000):
        try: hot(n)
        except ValueError: pass
main()
"""
    run = project.trace(source, python=python)
    assert calls(run, "hot") == 1000000
    assert estimated(run, "hot") > 100000
    failed = [span for span in run.of("hot") if span.flags & 1]
    assert [span.params["n"] for span in failed] == list(range(49999, 1000000, 50000))
    assert {(span.path, span.sections["E"]["type"]) for span in failed} == {("main > hot", "ValueError")}
    assert any(span.flags & ESTIMATED for span in failed)


def test_generators_coroutines_and_closures_are_numbered(project: Any, python: str) -> None:
    source = """
import asyncio
def one(n): yield n
async def step(n): return n
def maker(n):
    def made(): return n
    return made
async def main():
    for n in range(120000):
        for _ in one(n): pass
        await step(n)
        maker(n)()
asyncio.run(main())
"""
    run = project.trace(source, python=python)
    assert [calls(run, *who) for who in (("one", "generator"), ("step", "coroutine"), ("maker.made",), ("maker",))] == [120000] * 4
    assert estimated(run, "maker") == 0


def test_threads_and_forks_lose_no_call(project: Any, python: str) -> None:
    source = """
import os, sys, threading
def hot(n): return n
def work():
    for n in range(200000): hot(n)
def main():
    threads = [threading.Thread(target=work) for _ in range(2)]
    for t in threads: t.start()
    for t in threads: t.join()
    work()
    child = os.fork()
    work()
    if child: os.waitpid(child, 0)
main()
"""
    project.write("program.py", source)
    done = project.run("program.py", python=python, MCP_TRACER_DEBUG="1")
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(calls(run, "hot") for run in project.runs()) == [200000, 800000]


def test_call_sites_and_lines_of_numbered_calls_are_estimated(project: Any) -> None:
    source = """
def leaf(n): return n
def hot(n):
    a = leaf(n)
    return a
def main():
    for n in range(300000): hot(n)
main()
"""
    run = project.trace(source, level=5)
    assert (calls(run, "hot"), calls(run, "leaf")) == (300000, 300000)
    assert calls(run, "leaf", "call") == pytest.approx(300000, rel=0.2)


OFF = """
import sys, traceback
sys.path.insert(0, {runtime!r})
def switch():
    from mcp_tracer_runtime import state
    for fn in state.functions: fn.off = True
"""
CONSTRUCTS = '''
def plain(a, *rest, key=1, **more):
    """Doc."""
    total = a + sum(rest) + key
    for name in more: total += more[name]
    else: total += 1
    return total
def falls(n):
    if n: n += 1
def fails(n):
    try:
        with open("/nonexistent/" + str(n)): pass
    finally:
        n += 1
def caught(n):
    try: return 1 // n
    except ZeroDivisionError as error: return str(error)
    finally: print("finally")
def numbers(n):
    got = yield n
    print("got", got)
    try: yield from range(n)
    except GeneratorExit: print("closed"); raise
class Thing:
    def __init__(self, n): self.n, self.__own = n, [i * n for i in range(n) if i]
    def show(self): return super().__str__()[:5], self.__own, {k: v for k, v in zip("ab", self.__own)}
async def waits(n):
    import asyncio
    await asyncio.sleep(0)
    return [m async for m in ticks(n)]
async def ticks(n):
    for m in range(n): yield m
def seen(n): return sorted(locals())
def everything():
    import asyncio
    print(plain(1, 2, 3, key=4, x=5), falls(1), caught(0), caught(2), seen(1), plain.__doc__)
    try: fails(3)
    except OSError: print(traceback.format_exc().replace(__file__, ""))
    held = numbers(3)
    print(next(held), held.send("x"), next(held))
    held.close()
    print(list(numbers(2)), Thing(3).show(), asyncio.run(waits(3)))
'''


@pytest.mark.parametrize("level", [1, 3, 5])
def test_programs_do_the_same_without_probes(project: Any, python: str, level: int) -> None:
    end = "switch()\neverything()\n"
    source = OFF.format(runtime=str(project.home / "runtime" / "python")) + CONSTRUCTS
    (project.root / "plain.py").write_text(source + "everything()\n")
    untraced = project.run("plain.py", python=python)
    project.write("program.py", source + end, level)
    done = project.run("program.py", python=python, MCP_TRACER_DEBUG="1")
    assert (done.returncode, done.stderr) == (0, untraced.stderr)
    assert done.stdout.splitlines() == untraced.stdout.splitlines()
    (run,) = project.runs()
    assert [span.name for span in run.of("fails")] == ["fails"]
    assert [span.name for span in run.spans if span.name in ("plain", "numbers", "waits", "caught")] == []
