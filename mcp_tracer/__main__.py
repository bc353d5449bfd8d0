"""`python -m mcp_tracer` is `mcp-tracer`."""

from mcp_tracer.faces.cli.main import main

main()
