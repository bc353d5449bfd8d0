"""The newest segment: the one that takes spans. Making it, and making the next one when it is full."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mcp_tracer.storage.sqlite import opened, schema, segments
from mcp_tracer.storage.sqlite.segments import SegmentFile
from mcp_tracer.storage.sqlite.trace_rows import TraceRows, carry_over


@dataclass(slots=True)
class Live:
    """An open newest segment. What is kept here besides the connection is also in the file, and read from there after a failure."""

    number: int
    db: sqlite3.Connection
    traces: TraceRows
    older: list[sqlite3.Connection]
    next_ordinal: int = 0
    created_ns: int = 0
    open_seqs: dict[int, set[int]] = field(default_factory=dict[int, set[int]])

    def size(self) -> int:
        """Bytes, what is still in the log included."""
        return int(self.db.execute("PRAGMA page_count").fetchone()[0]) * int(self.db.execute("PRAGMA page_size").fetchone()[0])

    def close(self) -> None:
        """Close its connections."""
        for connection in (self.db, *self.older):
            connection.close()


def open_newest(folder: Path, sound: Sequence[SegmentFile], last_source: int, now_ns: int) -> Live:
    """Open the newest of a store's sound segments, or make one where it takes no spans any more. Raises Unavailable where a newer version
    wrote it."""
    if not sound or sound[-1].sealed or sound[-1].number + 1 != segments.next_number(folder):
        return following(folder, sound, last_source, now_ns)
    newest = sound[-1]
    db = schema.connect(newest.path)
    schema.migrate(db, newest.path, schema.SEGMENT_STEPS)
    return _loaded(newest.number, db, _older(sound[:-1]))


def following(folder: Path, sound: Sequence[SegmentFile], last_source: int, now_ns: int) -> Live:
    """Make the segment after the newest one; it begins with the positions and open spans of that one. `last_source`: the newest process.

    Where that one is damaged, with the positions of the last that isn't, so that files go on from there; which of its open spans have ended
    since isn't known.
    """
    number = segments.next_number(folder)
    if not sound:
        return _made(folder, number, None, [], {"created_ns": now_ns, "last_source": last_source, "follows": 0})
    newest = sound[-1]
    before = schema.connect(newest.path, sealed=newest.sealed)
    try:
        meta = {"created_ns": now_ns, "last_source": last_source, "follows": newest.number}
        return _made(folder, number, before, _older(sound), meta)
    finally:
        before.close()


def _made(folder: Path, number: int, before: sqlite3.Connection | None, older: list[sqlite3.Connection], meta: dict[str, int]) -> Live:
    """Make it under another name and rename it when everything is in it: a segment that can be seen is whole."""
    path, making = segments.live_path(folder, number), folder / f"seg{number:05d}.making"
    segments.remove(making)
    db = schema.connect(making, create=True)
    schema.prepare(db, schema.SEGMENT + schema.GROWING)
    with schema.transaction(db):
        db.executemany("INSERT INTO meta VALUES(?, ?)", meta.items())
        if before is not None:
            db.executemany("INSERT INTO position VALUES(?,?,?,?,?)", before.execute("SELECT * FROM position WHERE finished=0").fetchall())
            opened.carry_heard(db, before)
            if meta["follows"] + 1 == number:
                carry_over(db, TraceRows(db, older), before)
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()
    segments.remove_beside(making)
    making.rename(path)
    return _loaded(number, schema.connect(path), older)


def _loaded(number: int, db: sqlite3.Connection, older: list[sqlite3.Connection]) -> Live:
    live = Live(number, db, TraceRows(db, older), older)
    last = db.execute("SELECT id + n FROM frame ORDER BY id DESC LIMIT 1").fetchone()
    live.next_ordinal = int(last[0]) if last else 0
    live.created_ns = int(db.execute("SELECT value FROM meta WHERE key='created_ns'").fetchone()[0])
    for source, seq in db.execute("SELECT src, seq FROM open_span"):
        live.open_seqs.setdefault(source, set()).add(seq)
    return live


def _older(there: Sequence[SegmentFile]) -> list[sqlite3.Connection]:
    return [schema.connect(one.path, sealed=one.sealed) for one in reversed(there)]
