"""Where programs run: switches of the interpreter, damaged and read-only projects, other interpreters, the end of the process."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

LEAF = "def leaf(n):\n    return n + 1\n"
MAIN = "import sys\nsys.path.insert(0, '.')\nfrom leaf import leaf\ndef main(): return leaf(1)\nprint(main())\n"


EVERYBODYS = "/usr/bin/python3"


@pytest.fixture
def small(project: Any) -> Any:
    project.write("leaf.py", LEAF)
    project.write("program.py", MAIN)
    return project


def paths(project: Any) -> list[str]:
    return sorted(path for run in project.runs() for path in run.paths())


@pytest.mark.parametrize("switch", ["-O", "-OO", "-S", "-I", "-E", "-s", "-B", "-b", "-u", "-Xdev"])
def test_switches_of_the_interpreter(small: Any, switch: str) -> None:
    done = small.run(switch, "program.py", MCP_TRACER_DEBUG="1")
    assert (done.stdout, done.stderr, done.returncode) == ("2\n", "", 0)
    assert paths(small) == ["main", "main > leaf"]


def test_import_times_can_be_shown(small: Any) -> None:
    done = small.run("-X", "importtime", "program.py")
    assert done.stdout == "2\n" and "import time:" in done.stderr
    assert paths(small) == ["main", "main > leaf"]


RUNTIME_FILES = (
    *("adoption", "cache", "definitions", "faults", "flow", "flush", "hooks/__init__", "hooks/library", "link", "native", "plain"),
    *("probes", "redact", "run", "settings", "spans", "spool", "state", "threads", "transform", "values"),
)


@pytest.mark.parametrize("part", [0.0, 0.6])
def test_a_runtime_that_was_copied_by_half_leaves_the_program_alone(small: Any, part: float) -> None:
    """Each file in turn is missing, or ends in the middle."""
    for name in RUNTIME_FILES:
        path = small.home.joinpath("runtime", "python", "mcp_tracer_runtime", name + ".py")
        whole = path.read_bytes()
        path.write_bytes(whole[: int(len(whole) * part)])
        done = small.run("program.py")
        assert (done.stdout, done.returncode) == ("2\n", 0), (name, done.stderr)
        assert done.stderr.count("\n") <= 1 and "Traceback" not in done.stderr, (name, done.stderr)
        path.write_bytes(whole)


def test_a_current_folder_that_is_gone(project: Any) -> None:
    project.write("leaf.py", LEAF)
    source = f"import os, sys\nos.mkdir('gone'); os.chdir('gone'); os.rmdir('../gone')\nsys.path.insert(0, {str(project.root)!r})\n"
    project.write("program.py", source + "from leaf import leaf\nprint(leaf(1))\n", 0)
    done = project.run("program.py", MCP_TRACER_DEBUG="1")
    assert (done.stdout, done.stderr) == ("2\n", "")
    assert paths(project) == ["leaf"]


def test_a_spool_folder_that_cannot_be_made(small: Any) -> None:
    (small.home / "spool").write_text("a file")
    done = small.run("program.py")
    assert (done.stdout, done.returncode) == ("2\n", 0)
    assert done.stderr.startswith("mcp-tracer: this program runs untraced: ") and done.stderr.count("\n") == 1


@pytest.mark.skipif(os.geteuid() != 0 or not os.access(EVERYBODYS, os.X_OK), reason="needs root, and a Python that everybody may read")
@pytest.mark.parametrize("mode", [0o755, 0o777])
def test_a_project_of_another_user(small: Any, mode: int) -> None:
    """It is read-only to the one who runs the program; with mode 777 the spool folder is not."""
    with tempfile.TemporaryDirectory() as folder:  # every start of pytest closes its own temporary folders to others
        Path(folder).chmod(0o755)
        small.root = shutil.copytree(small.root, Path(folder) / "project")
        small.home = small.root / ".ai-agents" / "logging"
        run_by_another_user(small, mode)


def run_by_another_user(small: Any, mode: int) -> None:
    (small.home / "spool").mkdir()
    (small.home / "spool").chmod(mode)
    nobody = 65534
    program = f"import os, runpy; os.setgid({nobody}); os.setuid({nobody}); runpy.run_path('program.py')"
    small.root.chmod(0o755)
    done = small.run("-c", program, python=EVERYBODYS)
    assert (done.stdout, done.returncode) == ("2\n", 0), done.stderr
    if mode == 0o777:
        assert (done.stderr, paths(small)) == ("", ["main", "main > leaf"])
    else:
        assert done.stderr.startswith("mcp-tracer: this program runs untraced: ") and done.stderr.count("\n") == 1


def test_a_second_interpreter_in_the_process(small: Any, python: str) -> None:
    """Traced by the pure-Python core, or not at all where ctypes does not load there; the first one's records are whole."""
    source = """import leaf, sys
leaf.leaf(1)
if sys.version_info >= (3, 13):
    import _interpreters as interpreters
    run = interpreters.exec
else:
    import _xxsubinterpreters as interpreters
    run = interpreters.run_string
other = interpreters.create()
run(other, "import sys; sys.path.insert(0, '.'); import leaf; print(leaf.leaf(4), flush=True)")
interpreters.destroy(other)
print(leaf.leaf(2))
"""
    small.write("program.py", source, 0)
    done = small.run("program.py", python=python)
    assert (done.stdout, done.stderr, done.returncode) == ("5\n3\n", "", 0)
    seen = sorted(sorted(span.params["n"] for span in run.of("leaf")) for run in small.runs())
    assert seen in ([[1, 2], [4]], [[], [1, 2]])


def test_the_end_of_a_process_with_everything_still_running(project: Any, python: str) -> None:
    source = '''"""t"""
import atexit, sys, threading, time, weakref
def leaf(n): return n
class A: pass
kept, watched = A(), A()
weakref.finalize(kept, leaf, 1)
reference = weakref.ref(watched, lambda _: leaf(5))
atexit.register(leaf, 2)
def loop():
    while True: leaf(3)
class Finalized:
    def __del__(self): leaf(4)
cycle = Finalized(); cycle.me = cycle
sys.kept = Finalized()
def numbers():
    try: yield 1
    finally: leaf(6)
held = numbers(); next(held)
threading.Thread(target=loop, daemon=True).start()
time.sleep(0.02)
print("end")
'''
    project.settings("TRACING_OVERHEAD_BUDGET=off\n")
    project.write("program.py", source)
    done = project.run("program.py", python=python, MCP_TRACER_DEBUG="1")
    assert (done.stdout, done.stderr, done.returncode) == ("end\n", "", 0)
    (run,) = project.runs()
    assert {1, 2, 3} <= {span.params["n"] for span in run.of("leaf")}
    assert {span.name for span in run.open} >= {"loop", "numbers"}
    assert run.end["faults"] == 0


def test_forks_in_several_threads(project: Any, python: str) -> None:
    source = '''"""t"""
import os, threading
def leaf(n): return n
def work():
    for n in range(4):
        child = os.fork()
        if child == 0:
            leaf(n)
            os._exit(0)
        os.waitpid(child, 0)
        leaf(n)
threads = [threading.Thread(target=work) for _ in range(3)]
for thread in threads: thread.start()
for thread in threads: thread.join()
'''
    project.write("program.py", source)
    done = project.run("-W", "ignore", "program.py", python=python, MCP_TRACER_DEBUG="1")
    assert (done.stderr, done.returncode) == ("", 0)
    assert paths(project) == ["leaf"] * 12 + ["work"] * 3 + ["work > leaf"] * 12
    children = [run for run in project.runs() if "parentRunId" in run.run]
    assert len({trace["parentSpanId"] for run in children for trace in run.definitions[4].values()}) == 3


def test_children_by_posix_spawn_know_their_run(project: Any) -> None:
    project.write("leaf.py", LEAF)
    child = "[sys.executable, '-c', 'import leaf; leaf.leaf(1)']"
    project.write("program.py", f"import os, sys\ndef f(): os.waitpid(os.posix_spawn(sys.executable, {child}, os.environ), 0)\nf()\n")
    assert project.run("program.py").returncode == 0
    first, second = sorted(project.runs(), key=lambda run: "parentRunId" in run.run)
    assert (first.paths(), second.paths(), second.run["parentRunId"]) == (["f"], ["leaf"], first.run["runId"])


def test_a_free_threaded_interpreter_takes_the_python_core(tmp_path: Any, project: Any) -> None:
    """Told so by its flags; the C core is not even opened."""
    code = (
        "import sys; sys.abiflags = 't'; sys.path.insert(0, sys.argv[1]); from mcp_tracer_runtime import native; print(native.core);"
        "from mcp_tracer_runtime import build_core; print(build_core.build(sys.argv[2]))"
    )
    command = [sys.executable, "-c", code, str(project.home / "runtime" / "python"), str(tmp_path)]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "None\nNone\n"
