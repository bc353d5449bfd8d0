"""Statistics of spans that came close together: a test run puts a million calls into a minute, and a window may cut its hour.

A row is about the spans from ordinal `id` on, `n` of them, all of one hour. Where a window holds them all, the row says what their frames
would say.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from mcp_tracer.storage.sqlite import rollup
from mcp_tracer.storage.sqlite.columns import FRAME_SPANS, Array
from mcp_tracer.storage.sqlite.rollup import HOUR_NS, Rollup
from mcp_tracer.storage.sqlite.snapshot import Segment

LEAST: Final = 2 * FRAME_SPANS
_MOST: Final = 32 * FRAME_SPANS
_INSERT: Final = "INSERT INTO dense VALUES(?,?,?,?,?,?,?)"
_Row = tuple[Any, ...]


def write(db: sqlite3.Connection, ordinal: int, starts: Array, part: Rollup) -> None:
    """Keep what `part` says of the spans from `ordinal` on, which began at `starts`, where they are many and of one hour."""
    first, last = int(starts.min()), int(starts.max())
    if len(starts) >= LEAST and first // HOUR_NS == last // HOUR_NS:
        db.execute(_INSERT, (ordinal, len(starts), first, last, *rollup.encode(part)[3:]))


def copy(before: sqlite3.Connection, db: sqlite3.Connection) -> None:
    """Copy the rows to the segment that is being sealed, neighbours of an hour together."""
    rows = before.execute("SELECT id, n, min_start, max_start, keys, sums, hist FROM dense ORDER BY id").fetchall()
    for group in _neighbours(rows):
        if len(group) == 1:
            db.execute(_INSERT, group[0])
            continue
        whole = rollup.merged([rollup.decode(*row[4:]) for row in group])
        bounds = (min(row[2] for row in group), max(row[3] for row in group))
        db.execute(_INSERT, (group[0][0], sum(row[1] for row in group), *bounds, *rollup.encode(whole)[3:]))


def _neighbours(rows: Sequence[_Row]) -> Iterator[list[_Row]]:
    group: list[_Row] = []
    for row in rows:
        if group and not _goes_on(group, row):
            yield group
            group = []
        group.append(row)
    if group:
        yield group


def _goes_on(group: list[_Row], row: _Row) -> bool:
    last = group[-1]
    same_hour = last[2] // HOUR_NS == row[2] // HOUR_NS
    return last[0] + last[1] == row[0] and same_hour and row[0] + row[1] - group[0][0] <= _MOST


@dataclass(frozen=True, slots=True)
class Dense:
    """What is known without frames, as rollups, and of which ordinals: from each of `firsts` up to `stops`, ascending."""

    firsts: Array
    stops: Array
    rollups: list[Rollup]

    def left_out(self, first: int, n: int) -> Array:
        """True for those of `n` ordinals from `first` on that frames must be asked about."""
        ordinals = np.arange(first, first + n)
        at = np.searchsorted(self.firsts, ordinals, side="right") - 1
        return (at < 0) | (ordinals >= self.stops[at]) if len(self.firsts) else np.ones(n, np.bool_)

    def holds(self, firsts: Array, stops: Array) -> Array:
        """Which ranges of ordinals lie wholly in one of these."""
        if not len(self.firsts):
            return np.zeros(len(firsts), np.bool_)
        at = np.searchsorted(self.firsts, firsts, side="right") - 1
        return (at >= 0) & (stops <= self.stops[at])


def inside(segment: Segment, low: int, high: int, histograms: bool) -> Dense:
    """What is known of spans that began from `low` up to, not including, `high`; nothing in segments of version 1."""
    found: list[tuple[int, int]] = []
    if segment.has_table("dense"):
        query = "SELECT id, n FROM dense WHERE min_start>=? AND min_start<? AND max_start<? ORDER BY id"
        found = segment.db.execute(query, (low, high, high)).fetchall()
    firsts = np.array([id_ for id_, _ in found], np.int64)
    stops = np.array([id_ + n for id_, n in found], np.int64)
    return Dense(firsts, stops, [segment.rollup("dense", id_, histograms) for id_, _ in found])
