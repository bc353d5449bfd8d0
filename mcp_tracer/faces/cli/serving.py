"""`serve`: the MCP server on stdio, or MCP and REST over HTTP on loopback."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from socket import socket
from typing import TYPE_CHECKING, Annotated

import typer

from mcp_tracer.faces.cli.asking import ProjectOption, asked
from mcp_tracer.faces.cli.calling import failures
from mcp_tracer.faces.signals import stop_signals
from mcp_tracer.workspace.project import Project

if TYPE_CHECKING:
    from mcp_tracer.faces.rest.token import Token

HttpOption = Annotated[str | None, typer.Option("--http", metavar="HOST:PORT", help="Serve HTTP on loopback instead, e.g. 127.0.0.1:7420.")]


def serve(ctx: typer.Context, http: HttpOption = None, project: ProjectOption = None) -> None:
    """Serve agents: MCP on standard input and output, or (--http) /mcp and /api/tracing. Takes recordings in meanwhile."""
    wanted = asked(ctx, project, False)
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    with failures(wanted):
        place = wanted.project()
        asyncio.run(_serve_http(place, http) if http else _serve_stdio(place))
    sys.stderr.flush()
    # Everything is closed. Python would still wait for threads that nothing can interrupt: the one that reads standard input, and
    # those of database connections whose opening was cancelled together with a call.
    os._exit(0)


async def _serve_stdio(project: Project) -> None:
    from mcp_tracer.app import live_service
    from mcp_tracer.faces.mcp.server import build_server
    from mcp_tracer.faces.mcp.stdio import serve_stdio
    from mcp_tracer.resources import prompts
    from mcp_tracer.service.operations import OPERATIONS

    with stop_signals() as stop:
        async with live_service(project) as provider:
            await serve_stdio(build_server(provider, OPERATIONS, prompts()), stop)


async def _serve_http(project: Project, address: str) -> None:
    from mcp_tracer.app import check_initialised, live_service
    from mcp_tracer.faces.mcp.server import build_server
    from mcp_tracer.faces.rest.app import build_app
    from mcp_tracer.faces.rest.server import bind, serve
    from mcp_tracer.faces.rest.token import token_for
    from mcp_tracer.resources import prompts
    from mcp_tracer.service.operations import OPERATIONS

    check_initialised(project)
    with bind(address) as listening, stop_signals() as stop:
        token = token_for(project.token_file, os.environ)
        async with live_service(project) as provider:
            server = build_server(provider, OPERATIONS, prompts())
            app = build_app(provider, OPERATIONS, server, token=token.text, port=listening.getsockname()[1])
            _announce(project, listening, token)
            await serve(app, listening, stop)


def _announce(project: Project, listening: socket, token: Token) -> None:
    """Where the server is, and the token if it was made just now."""
    host, port = listening.getsockname()[:2]
    name = f"[{host}]" if ":" in host else host
    told = f"token {token.text} (kept in {project.token_file})" if token.is_new else "token as before"
    sys.stderr.write(f"mcp-tracer serves http://{name}:{port}/mcp and /api/tracing for {project.root}; {told}\n")
    sys.stderr.flush()
