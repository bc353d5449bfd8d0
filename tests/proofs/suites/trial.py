"""One run of a package's suite: untraced, or traced in one of the ways. What came of it, and what the tracer said of itself."""

from __future__ import annotations

import os
import resource
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
from suites.place import COMMAND, Place

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
    command = place.command(only, result)
    if way is not None and way.style == "on_load":
        level = ["--level", str(way.level)] if way.everything else []
        command = [*COMMAND, "run", *level, "--project", str(place.project), "--", *command]
    before = _cpu_s()
    output, status, notes = _finished(command, place, {**_kept(), **place.environment(result)})
    told = place.told(result, output, status)
    outcome = Outcome(told.tests, _cpu_s() - before if told.cpu_s is None else told.cpu_s, output, notes=notes + told.notes)
    if not told.tests:
        outcome.notes.append("no test ran: " + output[-1500:])
    if way is not None:
        _add_spools(outcome, place.project / ".ai-agents/logging/spool")
    return outcome


def _kept() -> dict[str, str]:
    return {name: os.environ[name] for name in ("HOME", "LANG", "TMPDIR", "MCP_TRACER_DEBUG") if name in os.environ}


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _finished(command: list[str], place: Place, environment: dict[str, str]) -> tuple[str, int, list[str]]:
    """(output, exit status, notes) of `command`, whose whole process group ends when its time is over."""
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
        file.seek(0)
        return file.read(), process.returncode, notes


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
