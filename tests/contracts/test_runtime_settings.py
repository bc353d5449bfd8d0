"""What each setting changes is the same in both runtimes: one program in two languages, one table of effects."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.runtime.javascript import project as javascript
from tests.runtime.javascript.spool import Ext
from tests.runtime.python import conftest as python

PYTHON = """
import time
def quick(text): return text
def slow(): time.sleep(0.05)
def fails(): raise ValueError("no")
def outer():
    quick("x" * 400)
    slow()
    try: fails()
    except ValueError: pass
outer()
"""
JAVASCRIPT = """
function quick(text) { return text }
function slow() { const end = performance.now() + 50; while (performance.now() < end); }
function fails() { throw new RangeError('no') }
function outer() {
  quick('x'.repeat(400));
  slow();
  try { fails() } catch {}
}
outer();
"""
ALL = {"outer", "quick", "slow", "fails"}
RUNTIMES = ("python", "javascript")
# Settings, the functions that are recorded, how many characters of a text of 400 are, and whether an error says what it was.
EFFECTS: list[tuple[str, set[str], int, bool]] = [
    ("", ALL, 400, True),
    ("TRACING_ENABLED=false", set(), 0, False),
    ("TRACING_STORE_TRACES=false", set(), 0, False),
    ("TRACING_SAMPLE_RATE=0", set(), 0, False),
    ("TRACING_SAMPLE_RATE=1.0", ALL, 400, True),
    ("TRACING_MIN_DURATION=20", {"outer", "slow"}, 0, False),
    ("TRACING_EXCLUDE_FUNCTIONS=quick, slow", {"outer", "fails"}, 0, True),
    ("TRACING_MAX_DEPTH=1", ALL, 400, True),
    ("TRACING_AUTO_CAPTURE_ERRORS=false", ALL, 400, False),
    ("TRACING_MAX_CAPTURE_SIZE=100", ALL, 100, True),
    ("TRACING_OVERHEAD_BUDGET=off", ALL, 400, True),
    ("TRACING_FLUSH_INTERVAL=none\nTRACING_MAX_DEPTH=-1", ALL, 400, True),
]


def _python(root: Path, settings: str) -> dict[str, Any]:
    """{function: sections} of the finished spans."""
    project = python.Project(root / "project")
    project.settings(settings + "\n")
    project.write("program.py", PYTHON)
    assert project.run("program.py").returncode == 0
    return {span.name: span.sections for run in project.runs() for span in run.spans}


def _javascript(root: Path, settings: str) -> dict[str, Any]:
    project = javascript.Project(root)
    project.settings(settings)
    project.write("main.cjs", JAVASCRIPT)
    project.instrument(2)
    assert project.run("main.cjs").returncode == 0
    return {span.name: span.sections for spool in project.spools() for span in spool.spans if not span.is_open}


def _shown(value: Any) -> int:
    """How many characters of a text were kept: of a cut one, those of its beginning."""
    if isinstance(value, str):
        return len(value)
    body = value.body if isinstance(value, Ext) else value[2]
    return len(body[1])


@pytest.mark.parametrize(("settings", "functions", "characters", "told"), EFFECTS, ids=[row[0] or "none" for row in EFFECTS])
@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_setting_acts(tmp_path: Path, runtime: str, settings: str, functions: set[str], characters: int, told: bool) -> None:
    found = _javascript(tmp_path, settings) if runtime == "javascript" else _python(tmp_path, settings)
    assert set(found) == functions
    if "quick" in functions:
        assert characters - 20 <= _shown(found["quick"]["P"][0]) <= characters
    if "fails" in functions:
        assert found["fails"].get("E", {}).get("message") == ("no" if told else None)


DEEP = {
    "python": "def down(n):\n    if n: down(n - 1)\n    else: raise ValueError('no')\ntry: down(9)\nexcept ValueError: pass\n",
    "javascript": "function down(n) { if (n) down(n - 1); else throw new RangeError('no') }\ntry { down(9) } catch {}\n",
}


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_calls_below_the_depth_limit_are_counted(tmp_path: Path, runtime: str) -> None:
    settings = "TRACING_MAX_DEPTH=4\n"
    if runtime == "javascript":
        node = javascript.Project(tmp_path)
        node.settings(settings)
        spool = node.trace(DEEP[runtime])
        spans, counted = spool.named("down"), [(row.name, row.calls) for row in spool.counted]
    else:
        project = python.Project(tmp_path / "project")
        project.settings(settings)
        run = project.trace(DEEP[runtime])
        spans, counted = run.of("down"), [(row.name, row.calls) for row in run.counted]
    assert sorted(span.depth for span in spans) == [0, 1, 2, 3, 4]
    assert counted == [("down", 5)]
