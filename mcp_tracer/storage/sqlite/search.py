"""Searching: the best `limit` spans by start or duration, from the frames that can hold them, best frames first."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from mcp_tracer.model import cursor
from mcp_tracer.model.errors import UserError
from mcp_tracer.model.query import Page, SpanQuery
from mcp_tracer.model.span import Span
from mcp_tracer.storage.sqlite import frames, indexes
from mcp_tracer.storage.sqlite.columns import Array
from mcp_tracer.storage.sqlite.filters import Filter
from mcp_tracer.storage.sqlite.snapshot import OPEN_FRAME, Segment, Snapshot
from mcp_tracer.storage.sqlite.spans import Place, SpanMaker

_ORDERS: Final = {"time": ("start", "min_start", "max_start"), "duration": ("dur", "min_dur", "max_dur")}

Key = tuple[int, int, int]
"""A row's place in the list: what it is ordered by (negated for descending order), process, seq."""


@dataclass(slots=True)
class _Best:
    """The first rows of the list so far. `exact`: `count` counts all matches."""

    wanted: int
    rows: list[tuple[Key, Place]] = field(default_factory=list[tuple[Key, Place]])
    count: int = 0
    exact: bool = True

    def full_below(self, bound: int) -> bool:
        """Nothing that is ordered at `bound` or later can be among the first."""
        return len(self.rows) >= self.wanted and bound > self.rows[-1][0][0]

    def worst(self) -> int:
        """What a row must be ordered at, at most, to be among the first."""
        return self.rows[-1][0][0] if len(self.rows) >= self.wanted else (1 << 63) - 1

    def add(self, rows: list[tuple[Key, Place]]) -> None:
        self.rows = sorted([*self.rows, *rows])[: self.wanted]


class Search:
    """One search in one snapshot."""

    def __init__(self, snapshot: Snapshot, chosen: Filter) -> None:
        query = chosen.query
        if query.order not in _ORDERS:
            raise UserError(f"order {query.order!r} is unknown: use time or duration.")
        self._snapshot, self._filter, self._query = snapshot, chosen, query
        self._column, self._least, self._most = _ORDERS[query.order]
        self._sign = -1 if query.descending else 1
        self._cursor = f"search-{query.order}-{self._sign}"
        after: Any = cursor.decode(query.cursor, self._cursor, int, int, int)
        self._after: Key | None = after
        self._best = _Best(query.limit + 1)
        self._deadline = None if query.seconds is None else time.monotonic() + query.seconds

    def page(self) -> Page[Span]:
        """The page."""
        reached = None if self._filter.matches_nothing() else self._look()
        limit = self._query.limit
        rows = self._best.rows if reached is None else [row for row in self._best.rows if row[0][0] < reached]
        spans = SpanMaker(self._snapshot, self._query.values).make([place for _, place in rows[:limit]])
        last = rows[limit - 1][0] if len(rows) > limit else (reached, -1, -1) if reached is not None else None
        more = None if last is None else cursor.encode(self._cursor, *last)
        until = None if reached is None else self._sign * reached
        return Page(spans, more, self._best.count if self._best.exact else None, reached is not None, until)

    def _look(self) -> int | None:
        """Scan until nothing better can come. Where the time is over before, what stands first of all that wasn't seen; always
        later than where it began, so that going on gets to the end."""
        began: int | None = None
        for bound, segment, frame in self._frames():
            if self._best.full_below(bound) and not self._counts_on():
                self._best.exact = False
                return None
            if began is None and frame != OPEN_FRAME:
                began = bound if self._after is None else max(bound, self._after[0])
            if began is not None and bound > began and self._deadline is not None and time.monotonic() > self._deadline:
                self._best.exact = False
                return bound
            self._scan(segment, frame)
        return None

    def _counts_on(self) -> bool:
        return self._query.counted and self._filter.text is None

    def _frames(self) -> Iterator[tuple[int, int, int]]:
        """(bound, segment, frame) in the order in which they may hold the first rows; open spans before all."""
        yield from [(-(1 << 63), len(self._snapshot.segments) - 1, OPEN_FRAME)] if self._snapshot.segments else []
        found: list[tuple[int, int, int]] = []
        for index, segment in enumerate(self._snapshot.segments):
            there = self._filter.candidates(segment)
            first, last = (there[self._most], there[self._least]) if self._sign < 0 else (there[self._least], there[self._most])
            bounds, ends = self._sign * self._tightened(segment, there["id"], first), self._sign * last
            if self._after is not None:
                keep = ends >= self._after[0]
                self._best.exact &= bool(keep.all())
                there, bounds = there[keep], bounds[keep]
            found += zip(bounds.tolist(), [-index] * len(bounds), there["id"].tolist(), strict=True)
        for bound, index, frame in sorted(found):
            yield bound, -index, frame

    def _tightened(self, segment: Segment, ids: Array, bounds: Array) -> Array:
        """Slowest first of some functions: bounds by those functions' own slowest calls in each frame."""
        if self._column != "dur" or self._sign > 0 or self._filter.functions is None:
            return bounds
        slowest = indexes.slowest_calls(segment, self._filter.functions)
        return bounds if slowest is None else np.minimum(bounds, [slowest.get(id_, 0) for id_ in ids.tolist()])

    def _scan(self, index: int, frame: int) -> None:
        segment = self._snapshot.segments[index]
        if self._filter.surely_lacks_text(segment, frame):
            return
        columns = self._read(index, frame, {self._column, *self._filter.columns()})
        if not len(columns[self._column]):
            return
        mask = self._filter.mask(segment, columns)
        if self._filter.text is not None and mask.any():
            mask = self._filter.holding_text(self._snapshot, segment, frame, columns, mask)
        if self._filter.text is None:
            self._best.count += int(np.count_nonzero(mask))
        primary: Array = self._sign * columns[self._column].astype(np.int64)
        if self._filter.text is None:
            mask &= primary <= self._best.worst()
        if not mask.any():
            return
        columns = {**columns, **self._read(index, frame, {"src", "seq"} - columns.keys())}
        offsets = self._in_order(columns, np.flatnonzero(mask))
        offsets = offsets[self._after_cursor(columns, primary, offsets)]
        if self._filter.text is not None:
            self._add_verified(index, frame, columns, primary, offsets)
            return
        self._best.add([(_key(columns, primary, at), Place(index, frame, at)) for at in offsets[: self._best.wanted].tolist()])

    def _read(self, index: int, frame: int, names: set[str]) -> dict[str, Array]:
        if frame == OPEN_FRAME:
            return self._snapshot.open_spans().columns
        return self._snapshot.segments[index].read(frame, names)

    def _in_order(self, columns: dict[str, Array], offsets: Array) -> Array:
        primary: Array = self._sign * columns[self._column][offsets].astype(np.int64)
        return offsets[np.lexsort((columns["seq"][offsets], columns["src"][offsets], primary))]

    def _after_cursor(self, columns: dict[str, Array], primary: Array, offsets: Array) -> Array:
        if self._after is None:
            return np.ones(len(offsets), np.bool_)
        first, source, seq = self._after
        own, sources, seqs = primary[offsets], columns["src"][offsets], columns["seq"][offsets]
        return (own > first) | ((own == first) & ((sources > source) | ((sources == source) & (seqs > seq))))

    def _add_verified(self, index: int, frame: int, columns: dict[str, Array], primary: Array, offsets: Array) -> None:
        """Decode the values of those that may hold the text, the first ones first, until there are enough."""
        if self._after is not None:
            self._best.exact = False
        found: list[tuple[Key, Place]] = []
        rest: list[int] = offsets.tolist()
        while rest and len(found) < self._best.wanted and not self._best.full_below(int(primary[rest[0]])):
            part, rest = rest[:64], rest[64:]
            payloads = self._payloads(index, frame, part)
            said = [at for at in part if self._filter.says(int(columns["fn"][at]), payloads[at])]
            found += [(_key(columns, primary, at), Place(index, frame, at)) for at in said]
        self._best.exact &= not rest
        self._best.count += len(found)
        self._best.add(found)

    def _payloads(self, index: int, frame: int, offsets: list[int]) -> dict[int, bytes]:
        if frame == OPEN_FRAME:
            return {at: self._snapshot.open_spans().payloads[at] for at in offsets}
        return frames.payloads_at(self._snapshot.segments[index].db, frame, offsets)


def _key(columns: dict[str, Array], primary: Array, offset: int) -> Key:
    return int(primary[offset]), int(columns["src"][offset]), int(columns["seq"][offset])


def find_by_query(snapshot: Snapshot, query: SpanQuery, chosen: Filter) -> Page[Span]:
    """Spans that match every part of the query. Raises UserError for an unknown order, a limit below 1, or a foreign cursor."""
    if query.limit < 1:
        raise UserError(f"limit {query.limit} is too small: use at least 1.")
    return Search(snapshot, chosen).page()
