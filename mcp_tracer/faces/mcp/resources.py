"""Resources: a trace, a run and the configuration by URI, as the same text that the tools give."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mcp.server import MCPServer
from mcp.server.mcpserver.context import Context
from mcp.server.mcpserver.exceptions import ResourceError, ResourceNotFoundError

from mcp_tracer.faces.callers import ServiceProvider, named_caller
from mcp_tracer.faces.mcp.tools import caller_of
from mcp_tracer.model.errors import NotFound, TracerError
from mcp_tracer.service.context import Caller

CONTEXT = Context[Any, Any]


def add_resources(server: MCPServer[Any], provider: ServiceProvider) -> None:
    """Register `trace://{traceId}`, `run://{runId}` and `config://tracing`."""

    async def read(operation: str, arguments: Mapping[str, Any], caller: Caller) -> str:
        try:
            service = await provider()
            return (await service.call(operation, arguments, caller)).text
        except NotFound as error:
            raise ResourceNotFoundError(str(error)) from error
        except TracerError as error:
            raise ResourceError(str(error)) from error

    @server.resource("trace://{traceId}", name="trace", title="Trace", description="One trace as a tree of its spans.")
    async def trace(traceId: str, ctx: CONTEXT) -> str:
        return await read("get_trace", {"trace_id": traceId}, caller_of(ctx))

    @server.resource("run://{runId}", name="run", title="Run", description="What one run called, newest first.")
    async def run(runId: str, ctx: CONTEXT) -> str:
        return await read("search_traces", {"run": runId}, caller_of(ctx))

    @server.resource("config://tracing", name="config", title="Tracing configuration", description="What is traced, at which level.")
    async def config() -> str:
        # The SDK gives resources without variables no context, so the client's name is unknown here.
        return await read("get_config", {}, named_caller(None, None, "mcp"))

    del trace, run, config
