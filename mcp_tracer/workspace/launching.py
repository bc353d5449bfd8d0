"""The environment in which programs load their files instrumented: what `mcp-tracer run` and `mcp-tracer env` set."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from mcp_tracer.workspace.project import Project

Variables = dict[str, str]
PROJECT, LEVEL = "MCP_TRACER_PROJECT", "MCP_TRACER_LEVEL"
LASTING = Path(__file__).resolve().parents[1] / "runtime" / "javascript" / "load" / "lasting.cjs"


def variables(project: Project, level: int | None, environ: Mapping[str, str], *, lasting: bool = False) -> Variables:
    """What to set on top of `environ`. With a level, every file that is not excluded is traced; without, those instrumented on_load.
    `lasting` variables may outlive the project's tracing: without it they do nothing."""
    found = {PROJECT: str(project.root)}
    if level is not None:
        found[LEVEL] = str(level)
    found |= _python(project, environ)
    found |= _node(project, environ, lasting)
    return found


def bootstrap(project: Project) -> str:
    """The folder whose `sitecustomize` turns the loading hooks of Python on."""
    return str(project.runtime_dir / "python" / "mcp_tracer_runtime" / "bootstrap")


def _python(project: Project, environ: Mapping[str, str]) -> Variables:
    folder = bootstrap(project)
    # An empty entry would mean the current folder.
    others = [entry for entry in environ.get("PYTHONPATH", "").split(os.pathsep) if entry and entry != folder]
    return {"PYTHONPATH": os.pathsep.join([folder, *others])}


def preload(project: Project) -> str:
    """The file that turns the loading hooks of Node on."""
    return str(project.runtime_dir / "javascript" / "load" / "onload.cjs")


def _node(project: Project, environ: Mapping[str, str], lasting: bool) -> Variables:
    ours = [_require(preload(project)), _require(str(LASTING))]
    others = environ.get("NODE_OPTIONS", "")
    for option in ours:
        others = others.replace(option, "").strip()
    return {"NODE_OPTIONS": f"{ours[lasting]} {others}".strip()}


def _require(path: str) -> str:
    escaped = path.replace("\\", "\\\\").replace('"', '\\"')
    return f'--require "{escaped}"'
