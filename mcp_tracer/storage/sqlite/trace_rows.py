"""The segment's rows about traces: their ids, counts, bounds and definitions. Used inside the writer's transaction."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from mcp_tracer.model import spool
from mcp_tracer.model.batch import SpoolBatch
from mcp_tracer.storage.sqlite import definitions
from mcp_tracer.storage.sqlite.catalog import SourceIds
from mcp_tracer.storage.sqlite.columns import Array

_CACHED: Final = 200_000

_COUNT: Final = """
UPDATE trace SET n=n+:n, errs=errs+:errs, start=min(coalesce(start, :start), :start), end=max(coalesce(end, :end), :end)
WHERE id=:id
"""
_ROOT: Final = """
UPDATE trace SET root_fn=:fn, root_start=:start, src=:src WHERE id=:id AND (root_start IS NULL OR root_start>:start)
"""


class TraceRows:
    """Trace ids of one live segment. `older`: connections to the segments before it, newest first, where local ids may be."""

    def __init__(self, db: sqlite3.Connection, older: Sequence[sqlite3.Connection]) -> None:
        self._db, self._older = db, older
        self._ids: dict[bytes, int] = {}
        self._local: dict[tuple[int, int], tuple[int, bytes | None]] = {}

    def define(self, batch: SpoolBatch, ids: SourceIds) -> None:
        """Take the trace definitions of a batch."""
        for kind, local, content in batch.definitions:
            if kind == spool.DEF_TRACE:
                self._define(ids.source, local, content)

    def ids(self, source: int, run_id: str, columns: dict[str, Array]) -> Array:
        """This segment's trace ids for those that spans have in the file; notes which of their roots belong to remote spans."""
        unique, inverse = np.unique(columns["trace"], return_inverse=True)
        found = [self._of_local(source, run_id, one) for one in unique.tolist()]
        remote = np.array([parent is not None for _, parent in found], np.bool_)
        for index in np.flatnonzero((columns["parent"] == 0) & remote[inverse]).tolist():
            row = (source, int(columns["seq"][index]), found[int(inverse[index])][1])
            self._db.execute("INSERT OR REPLACE INTO remote_root VALUES(?,?,?)", row)
        return np.array([id_ for id_, _ in found], np.int64)[inverse]

    def id_of(self, trace_id: bytes, source: int) -> int:
        """This segment's id for a trace; added where it is new here."""
        found = self._ids.get(trace_id)
        if found is None:
            if len(self._ids) > _CACHED:
                self._ids.clear()
            self._db.execute("INSERT OR IGNORE INTO trace(trace_id, src) VALUES(?,?)", (trace_id, source))
            found = self._ids[trace_id] = int(self._db.execute("SELECT id FROM trace WHERE trace_id=?", (trace_id,)).fetchone()[0])
        return found

    def trace_id(self, id_: int) -> bytes:
        """The 16 bytes of a trace."""
        return bytes(self._db.execute("SELECT trace_id FROM trace WHERE id=?", (id_,)).fetchone()[0])

    def count(self, columns: dict[str, Array]) -> None:
        """Add finished spans to their traces' counts and bounds."""
        traces, rows = np.unique(columns["trace"], return_inverse=True)
        starts, stops = _bounds(columns, rows, len(traces))
        n = np.bincount(rows, minlength=len(traces)).tolist()
        errors = np.bincount(rows[columns["err"] > 0], minlength=len(traces)).tolist()
        fields = zip(traces.tolist(), n, errors, starts.tolist(), stops.tolist(), strict=True)
        self._db.executemany(_COUNT, [dict(zip(("id", "n", "errs", "start", "end"), row, strict=True)) for row in fields])
        self.place(columns)

    def place(self, columns: dict[str, Array]) -> None:
        """Let the spans' traces start no later than they do, and be named by the earliest root. For open spans too."""
        traces, rows = np.unique(columns["trace"], return_inverse=True)
        starts, _ = _bounds(columns, rows, len(traces))
        changes = zip(starts.tolist(), starts.tolist(), traces.tolist(), strict=True)
        self._db.executemany("UPDATE trace SET start=min(coalesce(start, ?), ?) WHERE id=?", changes)
        roots = np.flatnonzero(columns["parent"] == 0)
        order = roots[np.argsort(columns["start"][roots], kind="stable")[::-1]]
        first = {int(columns["trace"][index]): int(index) for index in order.tolist()}
        names = ("fn", "start", "src")
        self._db.executemany(_ROOT, [{"id": trace, **{n: int(columns[n][at]) for n in names}} for trace, at in first.items()])

    def _define(self, source: int, local: int, content: dict[str, Any]) -> None:
        trace_id = _hex(content.get("traceId"), 16)
        if trace_id is None:
            return
        parent = _hex(content.get("parentSpanId"), 8) or self._known_parent(source, local)
        id_ = self._remember(source, local, trace_id, parent)
        more = {key: value for key, value in content.items() if key not in ("traceId", "parentSpanId")}
        if parent is not None:
            more["parentSpanId"] = parent.hex()
        self._describe(id_, source, local, more)

    def _describe(self, id_: int, source: int, local: int, more: dict[str, Any]) -> None:
        """Keep what a process says of a trace as a whole: of what it did there more than once, what it began with."""
        said = definitions.of_row(self._db.execute("SELECT definition FROM trace WHERE id=?", (id_,)).fetchone()[0])
        before = said.get(source)
        said[source] = definitions.joined(before, (local, more)) if before else (local, more)
        test = more.get("testId")
        values = (definitions.as_row(said), None if test is None else str(test), id_)
        self._db.execute("UPDATE trace SET definition=?, test_id=coalesce(?, test_id) WHERE id=?", values)

    def _known_parent(self, source: int, local: int) -> bytes | None:
        """What an earlier definition said: a later one adds to it."""
        if (source, local) in self._local:
            return self._local[source, local][1]
        stored = self._stored(source, local)
        return stored[1] if stored is not None else None

    def _remember(self, source: int, local: int, trace_id: bytes, parent: bytes | None) -> int:
        if len(self._local) > _CACHED:
            self._local.clear()
        self._db.execute("INSERT OR REPLACE INTO trace_local VALUES(?,?,?,?)", (source, local, trace_id, parent))
        id_ = self._join(source, trace_id, parent)
        self._local[source, local] = (id_, parent)
        return id_

    def _join(self, source: int, trace_id: bytes, parent: bytes | None) -> int:
        id_ = self.id_of(trace_id, source)
        self._db.execute("INSERT OR IGNORE INTO trace_source VALUES(?,?,?)", (source, id_, parent))
        if parent is not None:
            self._db.execute("UPDATE trace_source SET parent=? WHERE src=? AND trace=?", (parent, source, id_))
        return id_

    def _of_local(self, source: int, run_id: str, local: int) -> tuple[int, bytes | None]:
        """(this segment's id, the remote parent) of a trace in a file."""
        found = self._local.get((source, local))
        if found is None:
            trace_id, parent = self._stored(source, local) or (_stand_in(run_id, source, local), None)
            found = (self._remember(source, local, trace_id, parent), parent)
        return found

    def _stored(self, source: int, local: int) -> tuple[bytes, bytes | None] | None:
        for db in (self._db, *self._older):
            row = db.execute("SELECT trace_id, parent FROM trace_local WHERE src=? AND local=?", (source, local)).fetchone()
            if row is not None:
                return row
        return None


def _bounds(columns: dict[str, Array], rows: Array, n: int) -> tuple[Array, Array]:
    starts, stops = np.full(n, np.iinfo(np.int64).max), np.zeros(n, np.int64)
    np.minimum.at(starts, rows, columns["start"])
    np.maximum.at(stops, rows, columns["start"] + columns["dur"])
    return starts, stops


def _stand_in(run_id: str, source: int, local: int) -> bytes:
    """A trace id for a trace whose definition was lost with a damaged chunk: always the same one."""
    return hashlib.sha256(f"{run_id}:{source}:{local}".encode()).digest()[:16]


def _hex(value: Any, length: int) -> bytes | None:
    try:
        raw = bytes.fromhex(value) if isinstance(value, str) else b""
    except ValueError:
        return None
    return raw if len(raw) == length else None


def carry_over(target: sqlite3.Connection, traces: TraceRows, before: sqlite3.Connection) -> None:
    """Write the open spans of the segment before into a new one, with what is known of their traces."""
    has_remote = before.execute("SELECT 1 FROM sqlite_master WHERE name='remote_root'").fetchone() is not None
    for row in before.execute("SELECT * FROM open_span").fetchall():
        id_ = traces.id_of(row[2], row[0])
        known = before.execute("SELECT src, root_fn, root_start, test_id, definition FROM trace WHERE trace_id=?", (row[2],)).fetchone()
        target.execute("UPDATE trace SET (src, root_fn, root_start, test_id, definition)=(?,?,?,?,?) WHERE id=?", (*known, id_))
        target.execute("UPDATE trace SET start=min(coalesce(start, ?), ?) WHERE id=?", (row[5], row[5], id_))
        target.execute("INSERT OR IGNORE INTO trace_source VALUES(?,?,NULL)", (row[0], id_))
        target.execute(f"INSERT INTO open_span VALUES({','.join('?' * len(row))})", (*row[:3], id_, *row[4:]))
        if has_remote:
            _carry_parent(target, before, row[0], row[1], id_)


def _carry_parent(target: sqlite3.Connection, before: sqlite3.Connection, source: int, seq: int, trace: int) -> None:
    remote = before.execute("SELECT parent FROM remote_root WHERE src=? AND seq=?", (source, seq)).fetchone()
    if remote is not None:
        target.execute("INSERT INTO remote_root VALUES(?,?,?)", (source, seq, *remote))
        target.execute("UPDATE trace_source SET parent=? WHERE src=? AND trace=?", (*remote, source, trace))
