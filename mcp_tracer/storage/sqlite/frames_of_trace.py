"""The frames that hold a trace."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from mcp_tracer.storage.sqlite import indexes
from mcp_tracer.storage.sqlite.columns import Array
from mcp_tracer.storage.sqlite.snapshot import OPEN_FRAME, Snapshot


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
