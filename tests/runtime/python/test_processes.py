"""Kills, forks, pools, full disks: what was written stays readable, and the program never notices."""

from __future__ import annotations

import sys
from typing import Any

import pytest

BUSY = '''"""t"""
import sys
def leaf(n): return n
def work():
    n = 0
    while True:
        leaf(n); n += 1
        if n == 500:
            print("ready", flush=True)
            __import__("time").sleep(60)
work()
'''


def test_a_killed_process_leaves_every_finished_span_and_the_open_one(project: Any) -> None:
    project.settings("TRACING_FLUSH_INTERVAL=50\n")
    project.write(
        "program.py",
        BUSY.replace('print("ready", flush=True)', 'print("ready", flush=True); __import__("time").sleep(0.4); print("x", flush=True)'),
    )
    process = project.start("program.py")
    assert process.stdout.readline() == "ready\n"
    assert process.stdout.readline() == "x\n"
    process.kill()
    process.communicate()
    (run,) = project.runs()
    assert [span.params["n"] for span in run.of("leaf")] == list(range(500))
    assert [span.name for span in run.open] == ["work"]
    assert run.end is None


@pytest.mark.skipif(sys.platform == "win32", reason="no fork")
def test_a_forked_child_writes_its_own_file_below_the_parent_span(project: Any, python: str) -> None:
    source = '''"""t"""
import os
def leaf(): pass
def parent():
    child = os.fork()
    if child == 0:
        leaf()
        os._exit(0)
    os.waitpid(child, 0)
    leaf()
parent()
'''
    project.write("program.py", source)
    done = project.run("program.py", python=python, MCP_TRACER_DEBUG="1")
    assert (done.returncode, done.stderr) == (0, "")
    first, second = sorted(project.runs(), key=lambda run: "parentRunId" in run.run)
    assert first.paths() == ["parent", "parent > leaf"]
    assert second.paths() == ["leaf"]
    assert second.run["parentRunId"] == first.run["runId"]
    trace = second.definitions[4][second.one("leaf").trace]
    span = first.one("parent")
    assert trace["traceId"] == first.definitions[4][span.trace]["traceId"]
    assert int(trace["parentSpanId"], 16) == (int(first.header["span_salt"]) + span.seq) % 2**64


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_pool_of_processes_is_traced(project: Any, method: str) -> None:
    source = f'''"""t"""
import multiprocessing
def square(n): return n * n
def main():
    with multiprocessing.get_context("{method}").Pool(2) as pool:
        print(pool.map(square, range(6)))
if __name__ == "__main__":
    main()
'''
    project.write("program.py", source)
    done = project.run("program.py", MCP_TRACER_DEBUG="1")
    assert (done.stdout, done.stderr) == ("[0, 1, 4, 9, 16, 25]\n", "")
    assert sum(len(run.of("square")) for run in project.runs()) == 6


def test_a_child_process_knows_its_parent_run(project: Any) -> None:
    project.write("child.py", "def f(): pass\nf()\n")
    project.write("program.py", "import subprocess, sys\ndef g(): subprocess.run([sys.executable, 'child.py'])\ng()\n")
    project.run("program.py")
    parent, child = sorted(project.runs(), key=lambda run: "parentRunId" in run.run)
    assert child.run["parentRunId"] == parent.run["runId"]
    trace = child.definitions[4][child.one("f").trace]
    assert trace["traceId"] == parent.definitions[4][1]["traceId"]
    assert int(trace["parentSpanId"], 16) == int(parent.header["span_salt"]) + parent.one("g").seq


def test_a_full_spool_stops_tracing_not_the_program(project: Any) -> None:
    project.settings("TRACING_MAX_STORAGE_GB=0.002\n")
    project.write("program.py", 'def f(x): return x\nfor n in range(20000): f("x" * 500)\nprint("done")\n')
    done = project.run("program.py")
    assert (done.stdout, done.returncode) == ("done\n", 0)
    assert done.stderr.count("\n") == 1 and done.stderr.startswith("mcp-tracer: tracing stopped: ")
    (run,) = project.runs()
    assert len(run.of("f")) > 100


def test_nothing_is_captured_once_the_spool_is_full(project: Any) -> None:
    project.settings("TRACING_MAX_STORAGE_GB=0.002\n")
    source = """import sys
def f(x): return x
for n in range(20000): f("x" * 500)
state = sys.modules["mcp_tracer_runtime.state"]
print(state.on, {function.level for function in state.functions})
state.reload()
print({function.level for function in state.functions})
"""
    project.write("program.py", source)
    assert project.run("program.py").stdout == "False {0}\n{0}\n"


def test_many_threads_lose_nothing(project: Any) -> None:
    source = '''"""t"""
import threading
def f(n): return n
def work(k):
    for i in range(500): f(k * 500 + i)
threads = [threading.Thread(target=work, args=(k,)) for k in range(8)]
for t in threads: t.start()
for t in threads: t.join()
'''
    run = project.trace(source)
    assert sorted(span.params["n"] for span in run.of("f")) == list(range(4000))
    assert {span.parent.name for span in run.of("f")} == {"work"}


def test_a_large_payload_takes_several_slots(project: Any) -> None:
    project.settings("TRACING_MAX_CAPTURE_SIZE=200000\n")
    parameters = ", ".join(f"p{n}" for n in range(40))
    run = project.trace(f"def f({parameters}): pass\nf(*[['x' * 900] * 20] * 40)\nf(*range(40))\n")
    first, second = run.of("f")
    assert len(first.sections["P"]) == 40
    assert second.params["p39"] == 39
