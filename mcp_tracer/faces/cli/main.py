"""The `mcp-tracer` command."""

from __future__ import annotations

from typing import Annotated

import typer

from mcp_tracer import __version__
from mcp_tracer.faces.cli.asking import Asked, JsonOption, ProjectOption
from mcp_tracer.faces.cli.binding import add_commands, group_of
from mcp_tracer.faces.cli.deciding import add_decisions
from mcp_tracer.faces.cli.examining import doctor
from mcp_tracer.faces.cli.initialising import init
from mcp_tracer.faces.cli.running import PASS_ON, env, run
from mcp_tracer.faces.cli.serving import serve
from mcp_tracer.service.operations import OPERATIONS


def build() -> typer.Typer:
    """The whole command line: one command an operation, and those that only people use."""
    app = typer.Typer(
        name="mcp-tracer",
        help="Runtime execution tracing for coding agents: what did the program really do?",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        add_completion=True,
        rich_markup_mode=None,
    )
    app.callback()(_above)
    app.command("init")(init)
    app.command("serve")(serve)
    app.command("doctor")(doctor)
    app.command("run", context_settings=PASS_ON)(run)
    app.command("env")(env)
    groups: dict[tuple[str, ...], typer.Typer] = {}
    add_commands(app, groups, OPERATIONS)
    add_decisions(group_of(app, groups, ("approvals",)))
    return app


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


VersionOption = Annotated[bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")]


def _above(ctx: typer.Context, project: ProjectOption = None, as_json: JsonOption = False, version: VersionOption = False) -> None:
    ctx.obj = Asked(project, as_json)


def main() -> None:
    """Exit codes: 0 done, 1 the caller can fix it, 2 wrong usage, 3 a person decides, 4 the machine or the installation must be fixed."""
    build()()
