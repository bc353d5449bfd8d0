"""Traces: summaries, lists, and the spans of one. A trace may have rows in several segments; they are added up."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from mcp_tracer.model import cursor
from mcp_tracer.model.query import Page
from mcp_tracer.model.span import Span, TraceSummary
from mcp_tracer.storage.sqlite import definitions, subtree
from mcp_tracer.storage.sqlite.columns import Array
from mcp_tracer.storage.sqlite.frames_of_trace import columns_of, frames_of, gathered, places_of
from mcp_tracer.storage.sqlite.snapshot import Snapshot
from mcp_tracer.storage.sqlite.spans import SpanMaker

_ORDER: Final = ("start", "depth", "src", "seq")


def summary_of(snapshot: Snapshot, trace_id: bytes) -> TraceSummary:
    """One trace's summary, from all segments and the open spans."""
    query = "SELECT n, errs, start, end, src, root_fn, root_start, definition, id FROM trace WHERE trace_id=?"
    rows: list[Any] = [row for segment in snapshot.segments if (row := segment.db.execute(query, (trace_id,)).fetchone())]
    starts = [row[2] for row in rows if row[2] is not None]
    root = min((row for row in rows if row[6] is not None), key=lambda row: row[6], default=rows[0])
    names = snapshot.names
    definition = definitions.of_trace((row[7] for row in rows), root[4])
    ends = _open_ends(snapshot, trace_id)
    return TraceSummary(
        trace_id=trace_id.hex(),
        run_id=names.source(root[4]).run_id,
        type=str(definition.get("type", "call")),
        name=definitions.name_of(definition) or _function_name(snapshot, root[5]),
        start_ns=min(starts, default=0),
        end_ns=max([row[3] for row in rows if row[3] is not None] + starts + ends, default=0),
        spans=sum(row[0] for row in rows) + len(ends),
        errors=sum(row[1] for row in rows),
        attributes=definition,
    )


def _function_name(snapshot: Snapshot, function: int | None) -> str:
    return "" if function is None else snapshot.names.functions[function].name


def _open_ends(snapshot: Snapshot, trace_id: bytes) -> list[int]:
    """Until when each of a trace's open spans lasted at least, ns since the epoch."""
    opened = snapshot.open_spans()
    row = snapshot.segments[-1].db.execute("SELECT id FROM trace WHERE trace_id=?", (trace_id,)).fetchone() if opened.payloads else None
    if row is None:
        return []
    own: Array = opened.columns["trace"] == row[0]
    return (opened.columns["start"][own] + opened.columns["dur"][own]).tolist()


def open_until(snapshot: Snapshot) -> dict[bytes, int]:
    """Until when the traces that have open spans lasted at least."""
    ids: list[int] = np.unique(snapshot.open_spans().columns["trace"]).tolist()
    rows = [snapshot.segments[-1].db.execute("SELECT trace_id FROM trace WHERE id=?", (one,)).fetchone() for one in ids]
    return {row[0]: max(_open_ends(snapshot, row[0])) for row in rows}


@dataclass(frozen=True, slots=True)
class Part:
    """Which spans of a trace are wanted: down to a depth, and the span `under` with what is below it."""

    max_depth: int | None = None
    under: str | None = None

    def columns(self) -> list[str]:
        """What tells whether a span is in it."""
        return ["trace", *(["depth"] if self.max_depth is not None else [])]


@dataclass(frozen=True, slots=True)
class Wanted:
    """How many spans, from which cursor on, with their values or without; `whole`: none at all where there are more."""

    limit: int
    cursor: str | None
    values: bool
    whole: bool


def spans_of_trace(snapshot: Snapshot, trace_id: bytes, part: Part, wanted: Wanted) -> Page[Span]:
    """The spans of a trace by (start, depth, process, seq)."""
    limit = wanted.limit
    place: Any = cursor.decode(wanted.cursor, "trace", int, int, int, int)
    found = gathered(snapshot, _offsets(snapshot, trace_id, part), _ORDER)
    if wanted.whole and len(found["seq"]) > limit:
        return Page((), None, len(found["seq"]))
    keys = (found["seq"], found["src"], found["depth"], found["start"])
    order = np.lexsort(keys)
    total = len(order)
    if place is not None:
        order = order[_first_after(found, order, place) :]
    chosen = order[:limit]
    spans = SpanMaker(snapshot, wanted.values).make(places_of(found, chosen))
    last = [int(found[name][chosen[-1]]) for name in _ORDER] if len(order) > limit else None
    return Page(spans, cursor.encode("trace", *last) if last else None, total)


def _first_after(found: dict[str, Array], order: Array, place: tuple[int, int, int, int]) -> int:
    """The index in `order` of the first row behind the cursor's."""
    low, high = 0, len(order)
    while low < high:
        middle = (low + high) // 2
        if tuple(int(found[name][order[middle]]) for name in _ORDER) <= place:
            low = middle + 1
        else:
            high = middle
    return low


def _offsets(snapshot: Snapshot, trace_id: bytes, part: Part) -> Iterator[tuple[int, int, Array]]:
    """(segment, frame, offsets) of the spans of a part: most frames of a large trace hold nothing near its roots."""
    if part.under is not None:
        yield from subtree.places_below(snapshot, trace_id, part.under, part.max_depth)
        return
    for index, frame, trace in frames_of(snapshot, trace_id):
        offsets = np.flatnonzero(_mask(columns_of(snapshot, index, frame, part.columns()), trace, part))
        if len(offsets):
            yield index, frame, offsets


def _mask(columns: dict[str, Array], trace: int, part: Part) -> Array:
    mask: Array = columns["trace"] == trace
    if part.max_depth is not None:
        mask &= columns["depth"] <= part.max_depth
    return mask
