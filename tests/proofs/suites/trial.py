"""One run of a package's suite: untraced, or traced in one of the ways. What came of it, and what the tracer said of itself."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from mcp_tracer.ingest.reader import DamagedSpool, SpoolReader
from mcp_tracer.model import spool
from mcp_tracer.model.batch import SpoolPosition
from suites.place import COMMAND, PLUGIN, Place

STYLES = ("in_place", "explicit", "on_load")


@dataclass(frozen=True)
class Way:
    """How a suite is traced: the style, the level, the package alone or the whole project with its tests."""

    style: str
    level: int
    everything: bool = False

    def __str__(self) -> str:
        return f"{self.style} {self.level}{' with tests' if self.everything else ''}"


@dataclass
class Outcome:
    """What a run gave: each test's outcome, CPU seconds of the test process, and what its spools hold."""

    tests: dict[str, str]
    cpu_s: float
    output: str
    spans: int = 0
    spool_bytes: int = 0
    faults: int = 0
    dropped: int = 0
    torn: int = 0
    asked_s: float = 0.0
    notes: list[str] = field(default_factory=list)


def run(place: Place, way: Way | None, only: Sequence[str] = ()) -> Outcome:
    """The suite of `place`, untraced or (the project being instrumented already) traced; all its tests or `only` these."""
    result = place.home / "outcomes.json"
    result.unlink(missing_ok=True)
    suite = place.suite
    command = [str(place.python), "-m", "pytest", "-q", "-p", "suite_outcomes", "-p", "no:cacheprovider", "--tb=short"]
    command += [*suite.arguments.split(), *(only or suite.tests.split())]
    if way is not None and way.style == "on_load":
        level = ["--level", str(way.level)] if way.everything else []
        command = [*COMMAND, "run", *level, "--project", str(place.project), "--", *command]
    output, notes = _finished(command, place, _environment(place, result))
    told = json.loads(result.read_text()) if result.is_file() else {"outcomes": {}, "cpu_s": 0.0}
    outcome = Outcome(told["outcomes"], told["cpu_s"], output, notes=notes)
    if not told["outcomes"]:
        outcome.notes.append("no test ran: " + output[-1500:])
    if way is not None:
        _add_spools(outcome, place.project / ".ai-agents/logging/spool")
    return outcome


def _environment(place: Place, result: Path) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("HOME", "LANG", "TMPDIR", "MCP_TRACER_DEBUG") if name in os.environ}
    path = f"{place.python.parent}:{os.environ.get('PATH', '')}"
    packages = os.pathsep.join(filter(None, (str(PLUGIN), place.path)))
    ours = {"PATH": path, "PYTHONPATH": packages, "PYTHONHASHSEED": "0", "SUITE_OUTCOMES": str(result), "MCP_TRACER_CORE": place.core}
    return {**kept, **ours, **place.suite.environment}


def _finished(command: list[str], place: Place, environment: dict[str, str]) -> tuple[str, list[str]]:
    """(output, notes) of `command`, whose whole process group ends when its time is over."""
    with (place.home / "output.txt").open("w+") as file:
        process = subprocess.Popen(
            command,
            cwd=place.project,
            env=environment,
            stdout=file,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        notes = []
        try:
            process.wait(place.suite.timeout_s)
        except subprocess.TimeoutExpired:
            notes.append(f"not done after {place.suite.timeout_s} s")
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        if process.returncode not in (0, 1, -signal.SIGKILL):
            notes.append(f"ended with {process.returncode}")
        file.seek(0)
        return file.read(), notes


def _add_spools(outcome: Outcome, folder: Path) -> None:
    for path in sorted(folder.glob("*.spool")) if folder.is_dir() else []:
        outcome.spool_bytes += path.stat().st_blocks * 512
        try:
            _add_spool(outcome, path)
        except DamagedSpool as error:
            outcome.notes.append(f"{path.name}: {error}")


def _add_spool(outcome: Outcome, path: Path) -> None:
    with SpoolReader(path) as reader:
        at = SpoolPosition()
        while (batch := reader.read(at, final=True)) is not None:
            outcome.spans += int((batch.records["kind"] == spool.KIND_SPAN).sum())
            outcome.torn += batch.damaged
            if batch.run_end is not None:
                outcome.faults += int(batch.run_end.get("faults", 0))
                outcome.dropped += int(batch.run_end.get("dropped", 0))
            at = batch.end


def instrument(place: Place, way: Way) -> None:
    """Write or choose the probes for `way`."""
    mode = "on_load" if way.style == "on_load" else "in_place"
    if way.style == "on_load" and way.everything:
        return  # `run --level` takes the whole project
    targets = ["--all"] if way.everything else place.suite.source.split()
    style = ["--style", "explicit" if way.style == "explicit" else "header"] if mode == "in_place" else []
    place.tracer("instrument", *targets, "--level", str(way.level), "--mode", mode, *style, "--force")


def restore(place: Place, way: Way) -> None:
    """Take every probe out again, and what was recorded."""
    if way.style != "on_load" or not way.everything:
        place.tracer("uninstrument", "--all")
    shutil.rmtree(place.project / ".ai-agents/logging/spool", ignore_errors=True)
