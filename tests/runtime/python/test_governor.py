"""Hot functions are sampled so that tracing keeps its budget; what is not recorded is counted, exactly."""

from __future__ import annotations

import collections
import itertools
import time
from typing import Any

import pytest

EXACT = "TRACING_EXACT_COUNTS=true\n"  # without it, test_phases.py
DENSE = """
import sys
def hot(n): return n
def main():
    for n in range(%d): hot(n)
main()
"""


@pytest.fixture(autouse=True)
def exact(project: Any) -> None:
    project.settings(EXACT)


def calls(run: Any, name: str, kind: str = "function") -> int:
    """All calls of a function, recorded or counted."""
    spans = [span for span in run.of(name) if span.definition["kind"] == kind]
    return len(spans) + sum(counted.calls for counted in run.counted if (counted.name, counted.kind) == (name, kind))


def total(run: Any, name: str, field: str = "total") -> int:
    """Ticks that all calls of a function took."""
    recorded = "duration" if field == "total" else field
    return sum(getattr(span, recorded) for span in run.of(name)) + sum(getattr(row, field) for row in run.counted if row.name == name)


def test_a_hot_function_is_sampled_and_every_call_counts(project: Any) -> None:
    run = project.trace(DENSE % 60000)
    assert calls(run, "hot") == 60000
    assert len(run.of("hot")) < 40000
    assert run.end["dropped"] == run.end["faults"] == 0


def test_total_self_least_and_most_are_exact(project: Any) -> None:
    """What the callers' self times leave out is what the callees took, to the tick."""
    source = """
def leaf(n): return sum(range(n % 50))
def middle(n): return leaf(n) + leaf(n + 1)
def main():
    for n in range(20000): middle(n)
main()
"""
    run = project.trace(source)
    main = run.one("main")
    assert (calls(run, "leaf"), calls(run, "middle")) == (40000, 20000)
    assert total(run, "middle") == main.duration - main.self
    assert total(run, "leaf") == total(run, "middle") - total(run, "middle", "self")
    for row in run.counted:
        assert 0 < row.least <= row.total / row.calls <= row.most <= main.duration
        assert row.errors == 0


def test_first_calls_are_whole(project: Any) -> None:
    run = project.trace(DENSE % 60000)
    first = run.of("hot")[:64]
    assert [(span.params["n"], span.sections["R"], span.count) for span in first] == [(n, n, 1) for n in range(64)]


def test_a_span_says_of_how_many_calls_it_is_one(project: Any) -> None:
    run = project.trace(DENSE % 60000)
    spans = run.of("hot")
    assert max(span.count for span in spans) > 1
    assert 60000 - 1024 <= sum(span.count for span in spans) <= 60000
    for span, calls_until_then in zip(spans, itertools.accumulate(span.count for span in spans), strict=True):
        assert span.count == 1 or calls_until_then == span.params["n"] + 1


def test_failing_calls_are_kept_whole_with_their_callers(project: Any) -> None:
    source = """
def leaf(n, /, password="x", *rest):
    if n % 2500 == 2499: raise ValueError(n)
def middle(n): leaf(n, "s3cret", n)
def main():
    for n in range(30000):
        try: middle(n)
        except ValueError: pass
main()
"""
    run = project.trace(source)
    assert (calls(run, "leaf"), calls(run, "middle")) == (30000, 30000)
    failed = [span for span in run.of("leaf") if span.flags & 1]
    assert [span.params["n"] for span in failed] == list(range(2499, 30000, 2500))
    assert {span.path for span in failed} == {"main > middle > leaf"}
    for span in failed:
        assert span.sections["E"]["message"] == str(span.params["n"])
        assert span.params["password"] == ("ext", 5, "name")
        assert (span.depth, span.parent.params) == (2, {"n": span.params["n"]})
    assert sum(span.flags & 1 for span in run.of("middle")) == 12
    assert sum(row.errors for row in run.counted) == 0


def test_off_records_everything(project: Any) -> None:
    project.settings(EXACT + "TRACING_OVERHEAD_BUDGET=off\n")
    run = project.trace(DENSE % 20000)
    assert (len(run.of("hot")), run.counted) == (20000, [])


def test_a_smaller_budget_records_less(project: Any) -> None:
    recorded = []
    for percent in ("1000%", "1"):
        project.settings(EXACT + f"TRACING_OVERHEAD_BUDGET={percent}\n")
        project.write("program.py", DENSE % 200000)  # in the first windows, all are recorded
        assert project.run("program.py").returncode == 0
        run = max(project.runs(), key=lambda run: run.header["origin_wall_ns"])
        assert calls(run, "hot") == 200000
        recorded.append(len(run.of("hot")))
    assert recorded[1] < recorded[0]


def test_what_the_budget_has_room_for_is_recorded(project: Any) -> None:
    project.settings(EXACT + "TRACING_OVERHEAD_BUDGET=50\n")
    source = "def slow(n): return sum(range(20000))\ndef main():\n    for n in range(2500): slow(n)\nmain()\n"
    run = project.trace(source)
    assert (len(run.of("slow")), run.counted) == (2500, [])


def test_a_program_that_waits_is_recorded_whole(project: Any) -> None:
    """Its CPU time is little, and tracing takes none of its waiting."""
    source = """
import sqlite3, time
db = sqlite3.connect(":memory:")
def query(n):
    time.sleep(0.015)
    return db.execute("select ?", (n,)).fetchone()
def handle(n): return query(n)
for n in range(200): handle(n)
"""
    run = project.trace(source)
    for name in ("handle", "query", "sqlite3.execute"):  # on a machine that is busy itself, the budget may leave a few out
        assert calls(run, name, "db" if "." in name else "function") == 200 and len(run.of(name)) > 180


def test_a_new_trace_shows_its_first_calls(project: Any) -> None:
    source = """
def hot(n): return n
def job():
    for n in range(30000): hot(n)
for _ in range(3): job()
"""
    run = project.trace(source)
    assert calls(run, "hot") == 90000
    for job in run.of("job"):
        assert next(span.params["n"] for span in run.of("hot") if span.trace == job.trace) == 0


def test_of_a_hot_function_that_nobody_traced_calls_few_begin_a_trace(project: Any) -> None:
    source = """
def leaf(n):
    if n == 59999: raise KeyError(n)
def root(n): leaf(n)
for n in range(60000):
    try: root(n)
    except KeyError: pass
"""
    run = project.trace(source)
    assert (calls(run, "root"), calls(run, "leaf")) == (60000, 60000)
    assert len(run.definitions[4]) < 40000
    (failed,) = (span for span in run.of("leaf") if span.flags & 1)
    assert (failed.path, failed.depth, failed.params) == ("root > leaf", 1, {"n": 59999})


def test_what_a_counted_call_calls_hangs_below_the_nearest_recorded_call(project: Any) -> None:
    source = """
def rare(n): return n
def hot(n):
    if n % 1000 == 0: rare(n)
def main():
    for n in range(60000): hot(n)
main()
"""
    run = project.trace(source)
    rare = run.of("rare")
    assert [span.params["n"] for span in rare] == list(range(0, 60000, 1000))
    assert {span.path for span in rare} == {"main > hot > rare", "main > rare"}
    assert {(span.path.count(">"), span.depth) for span in rare} == {(2, 2), (1, 1)}


def test_recursion_stays_a_tree_and_is_counted_beyond_the_depth_limit(project: Any) -> None:
    project.settings(EXACT + "TRACING_MAX_DEPTH=12\n")
    source = "def fib(n): return n if n < 2 else fib(n - 1) + fib(n - 2)\nprint(fib(21))\n"
    run = project.trace(source)
    spans = run.of("fib")
    assert calls(run, "fib") == 35421 and len(spans) < 35421
    (root,) = (span for span in spans if span.parent is None)
    assert root.params == {"n": 21}
    assert all(span.depth == span.parent.depth + 1 and span.params["n"] < span.parent.params["n"] for span in spans if span is not root)
    assert max(span.depth for span in spans) <= 12
    assert total(run, "fib", "self") == root.duration


def test_coroutines_and_generators_are_counted(project: Any, python: str) -> None:
    source = """
import asyncio
def numbers(n):
    yield n
    yield n + 1
async def step(n):
    await asyncio.sleep(0)
    return n
async def fails(n):
    await asyncio.sleep(0)
    raise OSError(n)
async def main():
    for n in range(4000):
        for _ in numbers(n): pass
        await step(n)
    await asyncio.gather(*[step(n) for n in range(3000)])
    try: await fails(7)
    except OSError: pass
asyncio.run(main())
"""
    project.settings(EXACT + "TRACING_OVERHEAD_BUDGET=1\n")
    run = project.trace(source, python=python)
    assert (calls(run, "numbers", "generator"), calls(run, "step", "coroutine")) == (4000, 7000)
    assert len(run.of("step")) < 7000 and len(run.of("numbers")) < 4000
    assert {span.path for span in run.of("step")} == {"main > step"}
    assert run.one("fails").sections["E"]["message"] == "7"


def test_threads_lose_no_call(project: Any, python: str) -> None:
    source = """
import sys, threading
sys.setswitchinterval(1e-5)
def hot(n): return n
def work():
    for n in range(8000): hot(n)
threads = [threading.Thread(target=work) for _ in range(4)]
for t in threads: t.start()
for t in threads: t.join()
"""
    run = project.trace(source, python=python)
    assert (calls(run, "hot"), calls(run, "work")) == (32000, 4)


def test_a_forked_child_counts_its_own_calls(project: Any) -> None:
    source = """
import os, sys
def hot(n): return n
def main():
    for n in range(30000): hot(n)
    child = os.fork()
    for n in range(10000 if child == 0 else 5000): hot(n)
    if child: os.waitpid(child, 0)
    if child == 0: sys.exit(0)
main()
"""
    project.write("program.py", source)
    done = project.run("program.py", MCP_TRACER_DEBUG="1")
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(calls(run, "hot") for run in project.runs()) == [10000, 35000]


def test_lines_and_call_sites_of_counted_calls_are_counted(project: Any) -> None:
    source = """
def leaf(n): return n
def hot(n):
    a = leaf(n)
    return a
def main():
    for n in range(20000):
        hot(n)
main()
"""
    project.settings(EXACT + "TRACING_OVERHEAD_BUDGET=5\n")
    run = project.trace(source, level=5)
    assert (calls(run, "hot"), calls(run, "hot", "call"), calls(run, "leaf"), calls(run, "leaf", "call")) == (20000,) * 4
    lines = collections.Counter(definition["line"] for _, definition, _ in run.events if definition["kind"] == "line")
    assert sum(lines.values()) + sum(row.calls for row in run.counted if row.kind == "line") == 20000 * 4 + 1
    assert {span.parent.name for span in run.of("leaf") if span.definition["kind"] == "call"} == {"hot"}


def test_lines_of_one_long_call_are_sampled_and_every_one_counts(project: Any) -> None:
    source = """
def long(n):
    total = 0
    for i in range(n):
        total += i
    return total
def main():
    long(150000)
main()
"""
    project.settings("TRACING_OVERHEAD_BUDGET=20\n")
    run = project.trace(source, level=5)
    expected = {("line", 5): 150000, ("variable", 5): 150000, ("checkpoint", 4): 150000, ("line", 3): 1, ("line", 6): 1}
    passed = collections.Counter((definition["kind"], definition["line"]) for _, definition, _ in run.events)
    written = sum(passed.values())
    for row in run.counted:
        passed[row.kind, row.line] += row.calls
    assert {key: passed[key] for key in expected} == expected
    assert 16 * 3 < written < 40000
    assert run.of("long")[0].flags & 4
    assert run.end["faults"] == 0


def test_a_call_says_so_where_its_lines_were_only_numbered(project: Any) -> None:
    source = """
def work(n):
    total = n
    for i in range(20):
        total += i
    return total
def main():
    for n in range(15000): work(n)
main()
"""
    project.settings("TRACING_OVERHEAD_BUDGET=20\n")
    run = project.trace(source, level=5)
    events = collections.Counter(seq for seq, _, _ in run.events)
    works = [span for span in run.of("work") if span.definition["kind"] == "function"]
    first, most = works[0], max(events[span.seq] for span in works)
    assert (events[first.seq], first.flags & 4) == (most, 0)
    fewer = [span for span in works if events[span.seq] < most]
    assert fewer or project.core == "python"  # that core keeps all of a recorded call
    assert [span for span in fewer if not span.flags & 4] == []
    assert run.end["faults"] == 0


def test_counts_reach_the_spool_while_the_program_runs(project: Any) -> None:
    project.settings(EXACT + "TRACING_FLUSH_INTERVAL=50\n")
    project.write("program.py", DENSE % 50000 + "print('done', flush=True)\nsys.stdin.readline()\n")
    process = project.start("program.py")
    try:
        assert process.stdout is not None and process.stdout.readline() == "done\n"
        deadline = time.monotonic() + 20
        while (found := calls(project.runs()[0], "hot")) < 50000 and time.monotonic() < deadline:
            pass
        assert found == 50000
    finally:
        process.kill()
        process.communicate()
