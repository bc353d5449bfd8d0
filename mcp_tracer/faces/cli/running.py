"""`run` and `env`: programs whose files are instrumented as they are loaded."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Sequence
from typing import Annotated

import typer

from mcp_tracer.faces.cli.asking import Asked, JsonOption, ProjectOption, asked
from mcp_tracer.faces.cli.calling import failures
from mcp_tracer.faces.cli.child import Child
from mcp_tracer.model.errors import Refused, UserError
from mcp_tracer.model.level import Level
from mcp_tracer.service.guard import check_flags, needs_approval
from mcp_tracer.service.operation import INSTRUMENT
from mcp_tracer.service.renewing import LANGUAGES, Renewing
from mcp_tracer.settings.file import load
from mcp_tracer.workspace import launching
from mcp_tracer.workspace.initialise import refresh_runtime
from mcp_tracer.workspace.manifest import Manifest
from mcp_tracer.workspace.project import Project
from mcp_tracer.workspace.workspace import Workspace

LEVEL_HELP = "Trace every file of the project at this level (1 to 5). Default: only files that were instrumented with --mode on_load."
LevelOption = Annotated[int | None, typer.Option("--level", help=LEVEL_HELP, show_default=False)]
SHOWN = 5
PASS_ON = {"ignore_unknown_options": True, "allow_interspersed_args": False}


def run(
    ctx: typer.Context,
    command: Annotated[list[str], typer.Argument(metavar="-- COMMAND…", help="What to run, with its arguments.", show_default=False)],
    level: LevelOption = None,
    project: ProjectOption = None,
) -> None:
    """Run a command with its files instrumented as they are loaded; none of them is changed. Its exit code is passed on."""
    wanted = asked(ctx, project, False)
    with failures(wanted):
        place = _prepared(wanted, level)
        variables = launching.variables(place, level, os.environ)
        before = _recordings(place)
        child = Child.start(command, {**os.environ, **variables})
    child.wait()
    if _recordings(place) == before:
        typer.echo(f"mcp-tracer: nothing was recorded: {_why(place, level)}", err=True)
    child.leave()


def env(ctx: typer.Context, level: LevelOption = None, project: ProjectOption = None, as_json: JsonOption = False) -> None:
    """Print what a shell sets so that whatever it starts is traced: eval "$(mcp-tracer env)". With --json, for an agent's settings file."""
    wanted = asked(ctx, project, as_json)
    with failures(wanted):
        variables = launching.variables(_prepared(wanted, level), level, os.environ, lasting=True)
        if wanted.as_json:
            typer.echo(json.dumps({"env": variables}, ensure_ascii=False, indent=2))
        else:
            typer.echo("\n".join(f"export {name}={shlex.quote(value)}" for name, value in variables.items()))


def _prepared(wanted: Asked, level: int | None) -> Project:
    """The project, its runtime brought up to date. Raises UserError and Refused as `instrument` would."""
    place = wanted.project()
    if not place.is_initialised:
        raise UserError(f"{place.root} is not set up: run `mcp-tracer init --project {place.root}` once.", "not_initialised")
    if level is not None:
        if Level.of(level) is Level.OFF:
            raise UserError("level 0 means no tracing: start the command without `mcp-tracer run`.")
        _check(place)
    refresh_runtime(place)
    _tell(_renewed(place, level))
    return place


def _renewed(place: Project, level: int | None) -> list[str]:
    """Make the texts that loaders of JavaScript will ask for. What may not be instrumented without a person stays as it was made."""
    if level is None and all(entry.mode != "on_load" or entry.language not in LANGUAGES for entry in Manifest(place).entries().values()):
        return []
    from mcp_tracer.app import languages  # composing loads every adapter: not for those who need none

    settings = load(place.env_file)
    renewing = Renewing(Workspace(place, languages()), settings.settings)
    if level is not None:
        return renewing.level(level)
    if needs_approval(INSTRUMENT, settings) or not all(settings.allows(flag) for flag in INSTRUMENT.flags):
        return []
    return renewing.entries()


def _tell(sentences: Sequence[str]) -> None:
    for sentence in sentences[:SHOWN]:
        typer.echo(f"mcp-tracer: {sentence}", err=True)
    if len(sentences) > SHOWN:
        typer.echo(f"mcp-tracer: {len(sentences) - SHOWN:,} more files run untraced.", err=True)


def _check(place: Project) -> None:
    """A level here instruments files, so that it needs the permission for it."""
    settings = load(place.env_file)
    check_flags(INSTRUMENT, settings)
    if needs_approval(INSTRUMENT, settings):
        raise Refused("refused: changes need a person's approval here. Ask for it with `mcp-tracer instrument --mode on_load`, then run.")


def _recordings(place: Project) -> object:
    """Something that differs once a process has recorded, also where a server has taken the recording in and away meanwhile."""
    if not place.spool_dir.is_dir():
        return None
    return place.spool_dir.stat().st_mtime_ns, sorted(path.name for path in place.spool_dir.glob("*.spool"))


def _why(place: Project, level: int | None) -> str:
    """The likely reason, and what to do."""
    if not load(place.env_file).settings.enabled:
        return "TRACING_ENABLED is false in .env.tracing."
    entries = Manifest(place).entries()
    if level is None and not entries:
        return "no file is instrumented. Use `mcp-tracer run --level 2 -- …`, or instrument some with `--mode on_load`."
    return (
        "no traced function ran, or the program was started in a way that leaves PYTHONPATH or NODE_OPTIONS unread (python -I, -E or -S, "
        "a cleared environment)."
    )
