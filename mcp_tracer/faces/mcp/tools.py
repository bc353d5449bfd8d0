"""Operations as MCP tools: flat parameters, text answers, errors as sentences."""

from __future__ import annotations

from typing import Any

from mcp.server.mcpserver.context import Context
from mcp.server.mcpserver.exceptions import ToolError, UnexpectedToolError
from mcp.server.mcpserver.tools import Tool
from mcp.server.mcpserver.utilities.func_metadata import ArgModelBase, FuncMetadata
from mcp.shared.exceptions import MCPError
from mcp.types import CallToolResult, TextContent, ToolAnnotations
from pydantic import Field

from mcp_tracer.faces.callers import ServiceProvider, named_caller
from mcp_tracer.faces.mcp.schema import input_schema
from mcp_tracer.model.errors import TracerError
from mcp_tracer.service.context import Caller, Progress
from mcp_tracer.service.operation import Hints, Operation

INTERNAL = "internal error in {name}: nothing you sent can fix it; the server's log (stderr) has the details."


class OperationTool(Tool):
    """A tool that hands its arguments to the service as they came: validation, and its wording, are the service's.

    The SDK's own `run` would put pydantic's text and an "Error executing tool" in front of what the agent should read.
    """

    provider: ServiceProvider = Field(exclude=True)

    async def run(self, arguments: dict[str, Any], context: Context[Any, Any], convert_result: bool = False) -> CallToolResult:
        """Call the operation. Raises ToolError with the sentence for the agent; the SDK logs unexpected ones with their traceback."""
        try:
            service = await self.provider()
            answer = await service.call(self.name, arguments, caller_of(context), progress_to(context))
        except TracerError as error:
            raise ToolError(str(error)) from error
        except MCPError:
            raise
        except Exception as error:
            raise UnexpectedToolError(INTERNAL.format(name=self.name)) from error
        return CallToolResult(content=[TextContent(type="text", text=answer.text)])


def tool_of(operation: Operation[Any, Any], provider: ServiceProvider) -> OperationTool:
    """The tool of one operation."""
    return OperationTool(
        fn=operation.run,
        name=operation.name,
        title=title_of(operation),
        description=operation.summary,
        parameters=input_schema(operation.params),
        fn_metadata=FuncMetadata(arg_model=ArgModelBase),
        is_async=True,
        context_kwarg=None,
        annotations=annotations_of(operation.hints, title_of(operation)),
        provider=provider,
    )


def title_of(operation: Operation[Any, Any]) -> str:
    """`get_trace` → `Get trace`."""
    return operation.name.replace("_", " ").capitalize()


def annotations_of(hints: Hints, title: str) -> ToolAnnotations:
    """All four hints, stated."""
    return ToolAnnotations(
        title=title,
        read_only_hint=hints.read_only,
        destructive_hint=hints.destructive,
        idempotent_hint=hints.idempotent,
        open_world_hint=hints.open_world,
    )


def caller_of(context: Context[Any, Any]) -> Caller:
    """The client as it named itself; both protocol eras tell it."""
    client = context.session.client_params
    info = client.client_info if client else None
    return named_caller(info.name if info else None, info.version if info else None, "mcp")


def progress_to(context: Context[Any, Any]) -> Progress:
    """A receiver that passes progress on; the session drops it where the client asked for none."""

    async def report(done: int, total: int, message: str) -> None:
        await context.report_progress(done, total, message)

    return report
