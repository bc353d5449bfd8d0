"""SpanStore on SQLite: segment files whose rows hold compressed columns of up to 4,096 spans."""

from mcp_tracer.storage.sqlite.store import SqliteSpanStore
from mcp_tracer.storage.sqlite.writer import Limits

__all__ = ["Limits", "SqliteSpanStore"]
