"""What tracing costs: six workloads untraced, with the pure-Python core and with the C core, at levels 1, 2, 3 and 5.

`python tests/benchmarks/python_cores.py [--python PATH …] [--rounds N] [--workloads fib,jinja,…] [--levels 1,2] [--out FILE]`

Every measurement is a process of its own that calls the workload's `run()` once to warm up and then as often as fits a second; the variants
take turns, and the least CPU time of all rounds counts. Needs pip for the pinned libraries (once, into a cache folder).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import struct
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from mcp_tracer.languages.python import PythonLanguage  # noqa: E402
from mcp_tracer.model.level import Level  # noqa: E402
from mcp_tracer.model.plan import InstrumentRequest  # noqa: E402

WORKLOADS = Path(__file__).parent / "workloads" / "python"
RUNTIME = ROOT / "mcp_tracer" / "runtime"
PROJECT_CODE = ("jinja2==3.1.6", "mistune==3.1.4")  # traced, as if it were the project's own
LIBRARIES = ("flask==3.1.0", "markupsafe")
IN_SCOPE = {"jinja": "vendor/jinja2", "mistune": "vendor/mistune"}
ONE = """
import gc, json, sys, time
sys.path.insert(0, ".")
import w_{name} as w
assert w.run() == w.EXPECT
times, end = [], time.perf_counter() + {seconds}
while time.perf_counter() < end or len(times) < 3:
    gc.collect()
    t = time.process_time_ns(); w.run(); times.append(time.process_time_ns() - t)
print(json.dumps([min(times), len(times) + 1]))
"""


@dataclass
class Figure:
    """The best of one variant: CPU ns of one `run()`, spans and spool bytes it wrote."""

    best: float = float("inf")
    spans: float = 0
    bytes: float = 0
    seen: list[float] = field(default_factory=list)


def main() -> None:
    asked = arguments()
    lines = [
        f"Commit {commit()}; {os.cpu_count()} shared cores, {platform.machine()}; least CPU time of {asked.rounds} interleaved rounds.",
        "",
    ]
    for python in asked.python:
        with tempfile.TemporaryDirectory() as folder:
            lines += measure(python, Path(folder), asked)
            if asked.out:
                Path(asked.out).write_text("# What tracing Python costs\n\n" + "\n".join(lines) + "\n")
    print("\n".join(lines))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--python", action="append", default=[])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=0.6)
    parser.add_argument("--workloads", type=lambda text: text.split(","), default=["fib", "jinja", "mistune", "flask", "async", "numeric"])
    parser.add_argument("--levels", type=lambda text: [int(part) for part in text.split(",")], default=[1, 2, 3, 5])
    parser.add_argument("--cores", type=lambda text: text.split(","), default=["python", "c"])
    parser.add_argument("--out")
    asked = parser.parse_args()
    asked.python = asked.python or [sys.executable]
    return asked


def commit() -> str:
    return subprocess.run(["git", "-C", ROOT, "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip()


def libraries(python: str, version: str) -> Path:
    """The pinned libraries for this interpreter, installed once into a cache folder."""
    place = Path(tempfile.gettempdir()) / f"mcp-tracer-benchmarks-{version}"
    if not (place / "done").exists():
        for part, names in (("vendor", PROJECT_CODE), ("site", LIBRARIES)):
            more = ["--no-deps"] if part == "vendor" else []
            subprocess.run([python, "-m", "pip", "install", "-q", *more, "--target", place / part, *names], check=True, capture_output=True)
        (place / "done").touch()
    return place


def measure(python: str, folder: Path, asked: argparse.Namespace) -> list[str]:
    version = subprocess.run(
        [python, "-c", "import platform; print(platform.python_version())"], capture_output=True, text=True
    ).stdout.strip()
    installed = libraries(python, version)
    projects = {level: project(folder / str(level), level, installed, python) for level in [0, *asked.levels]}
    lines = [
        f"## CPython {version}",
        "",
        "| workload | untraced ms | calls | " + " | ".join(f"{c} L{n}" for c in asked.cores for n in asked.levels) + " |",
    ]
    lines += ["|---" * (3 + len(asked.cores) * len(asked.levels)) + "|"]
    for name in asked.workloads:
        variants = [(0, "python")] + [(level, core) for core in asked.cores for level in asked.levels]
        figures = {variant: Figure() for variant in variants}
        for _ in range(asked.rounds):
            for level, core in variants:
                one(python, projects[level], name, core, figures[level, core], asked.seconds, installed)
        lines.append(row(name, figures, asked))
        print(lines[-1], flush=True)
    return [*lines, "", "Each cell: times the untraced run; ns added a call; spool bytes a call.", ""]


def project(root: Path, level: int, installed: Path, python: str) -> Path:
    """A project with the workloads, instrumented at `level`, and the runtime with a C core for `python`."""
    shutil.copytree(WORKLOADS, root)
    shutil.copytree(installed / "vendor", root / "vendor", ignore=shutil.ignore_patterns("bin", "*.dist-info", "__pycache__"))
    if level:
        home = root / ".ai-agents" / "logging"
        shutil.copytree(RUNTIME / "python", home / "runtime" / "python", ignore=shutil.ignore_patterns("__pycache__", "*.so"))
        shutil.copy(RUNTIME / "redaction.json", home / "runtime")
        subprocess.run([python, home / "runtime" / "python" / "mcp_tracer_runtime" / "build_core.py"], check=True, capture_output=True)
        for path in [*root.glob("w_*.py"), *(root / "vendor").rglob("*.py")]:
            in_scope = IN_SCOPE.get(path.stem[2:]) if path.parent == root else None
            if in_scope is None:
                instrument(root, path, level)
    return root


def instrument(root: Path, path: Path, level: int) -> None:
    data = path.read_bytes()
    path.write_bytes(PythonLanguage().plan(data, InstrumentRequest(path.relative_to(root).as_posix(), Level(level))).apply(data))


def one(python: str, root: Path, name: str, core: str, figure: Figure, seconds: float, installed: Path) -> None:
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("MCP_TRACER", "TRACEPARENT"))}
    environment |= {"MCP_TRACER_CORE": core, "PYTHONPATH": str(installed / "site"), "PYTHONHASHSEED": "0"}
    done = subprocess.run([python, "-c", ONE.format(name=name, seconds=seconds)], cwd=root, env=environment, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{name}: {done.stderr[-2000:]}")
    best, runs = json.loads(done.stdout.splitlines()[-1])
    figure.best = min(figure.best, best)
    for path in (root / ".ai-agents" / "logging" / "spool").glob("*.spool"):
        spans, size = contents(path)
        figure.spans, figure.bytes = spans / runs, size / runs
        path.unlink()


def contents(path: Path) -> tuple[int, int]:
    """(records, bytes of records and payload) of a spool file."""
    records = size = 0
    data = path.read_bytes()
    for at in range(4096, len(data), 65536):
        magic, _, _, _, n, payload = struct.unpack_from("<IBBHII", data, at)
        if magic == 0x3143544D:
            records, size = records + n, size + 48 * n + payload
    return records, size


def row(name: str, figures: dict[tuple[int, str], Figure], asked: argparse.Namespace) -> str:
    plain = figures[0, "python"].best
    calls = max((figures[asked.levels[0], core].spans for core in asked.cores), default=0)
    cells = []
    for core in asked.cores:
        for level in asked.levels:
            figure = figures[level, core]
            added = (figure.best - plain) / calls if calls else 0
            cells.append(f"{figure.best / plain:.2f}x, {added:.0f} ns, {figure.bytes / calls if calls else 0:.0f} B")
    return f"| {name} | {plain / 1e6:.1f} | {calls:.0f} | " + " | ".join(cells) + " |"


if __name__ == "__main__":
    main()
