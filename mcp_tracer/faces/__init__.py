"""MCP, REST and CLI: three translations of the same operations. They hold no logic of their own."""
