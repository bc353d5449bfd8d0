"""What each level writes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

RUNTIME = Path(__file__).parents[3] / "mcp_tracer" / "runtime" / "python"
SOURCE = '''"""Orders."""
def price(n):
    return n * 2

def order(n, *rest, note=None, **more):
    total = price(n)
    label = "a"
    return total

order(3, 4, note="x", z=1)
'''


def test_level_1_writes_time_and_no_values(project: Any) -> None:
    run = project.trace(SOURCE, 1)
    assert run.paths() == ["order", "order > price"]
    assert [span.sections for span in run.spans] == [{}, {}]


def test_level_2_writes_parameters_and_return_value(project: Any) -> None:
    run = project.trace(SOURCE, 2)
    span = run.one("order")
    assert span.params == {"n": 3, "rest": ("ext", 7, ["tuple", 4]), "note": "x", "more": {"z": 1}}
    assert span.sections["R"] == 6
    assert span.definition == {
        "file": "program.py", "name": "order", "line": 5, "endLine": 8, "kind": "function", "params": ["n", "rest", "note", "more"],
    }  # fmt: skip


def test_level_3_writes_each_call_as_a_child(project: Any) -> None:
    run = project.trace(SOURCE.replace("return n * 2", "return max(n, len(str(n)))"), 3)
    below = ["order", "order > price", "order > price > price", *(f"order > price > price > {name}" for name in ("len", "max", "str"))]
    assert run.paths() == ["<module>", *(f"<module> > {path}" for path in below)]
    assert run.one("max").sections == {"R": 3}
    assert run.one("max").definition["line"] == 3


def test_level_4_writes_what_was_assigned(project: Any) -> None:
    run = project.trace(SOURCE, 4)
    assert [(site["kind"], site["line"], parts["V"]) for _, site, parts in run.events] == [
        ("checkpoint", 6, {"total": 6}),
        ("checkpoint", 7, {"label": "a"}),
    ]


def test_level_5_writes_every_line(project: Any) -> None:
    run = project.trace(SOURCE, 5)
    assert [site["line"] for _, site, _ in run.events if site["kind"] == "line"] == [6, 3, 7, 8]


def test_level_5_writes_the_handler_that_caught_and_the_case_that_matched(project: Any) -> None:
    source = """
def work(text):
    try:
        int(text)
    except KeyError:
        pass
    except ValueError:
        pass
    match text:
        case int():
            pass
        case str():
            pass
work("x")
"""
    run = project.trace(source, level=5)
    assert [definition["line"] for _, definition, _ in run.events if definition["kind"] == "line"] == [3, 4, 7, 8, 9, 12, 13]


def test_functions_have_their_own_levels(project: Any) -> None:
    project.write("program.py", SOURCE, 1, functions={"order": 2})
    project.run("program.py")
    (run,) = project.runs()
    assert ("P" in run.one("order").sections, "P" in run.one("price").sections) == (True, False)


def test_an_exception_is_written_with_type_message_stack_and_cause(project: Any) -> None:
    source = "def inner():\n    raise KeyError('k')\n\ndef outer():\n    try:\n        inner()\n    except KeyError as e:\n"
    source += "        raise ValueError('bad') from e\n\ntry:\n    outer()\nexcept ValueError:\n    pass\n"
    run = project.trace(source)
    outer = run.one("outer")
    assert outer.flags == 1
    assert run.definitions[3][outer.err] == {"name": "ValueError"}
    assert outer.sections["E"] == {
        "type": "ValueError", "message": "bad", "stack": [["program.py", 8, "outer"]],
        "cause": {"type": "KeyError", "message": "'k'", "stack": [["program.py", 6, "outer"], ["program.py", 2, "inner"]]},
    }  # fmt: skip


def test_a_call_that_failed_is_ended_by_the_handler_that_caught_it(project: Any) -> None:
    source = "def f():\n    try:\n        int('x')\n    except ValueError:\n        return max(1, 2)\n\nf()\n"
    run = project.trace(source, 3)
    assert run.paths() == ["<module>", *(f"<module> > {path}" for path in ("f", "f > int", "f > max"))]
    assert (run.one("int").flags, run.one("max").flags, run.one("f").flags) == (1, 0, 0)


def test_a_suppressed_exception_leaves_no_call_open(project: Any) -> None:
    source = "import contextlib\ndef f():\n    with contextlib.suppress(ValueError):\n        int('x')\n    return max(1, 2)\n\nf()\n"
    below = ("f", "f > contextlib.suppress", "f > int", "f > max")
    assert project.trace(source, 3).paths() == ["<module>", *(f"<module> > {path}" for path in below)]


def test_self_time_leaves_out_children(project: Any) -> None:
    source = "import time\ndef child():\n    time.sleep(0.05)\n\ndef parent():\n    child()\n    time.sleep(0.02)\n\nparent()\n"
    run = project.trace(source)
    parent, child = run.one("parent"), run.one("child")
    assert parent.duration - parent.self == child.duration
    assert child.self == child.duration


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/proc")
def test_the_command_is_known_where_python_does_not_tell_it() -> None:
    told = "import sys; sys.path.insert(0, sys.argv[1]); sys.__dict__.pop('orig_argv', None)"
    program = f"{told}; from mcp_tracer_runtime import run; print(run._command_line())"
    command = [sys.executable, "-c", program, str(RUNTIME), "a b"]
    answer = subprocess.run(command, check=True, capture_output=True, text=True, timeout=30)
    assert answer.stdout == f"{command}\n"


def test_the_run_says_how_it_was_started_and_ended(project: Any) -> None:
    project.write("program.py", "import sys\ndef f(): sys.exit(7)\nf()\n")
    assert project.run("program.py", "--password=hunter2").returncode == 7
    (run,) = project.runs()
    assert run.run["argv"][1:] == ["program.py", "--password=[redacted]"]
    assert run.run["projectRoot"] == str(project.root)
    assert run.end == {"exitCode": 7, "dropped": 0, "faults": 0}


def test_the_file_definition_hashes_the_source_without_the_header(project: Any) -> None:
    import hashlib

    run = project.trace(SOURCE)
    assert run.definitions[7][1] == {"path": "program.py", "sha256": hashlib.sha256(SOURCE.encode()).hexdigest()}
