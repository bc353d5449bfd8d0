"""Where there is no room for more: tracing stops, the program does not, and the run's end tells how much is missing."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.runtime.javascript.project import Project

FILLING = """function f(x) {
  return x;
}
for (let n = 0; n < 20000; n++) f('x'.repeat(400) + n);
console.log('done');
process.exitCode = 3;
"""
SMALL = "TRACING_MAX_STORAGE_GB=0.002"


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte; only root can mount one."""
    place = tmp_path / "disk"
    place.mkdir()
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)], capture_output=True).returncode:
        pytest.skip("needs the right to mount")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def filled(project: Project, level: int = 2, text: str = FILLING) -> str:
    """Run a program that records more than there is room for; what it said of that."""
    project.write("main.cjs", text)
    project.instrument(level, "main.cjs")
    done = project.run("main.cjs")
    assert (done.stdout, done.returncode) == ("done\n", 3)
    return done.stderr


def missing_and_there(project: Project, name: str = "f") -> tuple[int, int]:
    """(calls of a function that are missing, those that are recorded or counted), as the one run tells."""
    (spool,) = project.spools()
    assert spool.end is not None and (spool.end["exitCode"], spool.end["faults"]) == (3, 0)
    there = sum(span.count for span in spool.named(name)) + sum(row.calls for row in spool.counted if row.name == name)
    return spool.end["dropped"], there


@pytest.mark.parametrize("budget", ["off", "auto"])
def test_a_spool_at_its_limit_ends_the_tracing_and_tells_what_is_missing(project: Project, budget: str) -> None:
    project.settings(SMALL, f"TRACING_OVERHEAD_BUDGET={budget}")
    said = filled(project, text=FILLING.replace("20000", "200000" if budget == "auto" else "20000"))
    (spool,) = project.spools()
    if budget == "off":
        assert said.startswith("mcp-tracer: tracing stopped, the program goes on: the spool file reached its limit of ")
        assert said.count("\n") == 1
        assert spool.end is not None and spool.end["stopped"].startswith("the spool file reached its limit of ")
    assert sum(missing_and_there(project)) == (200_000 if budget == "auto" else 20_000)


def test_a_full_disk_ends_the_tracing_and_leaves_room_for_the_runs_end(project: Project, full_disk: Path) -> None:
    """The spool lies on a file system of a megabyte."""
    (project.home / "spool").symlink_to(full_disk)
    project.settings("TRACING_OVERHEAD_BUDGET=off")
    said = filled(project)
    assert said.count("\n") == 1 and "ENOSPC" in said
    missing, there = missing_and_there(project)
    assert there > 1000 and missing + there == 20_000


@pytest.mark.parametrize("level", [1, 3, 5])
def test_calls_of_every_level_and_those_of_callbacks_are_missing(project: Project, level: int) -> None:
    """The sum is of all functions and call expressions: what is missing is told as one number."""
    project.settings(SMALL, "TRACING_OVERHEAD_BUDGET=off")
    later = FILLING.replace(
        "console.log", "let n = 0;\nconst tick = () => (f(n), ++n < 100 ? setTimeout(tick) : console.log('done'));\ntick();\n//"
    )
    filled(project, level=level, text=later.replace("20000", "60000"))
    assert sum(missing_and_there(project)) >= 60_100
    assert sum(missing_and_there(project, "tick")) >= 100


def test_settings_that_change_do_not_begin_the_recording_anew(project: Project) -> None:
    project.settings(SMALL, "TRACING_OVERHEAD_BUDGET=off", "TRACING_FLUSH_INTERVAL=10")
    changing = """require('fs').appendFileSync('.ai-agents/logging/config/.env.tracing', 'TRACING_MAX_DEPTH=20\\n');
setTimeout(() => { for (let n = 0; n < 50; n++) f(n); console.log('done'); }, 60);
//"""
    filled(project, text=FILLING.replace("console.log", changing))
    missing, there = missing_and_there(project)
    assert missing + there == 20_000 + 50 + 1  # the callback


def test_a_run_that_ends_gives_the_room_in_reserve_back(project: Project) -> None:
    project.trace("function f() {}\nf();\n")
    (file,) = (project.home / "spool").glob("*.spool")
    assert file.stat().st_size == 4096 + 65536
