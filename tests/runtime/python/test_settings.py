"""What the settings change while a program runs."""

from __future__ import annotations

import json
from typing import Any

import pytest

SOURCE = '''"""t"""
def leaf(a): return a
def root(n): return leaf(n)
for n in range(20): root(n)
'''


@pytest.mark.parametrize("line", ["TRACING_ENABLED=false", "TRACING_STORE_TRACES=false"])
def test_switched_off_writes_nothing(project: Any, line: str) -> None:
    project.settings(line + "\n")
    project.write("program.py", SOURCE)
    assert project.run("program.py").returncode == 0
    assert project.runs() == []


def test_values_can_be_left_out(project: Any) -> None:
    project.settings("# c\nTRACING_CAPTURE_PARAMS=false\nTRACING_CAPTURE_RETURN=False\n")
    assert {tuple(span.sections) for span in project.trace(SOURCE).spans} == {()}


MALFORMED = (
    "TRACING_MAX_DEPTH=many\nTRACING_SAMPLE_RATE=x\n",
    "TRACING_MAX_DEPTH=0\nTRACING_SAMPLE_RATE=-1\n",
    "TRACING_SAMPLE_RATE=nan\nTRACING_MIN_DURATION=inf\n",
    "TRACING_ENABLED=off\nTRACING_CAPTURE_PARAMS=0\n",
)


@pytest.mark.parametrize("text", MALFORMED)
def test_a_value_that_is_malformed_or_out_of_range_counts_as_the_default(project: Any, text: str) -> None:
    project.settings(text)
    run = project.trace(SOURCE)
    assert {tuple(span.sections) for span in run.spans} == {("P", "R")}
    assert len(run.spans) == 40


def test_no_override_switches_on_what_the_settings_switch_off(project: Any) -> None:
    project.settings("TRACING_CAPTURE_PARAMS=false\nTRACING_CAPTURE_ASYNC=false\nTRACING_CAPTURE_VARS=false\n")
    wide = {"captureParams": True, "captureAsync": True, "captureVars": True}
    overrides = {"files": {"program.py": wide}, "functions": {"program.py": {"f": {"captureVars": ["b"], "captureParams": True}}}}
    (project.home / "config" / "overrides.json").write_text(json.dumps(overrides))
    source = "import asyncio\nasync def f(a):\n    b = a\n    await asyncio.sleep(0)\n    return b\nasyncio.run(f(1))\n"
    run = project.trace(source, 4)
    assert {tuple(span.sections) for span in run.of("f")} == {("R",)}
    assert [parts for _, _, parts in run.events if parts] == []


def test_depth_is_bounded(project: Any) -> None:
    project.settings("TRACING_MAX_DEPTH=3\n")
    run = project.trace("def f(n): return n and f(n - 1)\nf(10)\nf(1)\n")
    assert [span.depth for span in run.spans] == [3, 2, 1, 0, 1, 0]


def test_sampling_keeps_or_drops_whole_traces(project: Any) -> None:
    project.settings("TRACING_SAMPLE_RATE=0.5\nTRACING_OVERHEAD_BUDGET=off\n")
    run = project.trace(SOURCE.replace("range(20)", "range(400)"))
    roots = run.of("root")
    assert 120 < len(roots) < 280
    assert len(run.of("leaf")) == len(roots)


def test_short_spans_are_left_out_on_demand(project: Any) -> None:
    project.settings("TRACING_MIN_DURATION=20\n")
    run = project.trace("import time\ndef quick(): pass\ndef slow():\n    quick()\n    time.sleep(0.05)\nslow()\n")
    assert run.paths() == ["slow"]


def test_excluded_functions_are_left_out_and_their_children_stay(project: Any) -> None:
    project.settings("TRACING_EXCLUDE_FUNCTIONS=root\n")
    assert {span.path for span in project.trace(SOURCE).spans} == {"leaf"}


def test_overrides_lower_a_file_and_raise_a_function_to_what_is_instrumented(project: Any) -> None:
    overrides = {
        "version": 1,
        "global": {"enabled": True},
        "files": {"program.py": {"level": 1}},
        "functions": {"program.py": {"root": {"level": 5}}},
    }
    (project.home / "config" / "overrides.json").write_text(json.dumps(overrides))
    run = project.trace(SOURCE)
    assert {tuple(span.sections) for span in run.of("leaf")} == {()}
    assert {tuple(span.sections) for span in run.of("root")} == {("P", "R")}


def test_only_the_wanted_variables_are_written(project: Any) -> None:
    overrides = {"functions": {"program.py": {"f": {"captureVars": ["b"]}}}}
    (project.home / "config" / "overrides.json").write_text(json.dumps(overrides))
    run = project.trace("def f():\n    a = 1\n    b = 2\n    return a + b\nf()\n", 4)
    assert [parts["V"] for _, _, parts in run.events] == [{"b": 2}]


def test_a_level_is_lowered_while_the_program_runs(project: Any) -> None:
    project.settings("TRACING_FLUSH_INTERVAL=50\n")
    source = '''"""t"""
import sys
def f(n): return n
f(1); print("ready", flush=True)
sys.stdin.readline()
for n in range(3): f(n)
'''
    project.write("program.py", source.replace("sys.stdin.readline()", "import time; time.sleep(1)"))
    process = project.start("program.py")
    assert process.stdout.readline() == "ready\n"
    (project.home / "config" / "overrides.json").write_text(json.dumps({"files": {"program.py": {"enabled": False}}}))
    process.communicate(timeout=60)
    (run,) = project.runs()
    assert [span.params["n"] for span in run.of("f")] == [1]
