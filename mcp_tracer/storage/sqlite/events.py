"""Events (lines, checkpoints, variables): frames of up to 4,096, sorted by span, so that those of one span are found quickly."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from mcp_tracer.model import spool
from mcp_tracer.model.batch import SpoolBatch
from mcp_tracer.model.span import Event
from mcp_tracer.storage.sqlite.catalog import SourceIds
from mcp_tracer.storage.sqlite.columns import FRAME_SPANS, Array, compress, decompress, shuffled, unshuffled
from mcp_tracer.storage.sqlite.names import Names
from mcp_tracer.storage.sqlite.sections import event_values
from mcp_tracer.storage.sqlite.transform import start_ns

ROW: Final = np.dtype([("seq", "<u4"), ("number", "<u4"), ("at", "<i8"), ("fn", "<u4"), ("length", "<u4")])


@dataclass(slots=True)
class Events:
    """Events of one process: `rows` with dtype `ROW`, and their payloads."""

    rows: Array
    payloads: list[bytes]


def events_of(batch: SpoolBatch, chosen: Array, ids: SourceIds) -> Events:
    """The event records at the indexes `chosen`."""
    records: Array = batch.records[chosen]
    rows = np.zeros(len(chosen), ROW)
    rows["seq"], rows["number"] = records["seq"], records["parent"]
    rows["at"], rows["fn"] = start_ns(batch.source, records["tick"]), ids.of(spool.DEF_FUNCTION, records["fn"])
    return Events(rows, [batch.payloads[index] for index in chosen.tolist()])


def write(db: sqlite3.Connection, source: int, events: Events) -> None:
    """Add events of one process."""
    order: list[int] = np.lexsort((events.rows["number"], events.rows["seq"])).tolist()
    for first in range(0, len(order), FRAME_SPANS):
        part = order[first : first + FRAME_SPANS]
        payloads = [events.payloads[index] for index in part]
        rows: Array = events.rows[part]
        rows["length"] = [len(payload) for payload in payloads]
        blob = compress(shuffled(rows) + b"".join(payloads), 3)
        db.execute(
            "INSERT INTO event_frame(src, n, min_seq, max_seq, z) VALUES(?,?,?,?,?)",
            (source, len(rows), int(rows["seq"][0]), int(rows["seq"][-1]), blob),
        )


def unpacked(n: int, blob: bytes) -> Events:
    """A frame's events."""
    raw = decompress(blob)
    head = n * ROW.itemsize
    rows = unshuffled(raw[:head], ROW)
    stops: list[int] = (head + np.cumsum(rows["length"], dtype=np.int64)).tolist()
    return Events(rows, [raw[start:stop] for start, stop in zip([head, *stops], stops, strict=False)])


def of_span(db: sqlite3.Connection, source: int, seq: int) -> list[tuple[Any, bytes]]:
    """(row, payload) of the events of one span, as this segment has them."""
    found: list[tuple[Any, bytes]] = []
    query = "SELECT n, z FROM event_frame WHERE src=? AND max_seq>=? AND min_seq<=?"
    for n, blob in db.execute(query, (source, seq, seq)):
        events = unpacked(n, blob)
        first, stop = np.searchsorted(events.rows["seq"], [seq, seq + 1]).tolist()
        found += [(events.rows[index], events.payloads[index]) for index in range(first, stop)]
    return found


def made(names: Names, span_id: str, row: Any, payload: bytes) -> Event:
    """An event of the span `span_id` from its row and payload."""
    site = names.functions[int(row["fn"])]
    return Event(span_id, int(row["number"]), int(row["at"]), site.kind, site.line, event_values(payload), site.column)


def joined(parts: Sequence[Events]) -> Events:
    """Several frames' events after one another."""
    return Events(np.concatenate([part.rows for part in parts]), [payload for part in parts for payload in part.payloads])


def merge(db: sqlite3.Connection, rows: list[tuple[int, int, int, bytes]]) -> None:
    """Write frames of one process anew as fewer; `rows` are (id, src, n, blob)."""
    db.executemany("DELETE FROM event_frame WHERE id=?", [(row[0],) for row in rows])
    write(db, rows[0][1], joined([unpacked(n, blob) for _, _, n, blob in rows]))
