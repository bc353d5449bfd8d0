"""Interpreters, their environments with pinned packages, and what is said about the machine."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
RUNTIME = ROOT / "mcp_tracer" / "runtime" / "python" / "mcp_tracer_runtime"
VERSIONS = ("3.11", "3.12", "3.13")
PROJECT_CODE = ("jinja2==3.1.6", "mistune==3.1.4")  # traced, as if it were the project's own
LIBRARIES = ("flask==3.1.0", "werkzeug==3.1.3", "markupsafe==3.0.2")
PEERS = {"viztracer": "viztracer==1.1.1", "kolo": "kolo==3.6.1", "snoop": "snoop==0.6.1"}
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or tempfile.gettempdir()) / "mcp-tracer-benchmarks"


@dataclass(frozen=True)
class Environment:
    """One Python with what the workloads need; peers lie in folders of their own, and are on the path of their own processes only."""

    python: str
    version: str
    folder: Path
    missing: dict[str, str]
    floor: Path | None

    def path(self, tool: str) -> str:
        """PYTHONPATH for a process that is traced by `tool`."""
        return str(self.folder / tool) if tool in PEERS else ""


def interpreters() -> list[str]:
    """The newest CPython found for each measured version."""
    found = {version: _found(version) for version in VERSIONS}
    for version in sorted(set(VERSIONS) - {version for version, path in found.items() if path}):
        print(f"CPython {version} was not found: left out.", file=sys.stderr)
    return [path for path in found.values() if path]


def _found(version: str) -> str | None:
    """On PATH, else where pyenv keeps interpreters."""
    on_path = shutil.which(f"python{version}")
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    kept = sorted(pyenv.glob(f"{version}.*/bin/python"), key=lambda path: len(path.parts[-3]))
    candidates = [*(str(path) for path in reversed(kept)), *([on_path] if on_path else [])]
    return next((path for path in candidates if _answers(path)), None)


def _answers(python: str) -> bool:
    return subprocess.run([python, "-c", "import venv"], capture_output=True).returncode == 0


def prepare(python: str, workloads: Iterable[str], tools: Iterable[str]) -> Environment:
    """The environment for `python`: a venv made once and kept in the cache folder, with what these workloads and tools need."""
    version = _output([python, "-c", "import platform; print(platform.python_version())"]).strip()
    folder = CACHE / version
    wanted = _wanted(set(workloads), set(tools))
    own = _venv(python, folder) if wanted else python
    problems = {name: _install(own, folder, name, packages) for name, packages in wanted.items()}
    fatal = [problem for name, problem in problems.items() if problem and name not in PEERS]
    if fatal:
        raise SystemExit(f"{version}: {fatal[0]}")
    return Environment(own, version, folder, {name: text for name, text in problems.items() if text}, _floor(own, folder))


def _wanted(workloads: set[str], tools: set[str]) -> dict[str, tuple[str, ...]]:
    peers = {name: (pin,) for name, pin in PEERS.items() if name in tools}
    libraries = {"vendor": PROJECT_CODE, "venv": LIBRARIES} if workloads & {"jinja", "mistune", "flask"} else {}
    return {**libraries, **peers}


def _venv(python: str, folder: Path) -> str:
    if not (folder / "venv").exists():
        subprocess.run([python, "-m", "venv", folder / "venv"], check=True)
    return str(folder / "venv" / "bin" / "python")


def _install(python: str, folder: Path, name: str, packages: tuple[str, ...]) -> str:
    """Install, once, into a folder of its own (what the venv itself gets: into its site-packages); what went wrong, or ''."""
    place = folder / name
    stamp = place / ("installed " + " ".join(packages))
    if stamp.exists():
        return ""
    into = [] if name == "venv" else ["--target", str(place), *(["--no-deps"] if name == "vendor" else [])]
    if into:
        shutil.rmtree(place, ignore_errors=True)
    command = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check", *into, *packages]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        return lines[-1] if lines else f"{packages} cannot be installed"
    for extra in [place / "bin", *place.glob("*.dist-info")] if name == "vendor" else []:
        shutil.rmtree(extra, ignore_errors=True)
    stamp.touch()
    return ""


def _floor(python: str, folder: Path) -> Path | None:
    """`floor.c`, compiled; None without a compiler or headers."""
    source, target = Path(__file__).with_name("floor.c"), folder / "floor.so"
    include = _output([python, "-c", "import sysconfig; print(sysconfig.get_path('include'))"]).strip()
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        return None
    folder.mkdir(parents=True, exist_ok=True)
    command = [compiler, "-O2", "-fPIC", "-shared", "-I", include, "-I", str(RUNTIME), str(source), "-o", str(target)]
    return target if subprocess.run(command, capture_output=True).returncode == 0 else None


def fastest(python: str) -> float:
    """What the speed meter takes, in ns, while the machine is at its fastest."""
    return float(_output([python, str(Path(__file__).with_name("speed.py"))]))


def machine() -> str:
    """Processor, cores, memory and system; no names of hosts or people."""
    model = next((line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")), platform.machine())
    memory = next((int(line.split()[1]) / 2**20 for line in _lines("/proc/meminfo") if line.startswith("MemTotal")), 0)
    load = f"load {os.getloadavg()[0]:.1f} at the start" if hasattr(os, "getloadavg") else ""
    return f"{model}, {os.cpu_count()} cores, {memory:.0f} GiB, {platform.system()} {platform.release().split('-')[0]}, {load}"


def commit() -> str:
    """The commit that is measured, and whether the runtime differs from it."""
    short = _output(["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"]).strip()
    changed = _output(["git", "-C", str(ROOT), "status", "--porcelain", "--", "mcp_tracer"]).strip()
    return f"{short or 'unknown'}{' with uncommitted changes' if changed else ''}"


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text(encoding="utf-8").splitlines()
    except OSError:
        return []


def _output(command: list[str]) -> str:
    return subprocess.run(command, capture_output=True, text=True).stdout
