"""`approvals approve` and `approvals deny`: a person's decision, taken at a terminal."""

from __future__ import annotations

import asyncio
import getpass
import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import Annotated, TextIO

import typer

from mcp_tracer.faces.cli.asking import Asked, JsonOption, ProjectOption, asked
from mcp_tracer.faces.cli.calling import failures, tell
from mcp_tracer.faces.cli.showing import visible
from mcp_tracer.model.errors import Refused, UserError
from mcp_tracer.service.approvals import Approvals, Request

TERMINALS = ("CONIN$", "CONOUT$") if sys.platform == "win32" else ("/dev/tty", "/dev/tty")
IdArgument = Annotated[str, typer.Argument(metavar="ID", help="The request's id, from `approvals list`.")]
ReasonOption = Annotated[str | None, typer.Option("--reason", help="Why; the agent can read it.")]


def add_decisions(group: typer.Typer) -> None:
    """Register both commands."""

    @group.command("approve", help="Allow one request, once; asks you to confirm at the terminal.")
    def approve(
        ctx: typer.Context, id: IdArgument, reason: ReasonOption = None, project: ProjectOption = None, as_json: JsonOption = False
    ) -> None:
        _decide(id, True, reason, asked(ctx, project, as_json))

    @group.command("deny", help="Refuse one request; asks you to confirm at the terminal.")
    def deny(
        ctx: typer.Context, id: IdArgument, reason: ReasonOption = None, project: ProjectOption = None, as_json: JsonOption = False
    ) -> None:
        _decide(id, False, reason, asked(ctx, project, as_json))

    del approve, deny


def _decide(request_id: str, approve: bool, reason: str | None, asked: Asked) -> None:
    with failures(asked):
        decided = asyncio.run(_ask_and_record(request_id, approve, reason, asked))
        verb = {"approved": "approved: the agent can make its call again, once"}.get(decided.state, decided.state)
        tell({"id": decided.id, "state": decided.state, "decidedBy": decided.decided_by}, lambda: f"{decided.id} {verb}.", asked)


async def _ask_and_record(request_id: str, approve: bool, reason: str | None, asked: Asked) -> Request:
    from mcp_tracer.app import load_settings  # see calling.py

    project = asked.project()
    if "cli" not in load_settings(project).settings.approval_channels:
        raise Refused("decisions on the command line are switched off: TRACING_APPROVAL_CHANNELS in .env.tracing lacks cli.")
    approvals = Approvals(project.state_file)
    request = await approvals.get(request_id)
    if request.state != "pending":
        raise UserError(f"request {request.id} is already {request.state}: nothing was changed.", code="decided")
    with terminal() as (questions, answers):
        confirm(request, approve, questions, answers)
    return await approvals.decide(request.id, approve, by=getpass.getuser(), channel="cli", reason=reason)


@contextmanager
def terminal() -> Generator[tuple[TextIO, TextIO]]:
    """The person's terminal, to write to and read from, whatever the standard streams are. Raises Refused where there is none."""
    try:
        answers, questions = open(TERMINALS[0], encoding="utf-8"), open(TERMINALS[1], "w", encoding="utf-8")  # noqa: SIM115, PTH123
    except OSError:
        raise Refused("a decision needs a person at an interactive terminal, and this process has none: run it in yours.") from None
    with answers, questions:
        yield questions, answers


def confirm(request: Request, approve: bool, questions: TextIO, answers: TextIO) -> None:
    """Show what was asked for and have the id typed. Raises UserError for anything else."""
    lines = [
        f"Request {request.id} of {visible(request.agent)} ({request.operation}):",
        f"  {visible(request.description)}",
        *(f"    {line}" for line in visible(request.details).splitlines()),
        f"Type the id to {'approve' if approve else 'deny'} it, anything else to leave it: ",
    ]
    questions.write("\n".join(lines))
    questions.flush()
    if answers.readline().strip() != request.id:
        raise UserError(f"request {request.id} was left as it is: the id was not typed.", code="unconfirmed")
