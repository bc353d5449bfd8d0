"""Kills, forks, pools, full disks: what was written stays readable, and the program never notices."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mcp_tracer.ingest.reader import SpoolReader
from mcp_tracer.model import spool
from mcp_tracer.model.batch import SpoolPosition

ENDINGS = {
    "killed": "os.kill(os.getpid(), signal.SIGKILL)",
    "left": "os._exit(3)",
    "crashed": "ctypes.string_at(0)",
    "aborted": "os.abort()",
    "replaced": "os.execv(sys.executable, [sys.executable, '-c', 'pass'])",
}
DYING = """import asyncio, ctypes, os, resource, signal, sys, threading, time
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
def leaf(n): return n
def last(word, count): ENDING
async def task(n):
    await asyncio.sleep(0)
    last("bye", n)
def elsewhere(event): event.wait()
async def main():
    for n in range(500): leaf(n)
    threading.Thread(target=elsewhere, args=(threading.Event(),), daemon=True).start()
    time.sleep(WAIT)
    await asyncio.gather(task(1), task(2))
asyncio.run(main())
"""


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte; only root can mount one."""
    place = tmp_path / "disk"
    place.mkdir()
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)], capture_output=True).returncode:
        pytest.skip("needs the right to mount")
    yield place
    subprocess.run(["umount", str(place)], check=True)


@pytest.mark.parametrize("ending", ENDINGS)
def test_however_a_process_dies_its_finished_spans_and_its_open_calls_are_there(project: Any, python: str, ending: str) -> None:
    wait = "0" if project.core == "c" else "0.3"  # without the C core an open call is written when it is 50 ms old
    project.settings("TRACING_OVERHEAD_BUDGET=off\n")
    last = ENDINGS[ending] if project.core == "c" else f"time.sleep(0.3); {ENDINGS[ending]}"
    project.write("program.py", DYING.replace("ENDING", last).replace("WAIT", wait))
    assert project.run("program.py", python=python).returncode not in (0, 1) or ending == "replaced"
    (run,) = project.runs()
    assert [span.params["n"] for span in run.of("leaf")] == list(range(500))
    assert {span.path: span.params for span in run.open if span.name != "elsewhere"} == {
        "main": {},
        "main > task": {"n": 1},
        "main > task > last": {"word": "bye", "count": 1},
    } or [span.path for span in run.open if span.name == "task"] == ["main > task"] * 2
    assert [span.path for span in run.open if span.name == "elsewhere"] == ["main > elsewhere"]
    assert run.end is None


def test_the_server_shows_the_calls_of_a_killed_process_as_unfinished(project: Any) -> None:
    if project.core == "python":
        pytest.skip("only the C core has the table")
    project.write("program.py", "import os\ndef inner(word): os.kill(os.getpid(), 9)\ndef outer(): inner('x')\nouter()\n")
    project.run("program.py")
    (path,) = (project.home / "spool").glob("*.spool")
    with SpoolReader(path) as reader:
        before = reader.read(SpoolPosition())
        assert before is not None and len(before.records) == 0
        batch = reader.read(before.end, final=True)
        assert batch is not None and batch.records["kind"].tolist() == [spool.KIND_OPEN] * 2
        assert batch.records["parent"].tolist() == [0, batch.records["seq"][0]]
        assert batch.payloads == [b"", b"P\x91\xa1x"]
        assert reader.read(batch.end, final=True) is None


def test_more_open_spans_than_the_table_holds(project: Any) -> None:
    project.settings("TRACING_MAX_DEPTH=10000\nTRACING_FLUSH_INTERVAL=50\nTRACING_OVERHEAD_BUDGET=off\n")
    source = "import os, time\ndef down(n):\n    if n: return down(n - 1)\n    time.sleep(1.5)\n    os._exit(0)\ndown(700)\n"
    project.write("program.py", source)
    project.run("program.py")
    (run,) = project.runs()
    assert [span.params["n"] for span in run.open] == list(range(700, -1, -1))


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
    project.settings("TRACING_MAX_STORAGE_GB=0.002\nTRACING_OVERHEAD_BUDGET=off\n")
    project.write("program.py", 'def f(x): return x\nfor n in range(20000): f("x" * 500)\nprint("done")\n')
    done = project.run("program.py")
    assert (done.stdout, done.returncode) == ("done\n", 0)
    assert done.stderr.count("\n") == 1 and done.stderr.startswith("mcp-tracer: tracing stopped: ")
    (run,) = project.runs()
    assert len(run.of("f")) > 100


def test_the_end_of_a_run_finds_room_where_the_spool_is_full(project: Any) -> None:
    """With every call that is missing."""
    project.settings("TRACING_MAX_STORAGE_GB=0.002\nTRACING_OVERHEAD_BUDGET=off\n")
    project.write("program.py", "import os, sys\ndef f(x): return x\nfor n in range(20000): f(os.urandom(400))\nsys.exit(3)\n")
    assert project.run("program.py").returncode == 3
    (run,) = project.runs()
    assert (run.end["exitCode"], run.end["dropped"] + len(run.of("f"))) == (3, 20000)
    assert run.end["stopped"].startswith("the spool file reached its limit of ")


def test_nothing_is_captured_once_the_spool_is_full(project: Any) -> None:
    project.settings("TRACING_MAX_STORAGE_GB=0.002\nTRACING_OVERHEAD_BUDGET=off\n")
    source = """import sys
def f(x): return x
for n in range(20000): f("x" * 500)
state = sys.modules["mcp_tracer_runtime.state"]
print(state.on, {function.level for function in state.functions})
state.reload()
print({function.level for function in state.functions})
"""
    project.write("program.py", source)
    assert project.run("program.py").stdout == "False {1}\n{1}\n"  # calls are still counted


FILLING = 'def f(x): return x\nfor n in range(20000): f("x" * 500)\nprint("done")\n'


def test_a_full_disk_stops_tracing_not_the_program(project: Any, full_disk: Path) -> None:
    """The spool lies on a file system of a megabyte."""
    shutil.rmtree(project.home / "spool", ignore_errors=True)
    (project.home / "spool").symlink_to(full_disk)
    project.settings("TRACING_OVERHEAD_BUDGET=off\n")
    project.write("program.py", FILLING)
    done = project.run("program.py")
    assert (done.stdout, done.returncode) == ("done\n", 0)
    assert done.stderr == "mcp-tracer: tracing stopped: No space left on device\n"
    (run,) = project.runs()
    assert (run.end["exitCode"], run.end["dropped"] + len(run.of("f"))) == (0, 20000)
    assert run.end["stopped"] == "No space left on device"
    assert len(run.of("f")) > 100


@pytest.mark.parametrize("limit", [1000, 300_000])
def test_a_limit_of_file_sizes_stops_tracing_not_the_program(project: Any, limit: int) -> None:
    project.settings("TRACING_OVERHEAD_BUDGET=off\n")
    project.write("program.py", FILLING)
    program = f"import resource, runpy; resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit})); runpy.run_path('program.py')"
    done = project.run("-c", program)
    assert (done.stdout, done.returncode) == ("done\n", 0)
    assert done.stderr.count("\n") == 1 and "File too large" in done.stderr
    assert sum(len(run.of("f")) for run in project.runs()) > 100 or limit == 1000


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
    project.settings("TRACING_OVERHEAD_BUDGET=off\n")
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


def test_finalizers_that_the_collector_runs_inside_a_probe(project: Any, python: str) -> None:
    """Up to 3.11 the collector runs in the middle of setting a context variable, and CPython itself does not survive another set there."""
    source = '''"""t"""
import gc, contextvars
mine = contextvars.ContextVar("mine")
class Finalized:
    def __del__(self): self.gone()
    def gone(self): pass
def leaf(n):
    made = Finalized(); made.me = made
    for _ in range(n % 7): mine.set(made.__class__())
def root():
    for n in range(10000): leaf(n)
gc.set_threshold(3)
root()
print("fine")
'''
    project.settings("TRACING_OVERHEAD_BUDGET=off\n")
    project.write("program.py", source, 2)
    done = project.run("program.py", python=python, PYTHONMALLOC="debug", MCP_TRACER_DEBUG="1")
    assert (done.stdout, done.stderr, done.returncode) == ("fine\n", "", 0)
    (run,) = project.runs()
    assert len(run.of("leaf")) == 10000


def test_the_run_of_a_program_ends_without_a_thread(project: Any, python: str) -> None:
    """Not even a span that the collector makes during that end starts one: the interpreter would meet it while it shuts down."""
    project.settings("TRACING_OVERHEAD_BUDGET=off\n")
    project.write("program.py", "import gc\ndef collected(phase, info): pass\ngc.callbacks.append(collected)\ngc.set_threshold(1)\n")
    last = """import atexit, os, time
def alone():
    end = time.monotonic() + 10
    while len(os.listdir('/proc/self/task')) > 1 and time.monotonic() < end: pass
    print(len(os.listdir('/proc/self/task')))
atexit.register(alone)
import program
"""
    done = project.run("-c", last, python=python)
    assert (done.stdout, done.stderr, done.returncode) == ("1\n", "", 0)


def test_errors_are_recorded_where_blocking_calls_are_forbidden(project: Any) -> None:
    source = '''"""t"""
import os
def f(): raise ValueError("v")
def forbidden(*arguments): raise RuntimeError("blocking call")
def main():
    kept, os.path.abspath = os.path.abspath, forbidden
    try: f()
    except ValueError: pass
    os.path.abspath = kept
main()
'''
    run = project.trace(source)
    assert run.one("f").sections["E"]["message"] == "v"
    assert run.end["faults"] == 0
