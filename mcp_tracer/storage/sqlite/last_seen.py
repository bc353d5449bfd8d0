"""When a process was last heard of, for one that ended without saying so."""

from __future__ import annotations

import sqlite3

import numpy as np

from mcp_tracer.storage.sqlite import frames
from mcp_tracer.storage.sqlite.columns import Array


def in_spans(db: sqlite3.Connection, source: int) -> int:
    """The last end of a process's spans in a segment, ns since the epoch; 0 without one."""
    query = "SELECT id, max_end FROM frame WHERE id IN (SELECT frame FROM source_frame WHERE src=?) ORDER BY max_end DESC"
    last = 0
    for frame, end in db.execute(query, (source,)).fetchall():
        if end <= last:
            break
        columns = frames.read(db, frame, ("src", "start", "dur"))
        ends: Array = columns["start"] + columns["dur"].astype(np.int64)
        last = max(last, int(ends[columns["src"] == source].max(initial=0)))
    return last


def in_counts(db: sqlite3.Connection, run: int) -> int:
    """When calls of a run were last counted, ns since the epoch; 0 where none were."""
    return int(db.execute("SELECT max(at) FROM aggregate WHERE run=?", (run,)).fetchone()[0] or 0)
