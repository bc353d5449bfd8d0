"""One call and everything below it in a trace, however large the trace is: columns alone until it is known which spans these are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from mcp_tracer.storage.sqlite import one_span
from mcp_tracer.storage.sqlite.columns import Array
from mcp_tracer.storage.sqlite.frames_of_trace import columns_of, frames_of
from mcp_tracer.storage.sqlite.parentage import Below
from mcp_tracer.storage.sqlite.snapshot import Snapshot
from mcp_tracer.storage.sqlite.spans import SpanMaker

_SEQ_BITS: Final = 33
_LEVELS: Final = 16
"""So many levels are looked for one by one, which costs a look at all parents each; for deeper ones these are sorted first."""
_COLUMNS: Final = ("trace", "src", "seq", "parent")


def places_below(snapshot: Snapshot, trace_id: bytes, top: str, max_depth: int | None) -> Iterator[tuple[int, int, Array]]:
    """(segment, frame, offsets) of the span `top` and of all that it led to, in other processes too, down to a depth. Raises NotFound."""
    source, seq, _ = one_span.located(snapshot, top)
    rows = _Rows(snapshot, trace_id, max_depth)
    chosen = rows.below(rows.key(source.id, seq))
    for index, (segment, frame, first, offsets) in enumerate(rows.frames):
        end = rows.frames[index + 1][2] if index + 1 < len(rows.frames) else len(rows.keys)
        own = chosen[np.searchsorted(chosen, first) : np.searchsorted(chosen, end)] - first
        if len(own):
            yield segment, frame, own if offsets is None else offsets[own]


class _Rows:
    """All spans of a trace: process and number of each, and of its parent, as one number; of one process the number alone, which is half as
    much to look through. `frames`: segment, id, first row, offsets (None: all)."""

    def __init__(self, snapshot: Snapshot, trace_id: bytes, max_depth: int | None) -> None:
        self.frames: list[tuple[int, int, int, Array | None]] = []
        self._sources = _sources(snapshot, trace_id)
        dtype = np.uint32 if len(self._sources) == 1 else np.int64
        keys, parents, shallow = [np.zeros(0, dtype)], [np.zeros(0, dtype)], [np.zeros(0, np.bool_)]
        self._roots: list[tuple[int, int, int, int, int]] = []
        first = 0
        for segment, frame, trace in frames_of(snapshot, trace_id):
            columns = columns_of(snapshot, segment, frame, (*_COLUMNS, "depth") if max_depth is not None else _COLUMNS)
            mask = columns["trace"] == trace
            offsets = None if bool(mask.all()) else np.flatnonzero(mask)
            src, seq, above = (columns[name] if offsets is None else columns[name][offsets] for name in ("src", "seq", "parent"))
            keys.append(self._joined(src, seq))
            parents.append(self._joined(src, above))
            if max_depth is not None:
                depths = columns["depth"]
                shallow.append((depths if offsets is None else depths[offsets]) <= max_depth)
            for at in np.flatnonzero(above == 0).tolist():
                self._roots.append((first + at, segment, trace, int(src[at]), int(seq[at])))
            self.frames.append((segment, frame, first, offsets))
            first += len(seq)
        self.keys, self._parents = np.concatenate(keys), np.concatenate(parents)
        self._wanted = np.concatenate(shallow) if max_depth is not None else None
        self._hang_up_roots(snapshot)

    def key(self, source: int, seq: int) -> int:
        """The number of a span."""
        return seq if len(self._sources) == 1 else source << _SEQ_BITS | seq

    def _joined(self, sources: Array, numbers: Array) -> Array:
        if len(self._sources) == 1:
            return numbers.astype(np.uint32, copy=False)
        return sources.astype(np.int64) << _SEQ_BITS | numbers.astype(np.int64)

    def _hang_up_roots(self, snapshot: Snapshot) -> None:
        """Give roots the span of another process, or of their own, for which they worked."""
        maker = SpanMaker(snapshot, False)
        sources = [snapshot.names.source(id_) for id_ in self._sources]
        for row, segment, trace, src, seq in self._roots:
            parent = maker.remote_parent(segment, trace, src, seq)
            for source in sources if parent is not None else ():
                number = (int(parent or "0", 16) - source.salt) % 2**64
                if number < 1 << 32:
                    self._parents[row] = self.key(source.id, number)

    def below(self, top: int) -> Array:
        """The rows of a span and of all below it, in ascending order."""
        taken = self.keys == top if self._wanted is None else (self.keys == top) & self._wanted
        frontier = np.array([top], self.keys.dtype)
        children = self._by_looking
        for level in range(len(self.keys) + 1):
            if level == _LEVELS:
                children = Below(self._parents).of
            found = children(frontier)
            found = found[~taken[found]]  # a process that calls itself may go round in circles
            if self._wanted is not None:
                found = found[self._wanted[found]]
            if not len(found):
                break
            taken[found] = True
            frontier = self.keys[found]
        return np.flatnonzero(taken)

    def _by_looking(self, frontier: Array) -> Array:
        least, most = int(frontier.min()), int(frontier.max())
        near = np.flatnonzero((self._parents >= least) & (self._parents <= most))
        return near if len(frontier) == 1 else near[np.isin(self._parents[near], frontier)]


def _sources(snapshot: Snapshot, trace_id: bytes) -> list[int]:
    """The processes that took part in a trace; those of open spans among them."""
    query = "SELECT src FROM trace_source WHERE trace=(SELECT id FROM trace WHERE trace_id=?)"
    found = {row[0] for segment in snapshot.segments for row in segment.db.execute(query, (trace_id,))}
    return sorted(found | set(np.unique(snapshot.open_spans().columns["src"]).tolist()))
