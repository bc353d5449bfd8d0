"""Both cores write the same, and the C core stays out of the program's way where it is hardest."""

from __future__ import annotations

import collections
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest


def test_the_c_encoder_writes_what_the_python_encoder_writes(python: str, programs: Path, project: Any) -> None:
    if project.core == "python":
        pytest.skip("compares the two")
    runtime = project.home / "runtime" / "python"
    done = subprocess.run([python, str(programs / "cores" / "agree.py"), str(runtime)], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("agree\n", "")


def test_threads_signals_finalizers_forks_and_full_stacks_at_once(project: Any, programs: Path, python: str) -> None:
    project.settings("TRACING_FLUSH_INTERVAL=50\nTRACING_MAX_DEPTH=2000\nTRACING_OVERHEAD_BUDGET=off\n")
    project.write("program.py", (programs / "cores" / "stress.py").read_bytes(), 3)
    done = project.run("program.py", python=python, PYTHONMALLOC="debug", PYTHONFAULTHANDLER="1", PYTHONWARNINGS="ignore")
    assert (done.stdout, done.stderr, done.returncode) == ("limit limit\n0\n", "", 0)
    first, second = sorted(project.runs(), key=lambda run: "parentRunId" in run.run)
    for run, calls in ((first, 5 * (60 + 20)), (second, 60 + 20)):
        spans = [span for span in run.of("guarded") if span.definition["kind"] == "function"]
        assert len(spans) == calls
        assert {span.parent.parent.name for span in spans} == {"work", "step"}
    seqs = [span.seq for span in first.spans]
    assert len(seqs) == len(set(seqs))


CLOCKS = "import time\ndef f():\n    return time.perf_counter_ns()\nf()\ntime.sleep(0.7)\nf()\n"


def test_the_clock_of_a_run_is_right(project: Any) -> None:
    """Durations in ticks, times the header's rate, are seconds to one in a hundred thousand."""
    project.write("program.py", CLOCKS)
    before = time.time_ns()
    project.run("program.py")
    after = time.time_ns()
    (run,) = project.runs()
    one, two = sorted(run.of("f"), key=lambda span: span.seq)
    measured = (two.tick - one.tick) * run.ns_per_tick
    told = two.sections["R"] - one.sections["R"]
    assert abs(measured - told) < 100_000  # what lies between a clock read and the other, on a busy machine
    start = int(run.header["origin_wall_ns"]) + (one.tick - int(run.header["origin_tick"])) * run.ns_per_tick
    assert before < start < after


def test_context_copies_made_below_plain_functions_keep_their_parent(project: Any, python: str) -> None:
    source = '''"""t"""
import asyncio, contextvars
other = [contextvars.ContextVar("v%d" % n) for n in range(60)]
def leaf(): pass
async def task():
    leaf()
    await asyncio.sleep(0)
    leaf()
def spawn():
    leaf()
    made = asyncio.ensure_future(task())
    leaf()
    return made
def many():
    for variable in other: variable.set(1)
    leaf()
    contextvars.copy_context().run(leaf)
    leaf()
async def main():
    first, second = spawn(), spawn()
    many()
    await asyncio.gather(first, second)
    spawn_later = spawn()
    await spawn_later
asyncio.run(main())
'''
    run = project.trace(source, python=python)
    below_main = {"main > spawn": 3, "main > spawn > leaf": 6, "main > spawn > task": 3, "main > spawn > task > leaf": 6}
    expected = {"main": 1, **below_main, "main > many": 1, "main > many > leaf": 3}
    assert collections.Counter(run.paths()) == expected


def test_a_stale_or_foreign_core_is_passed_over(project: Any) -> None:
    folder = project.home / "runtime" / "python" / "mcp_tracer_runtime"
    for path in folder.glob("*.so"):
        path.write_bytes(b"not a library")
    project.core = "python"
    assert project.trace("def f(): return 1\nf()\n").paths() == ["f"]
