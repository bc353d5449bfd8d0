"""Open spans: rows of their own until they end, or until their process is gone."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from mcp_tracer.storage.sqlite.columns import Array
from mcp_tracer.storage.sqlite.trace_rows import TraceRows
from mcp_tracer.storage.sqlite.transform import Spans

_HEARD: Final = "heard "
_NUMBERS: Final = ("fn", "start", "dur", "self", "parent", "depth", "thread", "flags", "err", "count")
_NAMES: Final = ("src", "seq", "trace_id", "trace", *_NUMBERS, "payload")
_SELECT: Final = f"SELECT {', '.join(_NAMES)} FROM open_span"
_INSERT: Final = f"INSERT OR REPLACE INTO open_span({', '.join(_NAMES)}) VALUES({','.join('?' * len(_NAMES))})"


def insert(db: sqlite3.Connection, spans: Spans, traces: TraceRows) -> None:
    """Add open spans whose `trace` holds the segment's ids."""
    columns = spans.columns
    for index, payload in enumerate(spans.payloads):
        trace = int(columns["trace"][index])
        numbers = (int(columns[name][index]) for name in _NUMBERS)
        row = (int(columns["src"][index]), int(columns["seq"][index]), traces.trace_id(trace), trace, *numbers, payload)
        db.execute(_INSERT, row)


def heard(db: sqlite3.Connection, source: int, at_ns: int) -> None:
    """Note that something was recorded of a process then: what it has open lasts at least until the latest of these."""
    db.execute("INSERT INTO meta VALUES(?,?) ON CONFLICT(key) DO UPDATE SET value=max(value, excluded.value)", (f"{_HEARD}{source}", at_ns))


def last_heard(db: sqlite3.Connection, source: int) -> int:
    """When something was recorded last of a process that has not ended, ns since the epoch; 0 where that is not known."""
    row = db.execute("SELECT value FROM meta WHERE key=?", (f"{_HEARD}{source}",)).fetchone()
    return int(row[0]) if row else 0


def forget(db: sqlite3.Connection, name: str) -> None:
    """Forget when a process was heard of: its file is finished."""
    db.execute("DELETE FROM meta WHERE key=? || (SELECT src FROM position WHERE name=?)", (_HEARD, name))


def carry_heard(target: sqlite3.Connection, before: sqlite3.Connection) -> None:
    """Write into the segment after when processes were heard of."""
    target.executemany("INSERT INTO meta VALUES(?,?)", before.execute("SELECT key, value FROM meta WHERE key GLOB ?", (f"{_HEARD}*",)))


def lengthened(spans: Spans, source: int, seen: int) -> None:
    """Let the spans of a process last at least until it was last heard of, and so at least as long as what ended below them."""
    columns = spans.columns
    until: Array = np.maximum(columns["dur"], seen - columns["start"])
    columns["dur"] = np.where(columns["src"] == source, until, columns["dur"])


def of_source(db: sqlite3.Connection, source: int) -> Spans:
    """The open spans of one process, the earliest first."""
    return _spans(db.execute(f"{_SELECT} WHERE src=? ORDER BY start, seq", (source,)).fetchall())


def of_all(db: sqlite3.Connection | None) -> Spans:
    """All open spans of a segment, none without one; they have lasted until their process was last heard of, at least."""
    if db is None:
        return _spans([])
    spans = _spans(db.execute(f"{_SELECT} ORDER BY src, seq").fetchall())
    for source in np.unique(spans.columns["src"]).tolist():
        lengthened(spans, source, last_heard(db, source))
    return spans


def _spans(rows: Sequence[tuple[Any, ...]]) -> Spans:
    columns = {name: np.array([row[index] for row in rows], np.int64) for index, name in enumerate(_NAMES[:-1]) if name != "trace_id"}
    return Spans(columns, [bytes(row[-1]) for row in rows])
