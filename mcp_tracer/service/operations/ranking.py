"""Pages of a table of functions, costliest first. A page goes on after a function's own figures, whatever was added meanwhile."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Final, NamedTuple

from mcp_tracer.model import cursor
from mcp_tracer.model.span import FunctionStats

ALL: Final = 1 << 31
_Key = tuple[int, str, str, str]


class Ranked(NamedTuple):
    """A page, and the cursor of the next."""

    rows: list[FunctionStats]
    cursor: str | None


def ranked(rows: Sequence[FunctionStats], by: str, limit: int, after: str | None) -> Ranked:
    """The page of `rows` after the cursor, by `self` or `total` time. Raises UserError for a cursor of another list."""
    kind = f"functions by {by}"
    place = cursor.decode(after, kind, int, str, str, str)

    def key(row: FunctionStats) -> _Key:
        return -(row.self_ns if by == "self" else row.total_ns), row.file, row.function, row.kind

    ordered = sorted(rows, key=key)
    first = bisect_right(ordered, place, key=key) if place is not None else 0
    shown = ordered[first : first + limit]
    return Ranked(shown, cursor.encode(kind, *key(shown[-1])) if first + limit < len(ordered) else None)
