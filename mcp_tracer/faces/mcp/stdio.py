"""MCP over standard input and output, until the client closes them or a signal says stop."""

from __future__ import annotations

import asyncio
from typing import Any

from mcp.server import MCPServer


async def serve_stdio(server: MCPServer[Any], stop: asyncio.Event) -> None:
    """Serve until standard input ends or `stop` is set.

    After a stop the reading thread still hangs in `read`, which nothing can interrupt: the process must leave by `os._exit`.
    """
    serving = asyncio.create_task(server.run_stdio_async())
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if serving.done():
        await serving
