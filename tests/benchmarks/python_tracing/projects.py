"""The workloads as a project: plain, or instrumented at a level, with the runtime in it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from mcp_tracer.languages.python import PythonLanguage
from mcp_tracer.model.level import Level
from mcp_tracer.model.plan import InstrumentRequest
from python_tracing.environment import ROOT, Environment

WORKLOADS = ROOT / "tests" / "benchmarks" / "workloads" / "python"
RUNTIME = ROOT / "mcp_tracer" / "runtime"
HOME = Path(".ai-agents") / "logging"
_ROOM_GB = 50  # a benchmark's processes run a workload many times: no limit must stop their recording, nor that of deep calls


def make(root: Path, level: int, environment: Environment) -> Path:
    """A copy of the workloads with the libraries that count as the project's, instrumented at `level`, with a C core."""
    shutil.copytree(WORKLOADS, root)
    if (vendor := environment.folder / "vendor").exists():
        shutil.copytree(vendor, root / "vendor", ignore=shutil.ignore_patterns("__pycache__"))
    if level:
        _lay_runtime(root / HOME, environment.python)
        for path in [*root.glob("w_*.py"), *(root / "vendor").rglob("*.py")]:
            data = path.read_bytes()
            path.write_bytes(PythonLanguage().plan(data, InstrumentRequest(path.relative_to(root).as_posix(), Level(level))).apply(data))
    return root


def _lay_runtime(home: Path, python: str) -> None:
    shutil.copytree(RUNTIME / "python", home / "runtime" / "python", ignore=shutil.ignore_patterns("__pycache__", "*.so"))
    shutil.copy(RUNTIME / "redaction.json", home / "runtime")
    (home / "config").mkdir(parents=True)
    build = home / "runtime" / "python" / "mcp_tracer_runtime" / "build_core.py"
    done = subprocess.run([python, str(build)], check=True, capture_output=True, text=True)
    if not done.stdout.strip():
        raise SystemExit(f"no C core for {python}: a compiler and the interpreter's headers are needed")


def configure(root: Path, budget: str) -> None:
    """Set the governor for the next process: `off`, or `auto`."""
    text = f"TRACING_OVERHEAD_BUDGET={budget}\nTRACING_MAX_STORAGE_GB={_ROOM_GB}\nTRACING_MAX_DEPTH=1000\n"
    (root / HOME / "config" / ".env.tracing").write_text(text, encoding="utf-8")


def spools(root: Path) -> Path:
    """Where the project's processes write."""
    return root / HOME / "spool"
