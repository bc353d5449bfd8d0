"""Open spans: rows of their own until they end, or until their process is gone."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from mcp_tracer.storage.sqlite.trace_rows import TraceRows
from mcp_tracer.storage.sqlite.transform import Spans

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


def of_source(db: sqlite3.Connection, source: int) -> Spans:
    """The open spans of one process, the earliest first."""
    return _spans(db.execute(f"{_SELECT} WHERE src=? ORDER BY start, seq", (source,)).fetchall())


def of_all(db: sqlite3.Connection | None) -> Spans:
    """All open spans of a segment; none without one."""
    return _spans(db.execute(f"{_SELECT} ORDER BY src, seq").fetchall() if db is not None else [])


def _spans(rows: Sequence[tuple[Any, ...]]) -> Spans:
    columns = {name: np.array([row[index] for row in rows], np.int64) for index, name in enumerate(_NAMES[:-1]) if name != "trace_id"}
    return Spans(columns, [bytes(row[-1]) for row in rows])
