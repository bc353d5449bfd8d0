"""Runtime execution tracing for coding agents, offered as an MCP server."""

__version__ = "0.1.0"
