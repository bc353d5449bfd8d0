"""The agent: the SDK's own MCP client, talking to `mcp-tracer serve` over stdio."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from mcp import Client, StdioServerParameters
from mcp.types import Implementation

from paper import Paper
from stage import MCP_TRACER, Stage


class Agent:
    """Calls tools and shows each call with its answer."""

    def __init__(self, client: Client, paper: Paper) -> None:
        self._client = client
        self._paper = paper

    async def tools(self) -> list[str]:
        """The names of the tools on offer."""
        return [tool.name for tool in (await self._client.list_tools()).tools]

    async def call(self, name: str, lines: int = 40, **arguments: object) -> tuple[str, bool]:
        """(text, succeeded) of one call."""
        shown = " ".join(f"{key}={json.dumps(value)}" for key, value in arguments.items())
        self._paper.call("agent", f"{name} {shown}".strip())
        result = await self._client.call_tool(name, dict(arguments))
        text = "\n".join(part.text for part in result.content if part.type == "text")
        self._paper.answer(text, lines)
        return text, not result.is_error

    async def ask(self, name: str, lines: int = 40, **arguments: object) -> str:
        """The text of a call that must succeed."""
        text, succeeded = await self.call(name, lines, **arguments)
        if not succeeded:
            self._paper.check(f"{name} succeeds", False)
        return text


@asynccontextmanager
async def agent_in(stage: Stage, paper: Paper) -> AsyncIterator[Agent]:
    """Start the server in the project and connect."""
    server = StdioServerParameters(command=str(MCP_TRACER), args=["serve"], env=stage.env, cwd=stage.root)
    who = Implementation(name="demo-agent", version="1.0")
    async with Client(server, client_info=who, read_timeout_seconds=60) as client:
        yield Agent(client, paper)
