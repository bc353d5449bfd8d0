"""The MCP face: one tool an operation, prompts, resources and completions, over stdio and streamable HTTP."""
