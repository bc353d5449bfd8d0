"""SQL over the store: the query sees a private database that holds only what it asks for, never the store's own files."""

from mcp_tracer.storage.sqlite.sql.answer import answer

__all__ = ["answer"]
