"""Reading what is new, as columns: from a place in the order of arrival on, with some calls before it once more."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from mcp_tracer.model import cursor
from mcp_tracer.model.calls import ROW, Callee, Calls
from mcp_tracer.model.span import Values
from mcp_tracer.storage.sqlite import frames
from mcp_tracer.storage.sqlite.columns import Array
from mcp_tracer.storage.sqlite.payloads import ORDINAL_BITS, Payloads
from mcp_tracer.storage.sqlite.sections import values_of
from mcp_tracer.storage.sqlite.snapshot import Segment, Snapshot

OVERLAP: Final = 20_000
"""Calls before the new ones that are read again: a caller arrives after what it called."""
_READ: Final = ("src", "seq", "parent", "trace", "start", "dur", "self", "fn", "err", "depth")


def next_calls(snapshot: Snapshot, after: str | None, limit: int) -> tuple[Calls, str | None]:
    """The calls after a place, about `limit` of them, and the place behind them; the same place where there is nothing new."""
    place: Any = cursor.decode(after, "scan", int, int)
    number, ordinal = place or (0, 0)
    parts: list[Array] = []
    new = 0
    reached = (number, ordinal)
    for index, segment in enumerate(snapshot.segments):
        if segment.number < number or new >= limit:
            continue
        known = ordinal if segment.number == number else 0
        for frame, n in _frames(segment, max(0, known - OVERLAP)):
            if new >= limit:
                break
            parts.append(_rows(snapshot, index, frame))
            new += max(0, frame + n - max(known, frame))
            reached = (segment.number, max(known, frame + n)) if segment.number == number else (segment.number, frame + n)
    rows = np.concatenate(parts) if new else np.zeros(0, ROW)
    return _calls(snapshot, rows), cursor.encode("scan", *reached) if new else after


def _frames(segment: Segment, first: int) -> list[tuple[int, int]]:
    """(id, n) of the frames that end behind an ordinal."""
    return segment.db.execute("SELECT id, n FROM frame WHERE id + n > ? ORDER BY id", (first,)).fetchall()


def _rows(snapshot: Snapshot, index: int, frame: int) -> Array:
    """A frame as rows of `Calls`."""
    columns = frames.read(snapshot.segments[index].db, frame, _READ)
    rows = np.zeros(len(columns["src"]), ROW)
    sources: list[int] = np.unique(columns["src"]).tolist()
    for one in sources:
        source, mask = snapshot.names.source(one), columns["src"] == one
        salt = np.uint64(source.salt)
        rows["span"][mask] = columns["seq"][mask].astype(np.uint64) + salt
        parents = columns["parent"][mask].astype(np.uint64)
        rows["parent"][mask] = np.where(parents > 0, parents + salt, 0)
        rows["run"][mask] = source.run
    rows["trace"] = columns["trace"].astype(np.int64) + (index << 32)
    for name in ("start", "dur", "self", "fn", "err", "depth"):
        rows[name] = columns[name]
    rows["place"] = np.arange(len(rows)) + frame + (index << ORDINAL_BITS)
    return rows


def _calls(snapshot: Snapshot, rows: Array) -> Calls:
    names, payloads = snapshot.names, Payloads(snapshot)

    def values(chosen: Sequence[int]) -> list[Values | None]:
        return [values_of(payloads.at(int(rows["place"][row])), names.functions[int(rows["fn"][row])].params) for row in chosen]

    runs: dict[int, str] = {row[0]: row[1] for row in snapshot.all("SELECT id, run_id FROM run")}
    functions = [Callee(one.file, one.name, one.line, one.kind) for one in names.functions]
    return Calls(rows, functions, names.errors, runs, values)
