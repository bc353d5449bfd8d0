"""Cursors: opaque to callers, the last row's key inside. A list goes on after that key, whatever was added meanwhile."""

from __future__ import annotations

import base64
import json
from typing import Any, cast

from mcp_tracer.model.errors import UserError


def encode(kind: str, *key: int | str) -> str:
    """A cursor for the list `kind` after the row with this key."""
    return base64.urlsafe_b64encode(json.dumps([kind, *key], separators=(",", ":")).encode()).decode().rstrip("=")


def kind_of(cursor: str | None) -> str:
    """The kind of list that a cursor belongs to; '' for none, and for what is no cursor."""
    content = _content(cursor or "")
    return content[0] if content and isinstance(content[0], str) else ""


def decode(cursor: str | None, kind: str, *types: type) -> tuple[Any, ...] | None:
    """The key in a cursor, None without one. Raises UserError for a cursor of another list."""
    if cursor is None:
        return None
    parts = _content(cursor)
    if parts and parts[0] == kind and [type(part) for part in parts[1:]] == list(types):
        return tuple(parts[1:])
    raise UserError("The cursor doesn't belong to this list: repeat the question without a cursor.")


def _content(cursor: str) -> list[Any]:
    try:
        content = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, UnicodeDecodeError):
        return []
    return cast("list[Any]", content) if isinstance(content, list) else []
