"""JavaScript and TypeScript: one transformation, two dialects of one grammar family."""

from mcp_tracer.languages.javascript.language import EcmaScript, javascript, typescript

__all__ = ["EcmaScript", "javascript", "typescript"]
