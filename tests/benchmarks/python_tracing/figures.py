"""One process a measurement, and what the rounds' measurements come to."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean, median
from typing import Any

from python_tracing import projects, spools
from python_tracing.environment import Environment
from python_tracing.variants import Variant

MEASURED = Path(__file__).with_name("measured.py")
LIMIT_SECONDS = 300


@dataclass
class Figure:
    """One cell. `cpu` and `wall` hold what a run took in each round's process (ns); the rest is for one run: CPU ns of saving, records,
    bytes on disk."""

    cpu: list[float] = field(default_factory=list[float])
    wall: list[float] = field(default_factory=list[float])
    blocks: int = 0  # of runs, all that were timed
    good: int = 0  # those that counted: the machine was at its fastest
    slow: list[float] = field(
        default_factory=list[float]
    )  # CPU ns in processes that never found it so; they count where there are no others
    save: list[float] = field(default_factory=list[float])
    calls: float = 0
    records: float = 0
    bytes: float = 0
    share: float = 0  # of the roots' time, what the self times add up to
    lost: int = 0
    more: dict[str, Any] = field(default_factory=dict[str, Any])
    failed: str = ""

    @property
    def typical(self) -> float:
        """CPU ns of a run: a low one of the processes'. What an unlucky place in memory does to a process only ever adds to it."""
        return low(self.cpu or self.slow)

    @property
    def spread(self) -> float:
        """How far half of the processes lie from that, at most."""
        return median(abs(one / self.typical - 1) for one in self.cpu or self.slow) if self.cpu or self.slow else 0.0


@dataclass(frozen=True)
class Bench:
    """Everything that the measurements of one Python need."""

    environment: Environment
    projects: dict[int, Path]
    seconds: float
    fast: float  # what the speed meter takes with the machine at its fastest
    quick: bool = False

    def measure(self, variant: Variant, workload: str, figure: Figure) -> None:
        """One process of `variant`, added to `figure`. A tool that cannot do it says why in `failed`."""
        if variant.tool in self.environment.missing:
            figure.failed = self.environment.missing[variant.tool]
            return
        root = self.projects[variant.level]
        if variant.level:
            projects.configure(root, variant.budget)
        out = Path(tempfile.mkdtemp(prefix="mcp-tracer-benchmark-"))
        try:
            _add(figure, self._run(variant, workload, root, out))
            if variant.level:
                _add_spools(figure, spools.taken(projects.spools(root)), figure.more["runs"])
        except Failed as problem:
            figure.failed = str(problem)
            if variant.tool in ("ours", "untraced"):
                raise SystemExit(f"{variant.name}, {workload}: {problem}") from problem
        finally:
            shutil.rmtree(out, ignore_errors=True)

    def _run(self, variant: Variant, workload: str, root: Path, out: Path) -> dict[str, Any]:
        task = {**variant.task(workload, self.seconds, self.quick), "project": str(root), "out": str(out), "fast": self.fast}
        task["options"] = {**task["options"], "floor": str(self.environment.floor)}
        clean = {key: value for key, value in os.environ.items() if not key.startswith(("MCP_TRACER", "TRACEPARENT", "PYTHON", "KOLO"))}
        environment = {**clean, "MCP_TRACER_CORE": variant.core, "PYTHONPATH": self.environment.path(variant.tool), "PYTHONHASHSEED": "0"}
        command = [self.environment.python, str(MEASURED), json.dumps(task)]
        try:
            done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, timeout=LIMIT_SECONDS)
        except subprocess.TimeoutExpired:
            raise Failed(f"not done after {LIMIT_SECONDS} s") from None
        if done.returncode != 0:
            raise Failed(_last_line(done.stderr) or f"exit code {done.returncode}")
        return json.loads(done.stdout.splitlines()[-1])


def low(numbers: list[float]) -> float:
    """The number below which a quarter lies; with few of them, the least or the next one."""
    return sorted(numbers)[len(numbers) // 4] if numbers else float("nan")


class Failed(Exception):
    """A measured process did not get to its end."""


def _last_line(text: str) -> str:
    lines = [line for line in text.strip().splitlines() if line.strip()]
    return lines[-1][:300] if lines else ""


def _add(figure: Figure, told: dict[str, Any]) -> None:
    (figure.cpu if told["good"] else figure.slow).append(fmean(told["cpu"]))
    figure.wall.append(fmean(told["wall"]))
    figure.blocks += told["blocks"]
    figure.good += told["good"]
    figure.save.append(told["save"])
    figure.calls, figure.bytes = told.get("spans", 0), told.get("bytes", 0)
    figure.more = told


def _add_spools(figure: Figure, contents: spools.Contents, runs: int) -> None:
    """Ours: the spool holds all runs of the process, the first (not timed) one among them."""
    figure.calls, figure.records, figure.bytes = contents.calls / runs, contents.records / runs, contents.bytes / runs
    figure.more |= {"whole": contents.calls, "processed": runs}
    figure.save[-1] /= runs
    figure.share = contents.self_ticks / contents.root_ticks if contents.root_ticks else 0
    figure.lost += contents.dropped + contents.faults


def clean(value: float) -> bool:
    """Whether a figure is a number."""
    return value == value and value not in (float("inf"), -float("inf"))


def progress(text: str) -> None:
    """One line for whoever waits."""
    print(text, file=sys.stderr, flush=True)
