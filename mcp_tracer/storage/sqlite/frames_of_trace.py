"""The frames that hold a trace, and rows gathered from several frames."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import numpy as np

from mcp_tracer.storage.sqlite import indexes
from mcp_tracer.storage.sqlite.columns import Array
from mcp_tracer.storage.sqlite.snapshot import OPEN_FRAME, Snapshot
from mcp_tracer.storage.sqlite.spans import Place

_PLACE: Final = ("segment", "frame", "offset")


def columns_of(snapshot: Snapshot, index: int, frame: int, names: Iterable[str]) -> dict[str, Array]:
    """Columns of a frame, or of the open spans."""
    return snapshot.open_spans().columns if frame == OPEN_FRAME else snapshot.segments[index].read(frame, names)


def frames_of(snapshot: Snapshot, trace_id: bytes) -> Iterator[tuple[int, int, int]]:
    """(segment, frame, the trace's id there) of every frame that holds spans of the trace."""
    for index, segment in enumerate(snapshot.segments):
        row = segment.db.execute("SELECT id FROM trace WHERE trace_id=?", (trace_id,)).fetchone()
        if row is None:
            continue
        for frame in indexes.frames_of_traces(segment, [row[0]]).tolist():
            yield index, frame, row[0]
        if index == len(snapshot.segments) - 1:
            yield index, OPEN_FRAME, row[0]


def gathered(snapshot: Snapshot, found: Iterable[tuple[int, int, Array]], names: Sequence[str]) -> dict[str, Array]:
    """The named columns of the spans at (segment, frame, offsets), and under `segment`, `frame` and `offset` their places; in 64 bits."""
    parts: dict[str, list[Array]] = {name: [np.zeros(0, np.int64)] for name in (*names, *_PLACE)}
    for index, frame, offsets in found:
        columns = columns_of(snapshot, index, frame, names)
        for name in names:
            parts[name].append(columns[name][offsets].astype(np.int64))
        for name, value in zip(_PLACE, (np.full(len(offsets), index), np.full(len(offsets), frame), offsets), strict=True):
            parts[name].append(value)
    return {name: np.concatenate(arrays) for name, arrays in parts.items()}


def places_of(rows: dict[str, Array], chosen: Array) -> list[Place]:
    """The places of some of what was gathered."""
    return [Place(*row) for row in zip(*(rows[name][chosen].tolist() for name in _PLACE), strict=True)]
