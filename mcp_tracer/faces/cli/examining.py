"""`doctor`: is everything in order on this machine and in this project? Every finding names its fix."""

from __future__ import annotations

import asyncio
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Literal

import typer

from mcp_tracer import __version__
from mcp_tracer.faces.cli.asking import JsonOption, ProjectOption, asked
from mcp_tracer.faces.cli.calling import tell
from mcp_tracer.model.errors import TracerError
from mcp_tracer.service.context import Tools
from mcp_tracer.workspace.project import Project

OLDEST_NODE = 18
NODE_PATIENCE_S = 10


@dataclass(frozen=True, slots=True)
class Finding:
    """One check. `state`: ok, note (works, but people should know), problem."""

    check: str
    state: Literal["ok", "note", "problem"]
    message: str


def doctor(ctx: typer.Context, project: ProjectOption = None, as_json: JsonOption = False) -> None:
    """Check Python, Node, settings, runtimes, the store and who ingests. Exit code 1 if there is a problem."""
    wanted = asked(ctx, project, as_json)
    findings = list(examine(wanted.project()))
    lines = [f"{row.state:8} {row.check}: {row.message}" for row in findings]
    tell([asdict(finding) for finding in findings], lambda: "\n".join(lines), wanted)
    if any(finding.state == "problem" for finding in findings):
        raise typer.Exit(1)


def examine(project: Project) -> Iterator[Finding]:
    """All checks, in the order in which a person would fix them."""
    yield _python()
    yield _node()
    if not project.is_initialised:
        yield Finding("project", "problem", f"{project.root} is not initialised: run `mcp-tracer init`.")
        return
    yield Finding("project", "ok", str(project.root))
    yield from _settings(project)
    yield _runtime(project)
    yield from asyncio.run(_store(project))


def _python() -> Finding:
    version = f"{platform.python_implementation()} {platform.python_version()}"
    return Finding("python", "ok", f"{version} at {sys.executable}, mcp-tracer {__version__}")


def _node() -> Finding:
    """Node is needed for programs that run on it, not for us."""
    node = shutil.which("node")
    if node is None:
        return Finding("node", "note", "not found: JavaScript and TypeScript can be instrumented here, but not run.")
    try:
        said = subprocess.run([node, "--version"], capture_output=True, text=True, timeout=NODE_PATIENCE_S, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError) as error:
        return Finding("node", "problem", f"{node} does not run ({error}): repair the installation.")
    major = said.removeprefix("v").split(".")[0]
    if major.isdecimal() and int(major) < OLDEST_NODE:
        return Finding("node", "problem", f"{said} at {node} is too old to be traced: use {OLDEST_NODE} or newer.")
    return Finding("node", "ok", f"{said} at {node}")


def _settings(project: Project) -> Iterator[Finding]:
    from mcp_tracer.app import load_settings  # see calling.py

    loaded = load_settings(project)
    for problem in loaded.problems:
        yield Finding("settings", "problem", problem)
    if not loaded.problems:
        yield Finding("settings", "ok", f"{project.env_file} is well formed")
    if not loaded.settings.enabled:
        yield Finding("settings", "note", "TRACING_ENABLED=false: nothing is recorded.")


def _runtime(project: Project) -> Finding:
    laid = project.runtime_dir / "VERSION"
    version = laid.read_text(encoding="ascii", errors="replace").strip() if laid.is_file() else "none"
    if version == __version__:
        return Finding("runtime", "ok", f"{project.runtime_dir} holds {version}")
    return Finding("runtime", "problem", f"{project.runtime_dir} holds {version}, this is {__version__}: run `mcp-tracer init`.")


async def _store(project: Project) -> list[Finding]:
    from mcp_tracer.app import open_service  # see calling.py

    try:
        async with open_service(project, ingest=False) as service:
            # Taking in what is new needs the lease: whoever cannot get it has met a server that holds it.
            await service.tools.catch_up()
            size, spans = await service.tools.store.size()
            is_alone = service.tools.ingesting()
            waiting = list(_recordings(service.tools))
    except TracerError as error:
        return [Finding("store", "problem", str(error))]
    said = "no server runs: recordings are taken in when something asks for them" if is_alone else "a server is taking recordings in"
    return [Finding("store", "ok", f"{spans:,} spans, {size / 1e6:.1f} MB"), Finding("ingest", "ok", said), *waiting]


def _recordings(tools: Tools) -> Iterator[Finding]:
    """What lies among the recordings and cannot be taken in, or away."""
    for sentence in tools.not_taken_in():
        yield Finding("recordings", "problem", sentence)
    for sentence in tools.left_lying():
        yield Finding("recordings", "note", sentence)
