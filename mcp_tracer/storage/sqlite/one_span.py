"""One span by its id, and its events."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

import numpy as np

from mcp_tracer.model.errors import NotFound
from mcp_tracer.model.span import Event, Span
from mcp_tracer.storage.sqlite import events, expired
from mcp_tracer.storage.sqlite.columns import Array
from mcp_tracer.storage.sqlite.names import Source
from mcp_tracer.storage.sqlite.snapshot import OPEN_FRAME, Snapshot
from mcp_tracer.storage.sqlite.spans import Place, SpanMaker

_SEQS: Final = 1 << 32
_FRAMES: Final = "SELECT frame, min_seq, max_seq FROM source_frame WHERE src=? ORDER BY frame DESC"
_FRAME: Final = np.dtype([("frame", "<i8"), ("low", "<i8"), ("high", "<i8")])


def span_by_id(snapshot: Snapshot, span_id: str) -> Span:
    """One span with its values. Raises NotFound."""
    _, _, place = located(snapshot, span_id)
    return SpanMaker(snapshot, True).make([place])[0]


def spans_by_id(snapshot: Snapshot, span_ids: Sequence[str]) -> tuple[Span, ...]:
    """Those of some spans that exist, with their values, in the order of the ids."""
    return _made(_Finder(snapshot), span_ids)


def callers_of(snapshot: Snapshot, spans: Sequence[Span], known: Collection[str]) -> tuple[Span, ...]:
    """What led to some spans, up to the roots or to spans of which the ids are `known`."""
    there, found = {*known, *(span.span_id for span in spans)}, list[Span]()
    finder = _Finder(snapshot)
    level = tuple(spans)
    while level:
        missing = {span.parent_span_id for span in level if span.parent_span_id is not None} - there
        there |= missing
        level = _made(finder, sorted(missing))
        found += level
    return tuple(found)


def events_of_span(snapshot: Snapshot, span_id: str, limit: int) -> tuple[Event, ...]:
    """The first `limit` events of a span by number. Raises NotFound."""
    source, seq, _ = located(snapshot, span_id)
    rows = [row for segment in snapshot.segments for row in events.of_span(segment.db, source.id, seq)]
    rows.sort(key=lambda row: (int(row[0]["number"]), int(row[0]["at"])))
    return tuple(events.made(snapshot.names, span_id.lower(), *row) for row in rows[:limit])


def source_hashes(snapshot: Snapshot, span_id: str | None) -> tuple[str, ...]:
    """The versions of the span's file that its process loaded; of what a forked process inherited, those of its run. Raises NotFound."""
    if span_id is None:
        return tuple(row[0] for row in snapshot.all("SELECT DISTINCT sha256 FROM code ORDER BY sha256"))
    source, _, place = located(snapshot, span_id)
    file = SpanMaker(snapshot, False).make([place])[0].file
    query = "SELECT DISTINCT sha256 FROM code WHERE path=? AND source IN (SELECT id FROM source WHERE {}=?) ORDER BY sha256"
    rows = snapshot.all(query.format("id"), (file, source.id)) or snapshot.all(query.format("run"), (file, source.run))
    return tuple(row[0] for row in rows)


def located(snapshot: Snapshot, span_id: str) -> tuple[Source, int, Place]:
    """The process of a span, its number there, and where it lies. Raises NotFound."""
    found = _Finder(snapshot).found(span_id)
    if found is not None:
        return found
    raise NotFound(f"There is no span {span_id!r}: take an id of 16 hex digits from a search or a trace.{expired.perhaps(snapshot)}")


def _made(finder: _Finder, span_ids: Sequence[str]) -> tuple[Span, ...]:
    places = [found[2] for found in map(finder.found, span_ids) if found]
    return SpanMaker(finder.snapshot, True).make(places)


class _Finder:
    """Finds spans of one snapshot by their ids. Which frames hold a process's spans is read once."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self._frames: dict[int, list[tuple[int, Array]]] = {}

    def found(self, span_id: str) -> tuple[Source, int, Place] | None:
        """The process of a span, its number there, and where it lies."""
        for source, seq in self._candidates(span_id):
            place = self._open_place(source.id, seq) or self._place(source.id, seq)
            if place is not None:
                return source, seq, place
        return None

    def _candidates(self, span_id: str) -> list[tuple[Source, int]]:
        """(process, seq) that would give this id."""
        try:
            number = int(span_id, 16) if len(span_id) == 16 else 0
        except ValueError:
            return []
        bounds = (max(0, number - _SEQS).to_bytes(8, "big"), number.to_bytes(8, "big"))
        rows = self.snapshot.all("SELECT id FROM source WHERE salt>? AND salt<?", bounds)
        sources = [self.snapshot.names.source(row[0]) for row in rows]
        return [(source, number - source.salt) for source in sources]

    def _open_place(self, source: int, seq: int) -> Place | None:
        columns = self.snapshot.open_spans().columns
        found: list[int] = np.flatnonzero((columns["src"] == source) & (columns["seq"] == seq)).tolist()
        return Place(len(self.snapshot.segments) - 1, OPEN_FRAME, found[0]) if found else None

    def _place(self, source: int, seq: int) -> Place | None:
        for index, frames in self._frames_of(source):
            for frame in frames["frame"][(frames["low"] <= seq) & (frames["high"] >= seq)].tolist():
                columns = self.snapshot.segments[index].read(frame, ("src", "seq"))
                found: list[int] = np.flatnonzero((columns["src"] == source) & (columns["seq"] == seq)).tolist()
                if found:
                    return Place(index, frame, found[0])
        return None

    def _frames_of(self, source: int) -> list[tuple[int, Array]]:
        """The frames with spans of a process and their least and greatest numbers, by segment, the newest first."""
        if source not in self._frames:
            self._frames[source] = []
            for index in range(len(self.snapshot.segments) - 1, -1, -1):
                rows = self.snapshot.segments[index].db.execute(_FRAMES, (source,)).fetchall()
                self._frames[source] += [(index, np.array(rows, _FRAME))] if rows else []
        return self._frames[source]
