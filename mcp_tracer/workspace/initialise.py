"""Lay a project's tracing home, and keep its copy of the runtimes current. Doing it twice is doing it once."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from mcp_tracer import __version__, resources
from mcp_tracer.durable import atomic_write, fault, make_folder
from mcp_tracer.workspace.project import HOME, Project

IGNORED = (
    "runtime/",
    "backups/",
    "cache/",
    "spool/",
    "traces/",
    "exports/",
    "instrumented.json",
    "state.db*",
    "token",
    "*.lock",
)
_RUNTIME_SUFFIXES = (".py", ".cjs", ".mjs", ".js", ".json", ".c", ".h", ".so", ".pyd", ".node")
_REMOVABLE = (".py", ".cjs", ".mjs", ".js", ".json", ".c", ".h")
_VERSION_FILE = "VERSION"
_CORE_TIMEOUT_SECONDS = 90


@dataclass(frozen=True, slots=True)
class InitReport:
    """Paths relative to the root: what was made, and what was there and stays as it was."""

    created: tuple[str, ...]
    kept: tuple[str, ...]
    gitignore_changed: bool


def initialise(project: Project) -> InitReport:
    """Make `.ai-agents/logging` ready: settings file, runtimes, folders, .gitignore lines. Never overwrites settings.

    Raises UserError where the folder cannot be written, or where a link leads out of the project.
    """
    project.check_home()
    created: list[str] = []
    kept: list[str] = []
    for folder in (project.config_dir, project.backups_dir, project.cache_dir, project.spool_dir, project.traces_dir):
        _note(project, folder, folder.is_dir(), created, kept)
        make_folder(folder)
    _note(project, project.env_file, project.env_file.exists(), created, kept)
    if not project.env_file.exists():
        atomic_write(project.env_file, (resources.template_home() / "config" / ".env.tracing").read_bytes())
    _note(project, project.runtime_dir, not refresh_runtime(project), created, kept)
    return InitReport(tuple(created), tuple(kept), _ignore_generated(project))


def compile_cores(project: Project) -> None:
    """Compile the runtime's C core for the Pythons that this project seems to use. Quiet: where it fails, tracing runs in Python."""
    builder = project.runtime_dir / "python" / "mcp_tracer_runtime" / "build_core.py"
    if not builder.is_file():
        return
    with contextlib.ExitStack() as stack:
        running: list[subprocess.Popen[bytes]] = []
        for python in project_pythons(project.root):
            with contextlib.suppress(OSError):
                process = subprocess.Popen(
                    [python, "-I", str(builder)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
                )
                stack.callback(process.kill)
                running.append(process)
        for process in running:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_CORE_TIMEOUT_SECONDS)


def project_pythons(root: Path) -> list[str]:
    """Interpreters that may run the project's programs: its own environments, the active one, the first on PATH, the one that runs us."""
    places = [root / ".venv", root / "venv", *([Path(active)] if (active := os.environ.get("VIRTUAL_ENV")) else [])]
    found = [str(place / "bin" / "python") for place in places if (place / "bin" / "python").is_file()]
    found += [path for name in ("python3", "python") if (path := shutil.which(name))]
    unique: dict[str, str] = {}
    for path in [*found, sys.executable]:
        unique.setdefault(os.path.realpath(path), path)  # environments of one interpreter share one core
    return list(unique.values())


def refresh_runtime(project: Project) -> bool:
    """Bring the project's runtimes to this version, file by file, so that a starting program finds old or new files, never half ones.

    Returns whether anything changed. A runtime that a newer mcp-tracer laid stays.
    """
    if _version(project.runtime_dir) > _parsed(__version__):
        return False
    wanted = _wanted(resources.runtime_home())
    changed = False
    for relative, source in wanted.items():
        target = project.runtime_dir / relative
        data = source.read_bytes()
        if _bytes_of(target) != data:
            make_folder(target.parent)
            atomic_write(target, data)
            changed = True
    changed = _remove_stale(project.runtime_dir, wanted) or changed
    if _bytes_of(project.runtime_dir / _VERSION_FILE) != f"{__version__}\n".encode():
        make_folder(project.runtime_dir)
        atomic_write(project.runtime_dir / _VERSION_FILE, f"{__version__}\n".encode())
        changed = True
    return changed


def _note(project: Project, path: Path, was_there: bool, created: list[str], kept: list[str]) -> None:
    (kept if was_there else created).append(project.relative(path))


def _wanted(home: Path) -> dict[str, Path]:
    """Place in the project's runtime folder → shipped file."""
    roots = [home / "python" / "mcp_tracer_runtime", home / "javascript"]
    found = [path for root in roots for path in sorted(root.rglob("*")) if path.suffix in _RUNTIME_SUFFIXES and path.is_file()]
    found += [path for path in (home / "redaction.json",) if path.is_file()]
    skipped = ("__pycache__", "node_modules")
    return {path.relative_to(home).as_posix(): path for path in found if not set(skipped) & set(path.parts)}


def _remove_stale(runtime_dir: Path, wanted: dict[str, Path]) -> bool:
    """Modules of older versions go; what a machine compiled for itself stays."""
    removed = False
    for path in sorted(runtime_dir.rglob("*")):
        if path.suffix in _REMOVABLE and path.is_file() and path.relative_to(runtime_dir).as_posix() not in wanted:
            try:
                path.unlink()
            except OSError as error:
                raise fault(path, error) from error
            removed = True
    return removed


def _version(runtime_dir: Path) -> tuple[int, ...]:
    return _parsed((_bytes_of(runtime_dir / _VERSION_FILE) or b"0").decode("ascii", "replace"))


def _parsed(version: str) -> tuple[int, ...]:
    parts = version.strip().split("+")[0].split(".")
    return tuple(int(digits) if (digits := "".join(filter(str.isdigit, part))) else 0 for part in parts)


def _bytes_of(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise fault(path, error) from error


def _ignore_generated(project: Project) -> bool:
    """Append the generated places that .gitignore does not name yet, in the file's own line ends."""
    path = project.root / ".gitignore"
    before = _bytes_of(path) or b""
    present = {line.strip().lstrip("/") for line in before.decode("utf-8", "replace").splitlines()}
    missing = [line for name in IGNORED if (line := f"{HOME.as_posix()}/{name}") not in present]
    if not missing:
        return False
    end = b"\r\n" if b"\r\n" in before else b"\n"
    gap = b"" if not before or before.endswith(b"\n") else end
    lines = ["# mcp-tracer: generated, not for version control", *missing]
    atomic_write(path, before + gap + b"".join(line.encode() + end for line in lines))
    return True
