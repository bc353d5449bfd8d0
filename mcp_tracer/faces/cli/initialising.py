"""`init`: make a folder a traced project."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from mcp_tracer.faces.cli.asking import JsonOption, ProjectOption, asked
from mcp_tracer.faces.cli.calling import failures, tell
from mcp_tracer.model.errors import UserError
from mcp_tracer.workspace.initialise import InitReport, compile_cores, initialise
from mcp_tracer.workspace.project import Project

YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")]


def init(ctx: typer.Context, yes: YesOption = False, project: ProjectOption = None, as_json: JsonOption = False) -> None:
    """Lay .ai-agents/logging into the project: settings, runtimes, folders, .gitignore lines. Settings are never overwritten."""
    wanted = asked(ctx, project, as_json)
    with failures(wanted):
        place = wanted.project()
        if not yes and not place.is_initialised:
            _confirm(place)
        report = initialise(place)
        compile_cores(place)
        body = {"root": str(place.root), "created": report.created, "kept": report.kept, "gitignoreChanged": report.gitignore_changed}
        tell(body, lambda: _text(place, report), wanted)


def _confirm(project: Project) -> None:
    if not sys.stdin.isatty():
        message = f"nothing was done: confirm with `mcp-tracer init --yes` to lay .ai-agents/logging into {project.root}."
        raise UserError(message, "unconfirmed")
    if not typer.confirm(f"Lay .ai-agents/logging into {project.root}?", default=True, err=True):
        raise UserError("nothing was done.", "unconfirmed")


def _text(project: Project, report: InitReport) -> str:
    lines = [f"{project.root} is ready."]
    lines += [f"created  {path}" for path in report.created]
    lines += [f"kept     {path}" for path in report.kept]
    if report.gitignore_changed:
        lines.append("changed  .gitignore")
    lines.append("People set what agents may do in .ai-agents/logging/config/.env.tracing.")
    lines.append(f"For Claude Code: claude mcp add mcp-tracer -- mcp-tracer serve --project {project.root}")
    return "\n".join(lines)
