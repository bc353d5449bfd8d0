"""SpanStore on SQLite: segment files whose rows hold compressed columns of up to 4,096 spans."""

from mcp_tracer.storage.sqlite.store import SqliteSpanStore

__all__ = ["SqliteSpanStore"]
