"""Where a package's suite runs: its source distribution unpacked, an interpreter with what its tests need, the tracer beside it."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from suites.packages import Suite

ROOT = Path(__file__).resolve().parents[3]
PLUGIN = Path(__file__).parent / "plugin"
PREPARE_S = 900
_BUILD = "import sys; sys.path.insert(0, sys.argv[1]); import build_core as b; b.TIMEOUT_SECONDS = 600; b._build(sys.argv[2])"
COMMAND = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r}); from mcp_tracer.faces.cli.main import main; main()"]


class Broken(Exception):
    """The place cannot be set up: nothing was learned about the tracer."""


@dataclass(frozen=True)
class Told:
    """Each test's outcome by its name, CPU seconds where the run tells its own, and what else was strange."""

    tests: dict[str, str]
    cpu_s: float | None = None
    notes: list[str] = field(default_factory=list[str])


@dataclass(frozen=True)
class Place:
    """An unpacked package below `home`, ready to be tested by `python`."""

    suite: Suite
    home: Path
    project: Path
    python: Path
    core: str
    version: str  # of the interpreter, e.g. 3.12
    path: str = ""  # what PYTHONPATH gets: where the package is found that is not installed

    @property
    def where(self) -> str:
        """What the package is tested by."""
        return self.version if self.core == "c" else f"{self.version}, pure Python"

    def tracer(self, *arguments: str) -> Any:
        """The parsed answer of `mcp-tracer … --json` for the project."""
        command = [*COMMAND, *arguments, "--project", str(self.project), "--json"]
        no_compiler = {**os.environ, "CC": "false"}  # `init` would compile for interpreters that run nothing here
        done = subprocess.run(command, cwd=ROOT, env=no_compiler, capture_output=True, text=True, timeout=PREPARE_S, check=False)
        if done.returncode != 0 and not done.stdout.startswith("{"):  # a file among many that is refused is told in the answer
            raise Broken(f"mcp-tracer {' '.join(arguments)} ended with {done.returncode}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
        return json.loads(done.stdout)

    def begin(self, settings: Sequence[str] = ()) -> None:
        """Lay the tracer's home anew, with these settings and the C core for this place's interpreter, which is compiled once for all."""
        self.end()
        self.set_up(settings)
        if self.core == "c":
            runtime = self.project / ".ai-agents/logging/runtime/python/mcp_tracer_runtime"
            shutil.copy(_core(str(self.python), runtime, self.home.parent / "cores" / self.version), runtime)

    def set_up(self, settings: Sequence[str]) -> None:
        """Lay the tracer's home, with these settings beside the defaults."""
        if settings:
            file = self.project / ".ai-agents/logging/config/.env.tracing"
            file.parent.mkdir(parents=True)
            file.write_text("\n".join([(ROOT / file.relative_to(self.project)).read_text(), *settings, ""]))
        self.tracer("init", "--yes")

    def command(self, only: Sequence[str], result: Path) -> list[str]:
        """What tests the package, all of it or `only` these tests, and writes what came of it to `result`."""
        command = [str(self.python), "-m", "pytest", "-q", "-p", "suite_outcomes", "-p", "no:cacheprovider", "--tb=short"]
        return [*command, *self.suite.arguments.split(), *(only or self.suite.tests.split())]

    def environment(self, result: Path) -> dict[str, str]:
        """The variables that the tests need, on top of those of the machine."""
        path = f"{self.python.parent}:{os.environ.get('PATH', '')}"
        packages = os.pathsep.join(filter(None, (str(PLUGIN), self.path)))
        ours = {"PATH": path, "PYTHONPATH": packages, "PYTHONHASHSEED": "0", "SUITE_OUTCOMES": str(result), "MCP_TRACER_CORE": self.core}
        return {**ours, **self.suite.environment}

    def told(self, result: Path, output: str, status: int) -> Told:
        """What the run said of its tests."""
        told = json.loads(result.read_text()) if result.is_file() else {"outcomes": {}, "cpu_s": 0.0}
        notes = [f"ended with {status}"] if status not in (0, 1, -signal.SIGKILL) else []
        return Told(told["outcomes"], told["cpu_s"], notes)

    def end(self) -> None:
        """Take the tracer's home away."""
        shutil.rmtree(self.project / ".ai-agents", ignore_errors=True)

    def hashes(self) -> dict[str, str]:
        """sha256 of every Python file outside the tracer's home."""
        files = (path for path in self.project.rglob("*.py*") if path.is_file() and not _ours(path.relative_to(self.project)))
        return {str(path.relative_to(self.project)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def _core(python: str, runtime: Path, folder: Path) -> Path:
    """The C core of `runtime` for `python`, kept in `folder` for each state of its sources."""
    sources = [path.read_bytes() for path in sorted(runtime.glob("core*.[ch]"))]
    place = folder / hashlib.sha256(b"".join(sources)).hexdigest()[:16]
    place.mkdir(parents=True, exist_ok=True)
    if not any(place.glob("_core.*.so")):
        _run([python, "-c", _BUILD, str(runtime), str(place)], folder)
    built = next(place.glob("_core.*.so"), None)
    if built is None:
        raise Broken(f"the C core could not be built for {python}")
    return built


def _ours(path: Path) -> bool:
    return bool({".ai-agents", "__pycache__", ".pytest_cache", ".hypothesis", ".mypy_cache"}.intersection(path.parts))


def prepare(suite: Suite, cache: Path, interpreter: str, core: str) -> Place:
    """The place of `suite` for `interpreter` (a command or path), made now unless the cache holds it."""
    version = _run([interpreter, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"], cache).stdout.strip()
    home = cache / f"{suite.name}-{suite.version}-py{version}"
    place = Place(suite, home, home / "project", home / "venv/bin/python", core, version)
    stamp = hashlib.sha256(repr((suite.requirements, suite.install, suite.extra_files)).encode()).hexdigest()
    ready = home / "ready"
    if ready.is_file():
        told = json.loads(ready.read_text())
        place.end()
        if told["stamp"] == stamp and told["hashes"] == place.hashes():
            return place
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    _unpack(_fetched(suite, cache / "sdists", interpreter), place.project)
    _run([interpreter, "-m", "venv", str(home / "venv")], home)
    pip = [str(place.python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    _run([*pip, *suite.requirements], home)
    if suite.install:
        _run([*pip, "--no-deps", "--editable", str(place.project)], home)
    for name, text in suite.extra_files:
        (place.project / name).write_text(text)
    ready.write_text(json.dumps({"stamp": stamp, "hashes": place.hashes()}))
    return place


def borrowed(suite: Suite, home: Path, core: str) -> Place:
    """The place of `suite` for this very interpreter, which has what the tests need; the package is found by its path."""
    version = "{}.{}".format(*sys.version_info)
    place = Place(suite, home, home / "project", Path(sys.executable), core, version, str(home / "project" / Path(suite.source).parent))
    _unpack(_fetched(suite, home / "sdists", sys.executable), place.project)
    return place


def _fetched(suite: Suite, folder: Path, interpreter: str) -> Path:
    """The source distribution, downloaded once."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted = _normal(f"{suite.name}-{suite.version}.tar.gz")
    found = [path for path in folder.iterdir() if _normal(path.name) == wanted]
    if not found:
        download = [interpreter, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", suite.name, "-d", str(folder)]
        before = set(folder.iterdir())
        _run([*download, f"{suite.name}=={suite.version}"], folder)
        found = list(set(folder.iterdir()) - before)
    return found[0]


def _normal(name: str) -> str:
    return re.sub("[-_.]+", "-", name).lower()


def _unpack(archive: Path, project: Path) -> None:
    beside = project.with_name("unpacked")
    with tarfile.open(archive) as tar:
        tar.extractall(beside, filter="data") if sys.version_info >= (3, 12) else tar.extractall(beside)
    (only,) = beside.iterdir()
    only.rename(project)
    beside.rmdir()


def _run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=PREPARE_S, check=False)
    if done.returncode != 0:
        raise Broken(f"{' '.join(command)} ended with {done.returncode}: {done.stdout[-3000:]}{done.stderr[-3000:]}")
    return done
