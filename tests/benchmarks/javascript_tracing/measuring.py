"""One process a measurement."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from python_tracing import spools
from python_tracing.environment import ROOT
from python_tracing.projects import HOME

from javascript_tracing import environment as environments
from javascript_tracing.environment import Environment
from javascript_tracing.variants import SMALL, SMALL_RUNS, WORKLOADS, Variant
from mcp_tracer.languages.javascript import javascript
from mcp_tracer.model.level import Level
from mcp_tracer.model.plan import InstrumentRequest

RUNTIME = ROOT / "mcp_tracer" / "runtime"
MEASURED = Path(__file__).with_name("measured.mjs")
LIMIT_SECONDS = 300
_SETTINGS = "TRACING_OVERHEAD_BUDGET={budget}\nTRACING_MAX_STORAGE_GB=50\nTRACING_MAX_DEPTH=1000\n"


@dataclass(frozen=True)
class Times:
    """Seconds that a process runs a workload, at least once each: to warm up, the same with the governor on, and measured."""

    warm: float
    settle: float
    measured: float


@dataclass
class Figure:
    """One cell: CPU and wall ns of a run in each round; calls and bytes a run."""

    cpu: list[float] = field(default_factory=list[float])
    wall: list[float] = field(default_factory=list[float])
    calls: float = 0
    bytes: float = 0
    lost: int = 0
    failed: str = ""

    @property
    def best(self) -> float | None:
        """The least CPU time of a run."""
        return min(self.cpu, default=None)


def make(root: Path, level: int, environment: Environment) -> Path:
    """The workloads as a project, instrumented at `level`."""
    environments.blanked(environment, root)
    (root / "node_modules").symlink_to(environment.packages, target_is_directory=True)
    if level:
        shutil.copytree(RUNTIME / "javascript", root / HOME / "runtime" / "javascript")
        shutil.copy(RUNTIME / "redaction.json", root / HOME / "runtime")
        (root / HOME / "config").mkdir(parents=True)
        language = javascript()
        for path in root.glob("*.js"):
            data = path.read_bytes()
            path.write_bytes(language.plan(data, InstrumentRequest(path.name, Level(level))).apply(data))
    return root


def measure(environment: Environment, root: Path, variant: Variant, workload: str, times: Times, figure: Figure) -> None:
    """One process of `variant`, added to `figure`; a tool that cannot do it says why in `failed`."""
    if variant.level:
        settings = _SETTINGS.format(budget=variant.budget)
        (root / HOME / "config" / ".env.tracing").write_text(settings, encoding="utf-8")
    with tempfile.TemporaryDirectory(prefix="mcp-tracer-benchmark-") as folder:
        out = Path(folder) / "out.json"
        problem = _run(_command(environment, root, variant, workload, times, out), root)
        if problem or not out.exists():
            figure.failed = problem or "ended before it had written its figures"
            return
        told = json.loads(out.read_text(encoding="utf-8"))
    figure.cpu.append(told["cpu"])
    figure.wall.append(told["wall"])
    if variant.level:
        contents = spools.taken(root / HOME / "spool")
        figure.calls, figure.bytes = (number / (told["runs"] + told["warming"]) for number in (contents.calls, contents.bytes))
        figure.lost += contents.dropped + contents.faults
    for left in ("tmp", "traces", ".flightbox"):
        shutil.rmtree(root / left, ignore_errors=True)


def _command(environment: Environment, root: Path, variant: Variant, workload: str, times: Times, out: Path) -> list[str]:
    module = (root / f"{WORKLOADS[workload]}.js").as_uri()
    size = SMALL[workload] if variant.small else 0
    arguments = [
        str(MEASURED),
        module,
        str(size),
        str(times.settle if variant.budget == "auto" else times.warm),
        str(times.measured),
        str(SMALL_RUNS if variant.small else 0),
        str(out),
    ]
    if variant.tool == "appmap":
        return [str(environment.node), str(environment.packages / "appmap-node" / "bin" / "appmap-node.js"), *arguments]
    hook = ["--import", "@flightbox/register"] if variant.tool == "flightbox" else []
    return [str(environment.node), *hook, *arguments]


def _run(command: list[str], root: Path) -> str:
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("MCP_TRACER", "TRACEPARENT", "NODE_", "APPMAP"))}
    path = os.pathsep.join([str(Path(command[0]).parent), clean.get("PATH", "")])
    try:
        done = subprocess.run(command, cwd=root, env={**clean, "PATH": path}, capture_output=True, text=True, timeout=LIMIT_SECONDS)
    except subprocess.TimeoutExpired:
        return f"not done after {LIMIT_SECONDS} s"
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    return "" if done.returncode == 0 else (lines or [f"exit code {done.returncode}"])[0][:200]
