"""Merging small frames: a program that is watched live is committed five times a second, a few spans each time."""

from __future__ import annotations

import sqlite3
from typing import Final

from mcp_tracer.storage.sqlite import events, frames, rollup
from mcp_tracer.storage.sqlite.columns import FRAME_SPANS

MANY: Final = 16


def merge_tail(db: sqlite3.Connection, compressed: bool) -> None:
    """Merge the last frames, rollups and event frames where there are many small ones. Use inside a transaction."""
    _merge_frames(db, compressed)
    _merge_rollups(db)
    _merge_events(db)


def _merge_frames(db: sqlite3.Connection, compressed: bool) -> None:
    rows = db.execute("SELECT id, n FROM frame ORDER BY id DESC LIMIT ?", (2 * MANY,)).fetchall()
    tail: list[tuple[int, int]] = []
    for ordinal, n in rows:
        if sum(size for _, size in tail) + n > FRAME_SPANS:
            break
        tail.append((ordinal, n))
    if len(tail) < MANY:
        return
    tail.reverse()
    merged = frames.joined([frames.load(db, ordinal, n) for ordinal, n in tail])
    frames.delete(db, [ordinal for ordinal, _ in tail], tail[-1][0] + tail[-1][1])
    frames.write(db, tail[0][0], merged, compressed)


def _merge_rollups(db: sqlite3.Connection) -> None:
    """Rows of like size are merged when there are many, so that each is rewritten only a few times."""
    rows = db.execute("SELECT id, n FROM rollup ORDER BY id DESC LIMIT ?", (MANY,)).fetchall()
    if len(rows) < MANY or max(n for _, n in rows) > 8 * MANY * max(1, min(n for _, n in rows)):
        return
    merge_rollups(db, [row[0] for row in rows])


def merge_rollups(db: sqlite3.Connection, ids: list[int]) -> None:
    """Replace rollup rows by one that says the same. It gets an id that no row had: readers keep what they read."""
    marks = ",".join("?" * len(ids))
    rows = db.execute(f"SELECT keys, sums, hist FROM rollup WHERE id IN ({marks})", ids).fetchall()
    merged = rollup.merged([rollup.decode(*row) for row in rows])
    db.execute(f"DELETE FROM rollup WHERE id IN ({marks})", ids)
    db.execute(
        "INSERT INTO rollup(id, n, min_hour, max_hour, keys, sums, hist) VALUES(?,?,?,?,?,?,?)", (max(ids) + 1, *rollup.encode(merged))
    )


def _merge_events(db: sqlite3.Connection) -> None:
    rows = db.execute("SELECT id, src, n, z FROM event_frame ORDER BY id DESC LIMIT ?", (2 * MANY,)).fetchall()
    by_source: dict[int, list[tuple[int, int, int, bytes]]] = {}
    for row in rows:
        if row[2] <= FRAME_SPANS // 8:
            by_source.setdefault(row[1], []).append(row)
    for small in by_source.values():
        if len(small) >= MANY:
            events.merge(db, small)
