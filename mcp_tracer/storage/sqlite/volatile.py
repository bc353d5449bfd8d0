"""A store that keeps nothing: a private folder for as long as the process lives, and no more traces than were asked for."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Final

from mcp_tracer.storage.sqlite import schema, segments
from mcp_tracer.storage.sqlite.writer import Limits

_MEMORY: Final = Path("/dev/shm")
_PARTS: Final = 4


def folder() -> tempfile.TemporaryDirectory[str]:
    """A folder in memory where the system has one, else among the temporary files; only this user can read it."""
    in_memory = str(_MEMORY) if _MEMORY.is_dir() and os.access(_MEMORY, os.W_OK) else None
    return tempfile.TemporaryDirectory(prefix="mcp-tracer-", dir=in_memory, ignore_cleanup_errors=True)


def limits(max_traces: int | None) -> Limits:
    """Segments so small that the oldest can go when there are too many traces."""
    return Limits() if max_traces is None else Limits(traces=max(1, max_traces // _PARTS))


def surplus(folder: Path, max_traces: int) -> list[int]:
    """Numbers of the oldest segments, which must go for the rest to hold at most `max_traces` traces, the next segment's included."""
    room = max_traces - max(1, max_traces // _PARTS)
    gone: list[int] = []
    for one in reversed(segments.listed(folder)):
        db = schema.connect(one.path, sealed=one.sealed)
        try:
            room -= db.execute("SELECT count(*) FROM trace").fetchone()[0]
        finally:
            db.close()
        if room < 0:
            gone.append(one.number)
    return gone[::-1]
