"""The REST face: the routes of every operation below `/api/tracing/`, and the server that carries them and MCP over HTTP."""
