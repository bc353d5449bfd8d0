"""One call and everything below it in a trace, however large the trace is: columns alone until it is known which spans these are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

import numpy as np

from mcp_tracer.storage.sqlite import one_span
from mcp_tracer.storage.sqlite.columns import Array
from mcp_tracer.storage.sqlite.frames_of_trace import columns_of, frames_of
from mcp_tracer.storage.sqlite.snapshot import Snapshot
from mcp_tracer.storage.sqlite.spans import SpanMaker

_SEQ_BITS: Final = 33
_LEVELS: Final = 16
"""So many levels are looked for one by one, which costs a look at all parents each; for deeper ones these are sorted first."""
_COLUMNS: Final = ("trace", "src", "seq", "parent")


def places_below(snapshot: Snapshot, trace_id: bytes, top: str) -> Iterator[tuple[int, int, Array]]:
    """(segment, frame, offsets) of the span `top` and of all that it led to, in other processes too. Raises NotFound."""
    source, seq, _ = one_span.located(snapshot, top)
    rows = _Rows(snapshot, trace_id)
    chosen = rows.below(source.id << _SEQ_BITS | seq)
    for index, (segment, frame, first, offsets) in enumerate(rows.frames):
        end = rows.frames[index + 1][2] if index + 1 < len(rows.frames) else len(rows.keys)
        own = chosen[np.searchsorted(chosen, first) : np.searchsorted(chosen, end)] - first
        if len(own):
            yield segment, frame, offsets[own]


class _Rows:
    """All spans of a trace: process and number of each, and of its parent, as one number. `frames`: segment, id, first row, offsets."""

    def __init__(self, snapshot: Snapshot, trace_id: bytes) -> None:
        self.frames: list[tuple[int, int, int, Array]] = []
        keys, parents = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
        first = 0
        self._roots: list[tuple[int, int, int, int, int]] = []
        for segment, frame, trace in frames_of(snapshot, trace_id):
            columns = columns_of(snapshot, segment, frame, _COLUMNS)
            offsets = np.flatnonzero(columns["trace"] == trace)
            sources = columns["src"][offsets].astype(np.int64) << _SEQ_BITS
            above = columns["parent"][offsets].astype(np.int64)
            keys.append(sources | columns["seq"][offsets].astype(np.int64))
            parents.append(sources | above)
            for at in np.flatnonzero(above == 0).tolist():
                place = offsets[at]
                self._roots.append((first + at, segment, trace, int(columns["src"][place]), int(columns["seq"][place])))
            self.frames.append((segment, frame, first, offsets))
            first += len(offsets)
        self.keys, self._parents = np.concatenate(keys), np.concatenate(parents)
        self._hang_up_roots(snapshot)

    def _hang_up_roots(self, snapshot: Snapshot) -> None:
        """Give roots the span of another process, or of their own, for which they worked."""
        maker = SpanMaker(snapshot, False)
        sources = [snapshot.names.source(id_) for id_ in {src for _, _, _, src, _ in self._roots}]
        sources += [snapshot.names.source(int(id_)) for id_ in np.unique(self.keys >> _SEQ_BITS).tolist()]
        for row, segment, trace, src, seq in self._roots:
            parent = maker.remote_parent(segment, trace, src, seq)
            for source in sources if parent is not None else ():
                number = (int(parent or "0", 16) - source.salt) % 2**64
                if number < 1 << 32:
                    self._parents[row] = source.id << _SEQ_BITS | number

    def below(self, top: int) -> Array:
        """The rows of a span and of all below it, in ascending order."""
        taken = self.keys == top
        frontier = np.array([top], np.int64)
        children = self._by_looking
        for level in range(len(self.keys) + 1):
            if level == _LEVELS:
                children = self._by_order()
            found = children(frontier)
            found = found[~taken[found]]  # a process that calls itself may go round in circles
            if not len(found):
                break
            taken[found] = True
            frontier = self.keys[found]
        return np.flatnonzero(taken)

    def _by_looking(self, frontier: Array) -> Array:
        least, most = int(frontier.min()), int(frontier.max())
        near = np.flatnonzero((self._parents >= least) & (self._parents <= most))
        return near if len(frontier) == 1 else near[np.isin(self._parents[near], frontier)]

    def _by_order(self) -> Callable[[Array], Array]:
        order = np.argsort(self._parents, kind="stable")
        ordered = self._parents[order]

        def children(frontier: Array) -> Array:
            low = np.searchsorted(ordered, frontier, side="left")
            counts = np.searchsorted(ordered, frontier, side="right") - low
            starts = np.repeat(low - np.cumsum(counts) + counts, counts)
            return order[starts + np.arange(int(counts.sum()))]

        return children
