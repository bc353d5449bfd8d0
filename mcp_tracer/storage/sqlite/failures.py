"""Where the errors of a trace were born, those of every kind before more of one."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby, islice
from typing import Final

import numpy as np

from mcp_tracer.model.span import Span
from mcp_tracer.storage.sqlite.columns import Array
from mcp_tracer.storage.sqlite.frames_of_trace import columns_of, frames_of, gathered, places_of
from mcp_tracer.storage.sqlite.snapshot import OPEN_FRAME, Snapshot
from mcp_tracer.storage.sqlite.spans import SpanMaker

_COLUMNS: Final = ("start", "fn", "err", "src", "seq", "parent")
_SEQ_BITS: Final = 33
_MOST_FRAMES: Final = 64
_FRAMES_OF_A_TYPE: Final = 12
_Frame = tuple[int, int, int]
"""Index of its segment, its id, and the trace's id there."""


def births_of_trace(snapshot: Snapshot, trace_id: bytes, start_ns: int | None, limit: int) -> tuple[Span, ...]:
    """Failed calls that called nothing in their process that failed so: of each type and function the first, then the second, and so on."""
    failed = gathered(snapshot, _failed(snapshot, trace_id, start_ns), _COLUMNS)
    born = np.flatnonzero(_are_births(failed))
    born = born[np.lexsort(tuple(failed[name][born] for name in ("seq", "src", "start")))]
    chosen = born[np.argsort(_times(failed["err"][born] << 32 | failed["fn"][born]), kind="stable")[:limit]]
    return SpanMaker(snapshot, True).make(places_of(failed, chosen))


def _failed(snapshot: Snapshot, trace_id: bytes, start_ns: int | None) -> Iterator[tuple[int, int, Array]]:
    """(segment, frame, offsets) of the trace's failed calls."""
    for index, frame, trace in _failing_frames(snapshot, trace_id):
        columns = columns_of(snapshot, index, frame, ("err", "trace"))
        offsets = np.flatnonzero((columns["err"] > 0) & (columns["trace"] == trace))
        if start_ns is not None and len(offsets):
            offsets = offsets[columns_of(snapshot, index, frame, ("start",))["start"][offsets] >= start_ns]
        if len(offsets):
            yield index, frame, offsets


def _failing_frames(snapshot: Snapshot, trace_id: bytes) -> list[_Frame]:
    """Frames of the trace with failed calls; of too many the first with each type: what failed below a call came there before it."""
    directories = [segment.directory() for segment in snapshot.segments]
    failing = [set(there["id"][there["nerr"] > 0].tolist()) for there in directories]
    found = [place for place in frames_of(snapshot, trace_id) if place[1] == OPEN_FRAME or place[1] in failing[place[0]]]
    if len(found) <= _MOST_FRAMES:
        return found
    chosen = {place for err in range(1, len(snapshot.names.errors)) for place in islice(_of_type(snapshot, found, err), _FRAMES_OF_A_TYPE)}
    return [place for place in found if place in chosen]


def _of_type(snapshot: Snapshot, found: list[_Frame], err: int) -> Iterator[_Frame]:
    """The frames among those found that hold failed calls of a type, of this trace or of others."""
    query = "SELECT frame FROM err_frame WHERE err=? AND frame BETWEEN ? AND ? ORDER BY frame"
    for index, places in groupby(found, key=lambda place: place[0]):
        frames = {place[1]: place for place in places}
        for (frame,) in snapshot.segments[index].db.execute(query, (err, min(frames), max(frames))):
            if frame in frames:
                yield frames[frame]
        yield from [frames[OPEN_FRAME]] if OPEN_FRAME in frames else []


def _are_births(failed: dict[str, Array]) -> Array:
    """Those that are not the caller of one that failed with the same type."""
    pairs: Array = np.unique(failed["src"] << 32 | failed["err"], return_inverse=True)[1].astype(np.int64) << _SEQ_BITS
    return ~np.isin(pairs | failed["seq"], pairs | failed["parent"])


def _times(kinds: Array) -> Array:
    """The how manieth of its kind each is."""
    order = np.argsort(kinds, kind="stable")
    ordered, numbers = kinds[order], np.arange(len(kinds))
    begins = np.append(True, ordered[1:] != ordered[:-1])[: len(kinds)]
    times = np.empty(len(kinds), np.int64)
    times[order] = numbers - np.maximum.accumulate(np.where(begins, numbers, 0))
    return times
