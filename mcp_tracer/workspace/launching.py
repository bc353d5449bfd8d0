"""The environment in which programs load their files instrumented: what `mcp-tracer run` and `mcp-tracer env` set."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

from mcp_tracer.workspace.project import Project

Variables = dict[str, str]
PROJECT, LEVEL = "MCP_TRACER_PROJECT", "MCP_TRACER_LEVEL"


def variables(project: Project, level: int | None, environ: Mapping[str, str]) -> Variables:
    """What to set on top of `environ`. With a level, every file that is not excluded is traced; without, those instrumented on_load."""
    found = {PROJECT: str(project.root)}
    if level is not None:
        found[LEVEL] = str(level)
    for language in _LANGUAGES:
        found |= language(project, environ)
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


def _node(project: Project, environ: Mapping[str, str]) -> Variables:
    escaped = preload(project).replace("\\", "\\\\").replace('"', '\\"')
    option = f'--require "{escaped}"'
    others = environ.get("NODE_OPTIONS", "").replace(option, "").strip()
    return {"NODE_OPTIONS": f"{option} {others}".strip()}


_LANGUAGES: tuple[Callable[[Project, Mapping[str, str]], Variables], ...] = (_python, _node)
"""What each language needs."""
