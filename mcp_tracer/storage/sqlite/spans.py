"""Rows of frames as model spans."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from mcp_tracer.model import spool
from mcp_tracer.model.span import Span
from mcp_tracer.storage.sqlite import frames
from mcp_tracer.storage.sqlite.names import Source
from mcp_tracer.storage.sqlite.schema import FRAME_COLUMNS
from mcp_tracer.storage.sqlite.sections import values_of
from mcp_tracer.storage.sqlite.snapshot import OPEN_FRAME, Segment, Snapshot

_SEGMENT_BITS: Final = 32


class Place(NamedTuple):
    """Where a span is: index of its segment in the snapshot, id of its frame (OPEN_FRAME for open spans), offset in the frame."""

    segment: int
    frame: int
    offset: int


class _Row(NamedTuple):
    """A span's columns, in the order of FRAME_COLUMNS."""

    fn: int
    dur: int
    self: int
    err: int
    start: int
    trace: int
    src: int
    seq: int
    parent: int
    depth: int
    thread: int
    flags: int
    calls: int


class SpanMaker:
    """Makes spans of one snapshot."""

    def __init__(self, snapshot: Snapshot, values: bool) -> None:
        self._snapshot, self._values = snapshot, values
        self._trace_ids: dict[tuple[int, int], str] = {}
        self._parents: dict[tuple[int, int, int], str | None] = {}

    def make(self, places: Sequence[Place]) -> tuple[Span, ...]:
        """The spans at these places, in the same order."""
        groups: dict[tuple[int, int], list[int]] = {}
        for segment, frame, offset in places:
            groups.setdefault((segment, frame), []).append(offset)
        made: dict[Place, Span] = {}
        for (segment, frame), offsets in groups.items():
            made.update(self._make_frame(segment, frame, offsets))
        return tuple(made[place] for place in places)

    def _make_frame(self, index: int, frame: int, offsets: list[int]) -> dict[Place, Span]:
        segment = self._snapshot.segments[index]
        if frame == OPEN_FRAME:
            opened = self._snapshot.open_spans()
            columns = {name: opened.columns[name][offsets] for name in FRAME_COLUMNS}
            payloads = {offset: opened.payloads[offset] for offset in offsets}
        else:
            columns = frames.read_at(segment.db, frame, offsets)
            payloads = frames.payloads_at(segment.db, frame, offsets) if self._values else {}
        lists: list[list[int]] = [columns[name].tolist() for name in FRAME_COLUMNS]
        rows = (_Row(*row) for row in zip(*lists, strict=True))
        return {
            Place(index, frame, offset): self._span(segment, index, frame + offset, row, payloads.get(offset), frame == OPEN_FRAME)
            for offset, row in zip(offsets, rows, strict=True)
        }

    def _span(self, segment: Segment, index: int, ordinal: int, row: _Row, payload: bytes | None, is_open: bool) -> Span:
        names = self._snapshot.names
        function, source = names.functions[row.fn], names.source(row.src)
        return Span(
            key=-(row.src << 32 | row.seq) if is_open else segment.number << _SEGMENT_BITS | ordinal,
            span_id=span_id(source, row.seq),
            trace_id=self.trace_id(index, row.trace),
            parent_span_id=span_id(source, row.parent) if row.parent else self.remote_parent(index, row.trace, row.src, row.seq),
            run_id=source.run_id,
            function=function.name,
            file=function.file,
            line=function.line,
            kind=function.kind,
            start_ns=row.start,
            duration_ns=row.dur,
            self_ns=row.self,
            depth=row.depth,
            thread=names.threads[row.thread],
            error=names.errors[row.err] if row.err else None,
            finished=not row.flags & spool.FLAG_OPEN,
            count=row.calls,
            values=values_of(payload, function.params, source.scale) if self._values and payload is not None else None,
            left_out=bool(row.flags & spool.FLAG_VALUES_LEFT_OUT),
            estimated=bool(row.flags & spool.FLAG_ESTIMATED),
        )

    def trace_id(self, index: int, trace: int) -> str:
        """The id of a trace by the one that a segment uses."""
        found = self._trace_ids.get((index, trace))
        if found is None:
            row: Any = self._snapshot.segments[index].db.execute("SELECT trace_id FROM trace WHERE id=?", (trace,)).fetchone()
            found = self._trace_ids[index, trace] = row[0].hex()
        return found

    def remote_parent(self, index: int, trace: int, source: int, seq: int) -> str | None:
        """The span that a root belongs to, where it served a request: of another process, or of its own."""
        key = (index, trace, source)
        if key not in self._parents:
            self._parents[key] = self._find_parent(*key)
        if self._parents[key] is None:
            return None
        return self._own_parent(source, seq) or (self._guessed(key) if self._snapshot.segments[index].guesses_roots() else None)

    def _own_parent(self, source: int, seq: int) -> str | None:
        for segment in self._snapshot.segments:
            if segment.has_table("remote_root"):
                found = segment.db.execute("SELECT parent FROM remote_root WHERE src=? AND seq=?", (source, seq)).fetchone()
                if found is not None:
                    return found[0].hex()
        return None

    def _guessed(self, key: tuple[int, int, int]) -> str | None:
        """What early versions knew: one for each process and trace. A process's own span may as well be below the root."""
        parent, source = self._parents[key], self._snapshot.names.source(key[2])
        return None if parent is None or (int(parent, 16) - source.salt) % 2**64 < 1 << 32 else parent

    def _find_parent(self, index: int, trace: int, source: int) -> str | None:
        """A remote parent of some of a process's roots in a trace, if any has one; its definition may be in another segment."""
        trace_id = bytes.fromhex(self.trace_id(index, trace))
        query = "SELECT parent FROM trace_source WHERE src=? AND parent IS NOT NULL AND trace=(SELECT id FROM trace WHERE trace_id=?)"
        for segment in self._snapshot.segments:
            row = segment.db.execute(query, (source, trace_id)).fetchone()
            if row is not None:
                return row[0].hex()
        return None


def span_id(source: Source, seq: int) -> str:
    """The id of a span: 16 hex digits."""
    return f"{(source.salt + seq) % 2**64:016x}"
