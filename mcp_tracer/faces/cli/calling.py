"""Call an operation, show its answer, and turn failures into one line and an exit code."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from typing import Any

import typer

from mcp_tracer.faces.cli.asking import Asked
from mcp_tracer.faces.cli.showing import show, visible
from mcp_tracer.faces.cli.watching import watched
from mcp_tracer.faces.failures import body_of, error_body, kind_of
from mcp_tracer.model.errors import TracerError
from mcp_tracer.service.context import Caller
from mcp_tracer.service.service import Answer

CALLER = Caller(name="cli", via="cli")
INCOMPLETE, INTERNAL = 1, 4


def perform(operation: str, arguments: Mapping[str, Any], asked: Asked) -> None:
    """Run one operation and print its answer; leaves with the exit code of the failure if there is one."""
    with failures(asked):
        answer = asyncio.run(_call(operation, arguments, asked))
        body = answer.result.model_dump(mode="json", by_alias=True) if asked.as_json else None  # of a large trace it takes a second
        tell(body, lambda: answer.text, asked)
        if answer.incomplete:
            raise typer.Exit(INCOMPLETE)


async def _call(operation: str, arguments: Mapping[str, Any], asked: Asked) -> Answer:
    from mcp_tracer.app import open_service  # composing a project loads every adapter: not for --help

    async with open_service(asked.project(), ingest=False) as service:
        with watched() as progress:
            return await service.call(operation, arguments, CALLER, progress)


def tell(body: Any, text: Callable[[], str], asked: Asked) -> None:
    """Print the body as JSON, or the text."""
    if asked.as_json:
        typer.echo(json.dumps(body, ensure_ascii=False, indent=2))
    else:
        show(text())


@contextmanager
def failures(asked: Asked) -> Generator[None]:
    """Failures become one line on stderr (or the REST shape with --json) and an exit code; MCP_TRACER_DEBUG=1 shows bugs in full."""
    try:
        yield
    except (typer.Exit, typer.Abort, BrokenPipeError):
        raise
    except TracerError as error:
        _tell_failure(body_of(error), str(error), asked)
        raise typer.Exit(kind_of(error).exit_code) from None
    except Exception as error:
        if os.environ.get("MCP_TRACER_DEBUG"):
            raise
        message = f"internal error ({type(error).__name__}: {error}): please report it, with what MCP_TRACER_DEBUG=1 shows."
        _tell_failure(error_body("internal", message), message, asked)
        raise typer.Exit(INTERNAL) from None


def _tell_failure(body: Any, message: str, asked: Asked) -> None:
    if asked.as_json:
        typer.echo(json.dumps(body, ensure_ascii=False, indent=2))
    else:
        typer.echo("mcp-tracer: " + " ".join(visible(message).splitlines()), err=True)
