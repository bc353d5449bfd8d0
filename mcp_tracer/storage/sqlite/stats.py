"""Statistics of functions: from rollups, and from frames where a time window cuts an hour."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from mcp_tracer.model.errors import UserError
from mcp_tracer.model.span import FunctionStats
from mcp_tracer.storage.sqlite import edges, matching, rollup
from mcp_tracer.storage.sqlite.columns import Array
from mcp_tracer.storage.sqlite.names import Function, Names
from mcp_tracer.storage.sqlite.rollup import HOUR_NS, Rollup
from mcp_tracer.storage.sqlite.snapshot import Segment, Snapshot

_EVENTS: Final = ("line", "checkpoint", "variable")  # counted where they were too many; they are no calls


@dataclass(frozen=True, slots=True)
class Window:
    """Calls that started from `start` up to, not including, `end` (wall ns); None is open."""

    start: int | None = None
    end: int | None = None

    @property
    def first_hour(self) -> int:
        """The first hour that lies wholly inside."""
        return -(1 << 31) if self.start is None else -(-self.start // HOUR_NS)

    @property
    def end_hour(self) -> int:
        """The first hour after those that lie wholly inside."""
        return (1 << 31) - 1 if self.end is None else self.end // HOUR_NS

    def edges(self) -> list[tuple[int, int]]:
        """The parts of the window that are no whole hours."""
        low, high = -(1 << 62) if self.start is None else self.start, 1 << 62 if self.end is None else self.end
        first, end = self.first_hour * HOUR_NS, self.end_hour * HOUR_NS
        if self.start is not None and self.end is not None and first >= end:
            return [(low, high)]
        return [edge for edge in ((low, first), (end, high)) if edge[0] < edge[1] and edge[1] > -(1 << 61) and edge[0] < 1 << 61]


def function_stats(snapshot: Snapshot, file: str | None, function: str | None, run: int | None) -> tuple[FunctionStats, ...]:
    """Statistics of the matching functions, largest total first; of files where `function` is ''."""
    names = snapshot.names
    chosen = names.mask(
        [
            one.id
            for one in names.functions
            if one.kind not in _EVENTS
            and (file is None or matching.file_matches(file, one.file))
            and (not function or matching.function_matches(function, one.name))
        ]
    )
    return _ranked(rollup.merged(_collected(snapshot, Wanted(chosen, run))), names, Ranking("total", None, function == ""))


def hotspots(snapshot: Snapshot, by: str, run: int | None, window: Window, limit: int) -> tuple[FunctionStats, ...]:
    """The functions that cost most by `self` or `total` time."""
    if by not in ("self", "total"):
        raise UserError(f"by={by!r} is unknown: use self or total.")
    wanted = Wanted(_calls(snapshot.names), run, window)
    costliest = _costliest(_collected(snapshot, replace(wanted, histograms=False)), snapshot.names, by, limit)
    found = rollup.merged(_collected(snapshot, replace(wanted, functions=costliest)))
    return _ranked(found, snapshot.names, Ranking(by, limit, False))


def self_time(snapshot: Snapshot, run: int | None) -> int:
    """The time that all functions took themselves, in ns."""
    return _sum(snapshot, run, "self")


def call_count(snapshot: Snapshot, run: int | None) -> int:
    """How many calls there were, those included that were only counted."""
    return _sum(snapshot, run, "calls")


def _sum(snapshot: Snapshot, run: int | None, what: str) -> int:
    found = _collected(snapshot, Wanted(_calls(snapshot.names), run, histograms=False))
    return sum(int(part.sums[what].sum()) for part in found)


def _calls(names: Names) -> Array:
    return names.mask([one.id for one in names.functions if one.kind not in _EVENTS])


def _costliest(parts: Sequence[Rollup], names: Names, by: str, limit: int) -> Array:
    """Which functions, all versions of each, are among the `limit` costliest: what is known of the others need not be read."""
    spent = np.zeros(len(names.functions), np.int64)
    called = np.zeros(len(names.functions), np.bool_)
    for part in parts:
        np.add.at(spent, part.keys["fn"], part.sums[by])
        called[part.keys["fn"]] = True
    totals: dict[tuple[str, str, str], int] = {}
    ids: list[int] = np.flatnonzero(called).tolist()
    for id_ in ids:
        key = _identity(names.functions[id_], False)
        totals[key] = totals.get(key, 0) + int(spent[id_])
    first = {key for key, _ in sorted(totals.items(), key=lambda item: (-item[1], item[0]))[:limit]}
    return names.mask([id_ for id_ in ids if _identity(names.functions[id_], False) in first])


@dataclass(frozen=True, slots=True)
class Wanted:
    """Of which functions (a mask by id), of which run and time; histograms only where percentiles are asked for."""

    functions: Array
    run: int | None = None
    window: Window = Window()
    histograms: bool = True


def _collected(snapshot: Snapshot, wanted: Wanted) -> list[Rollup]:
    """Rollups that together say what is wanted."""
    parts: list[Rollup] = []
    for segment in snapshot.segments:
        parts += [_chosen(part, wanted) for part in _stored(segment, wanted)]
        for low, high in wanted.window.edges():
            edge = edges.Edge(low, high, wanted.functions, wanted.run)
            parts += edges.rolled_up(snapshot, segment, edge, wanted.histograms)
    return parts


def _stored(segment: Segment, wanted: Wanted) -> Sequence[Rollup]:
    """The segment's own rollups; those for the whole segment where they serve and are there."""
    window = wanted.window
    unbounded = window.start is None and window.end is None
    if not unbounded or not segment.sealed:
        return _read(segment, 0, wanted)
    # A segment that was sealed by an earlier version has no rollup over all runs.
    for whole in (2, 1) if wanted.run is None else (1,):
        if found := _read(segment, whole, wanted):
            return found
    return []


def _read(segment: Segment, whole: int, wanted: Wanted) -> Sequence[Rollup]:
    query = "SELECT id FROM rollup WHERE whole=? AND max_hour>=? AND min_hour<?"
    ids = segment.db.execute(query, (whole, wanted.window.first_hour, wanted.window.end_hour)).fetchall()
    return [segment.rollup("rollup", id_, wanted.histograms) for (id_,) in ids]


def _chosen(part: Rollup, wanted: Wanted) -> Rollup:
    keys, window = part.keys, wanted.window
    keep = wanted.functions[keys["fn"]]
    if wanted.run is not None:
        keep &= keys["run"] == wanted.run
    if window.start is not None or window.end is not None:
        keep &= (keys["hour"] >= window.first_hour) & (keys["hour"] < window.end_hour)
    return part if bool(keep.all()) else rollup.kept(part, keep)


@dataclass(frozen=True, slots=True)
class Ranking:
    """Which statistics are wanted: ordered by `total` or `self` time, the first `limit`; one a file instead of one a function."""

    by: str
    limit: int | None
    by_file: bool


def _identity(one: Function, by_file: bool) -> tuple[str, str, str]:
    return (one.file, "", "") if by_file else (one.file, one.name, one.kind)


def _ranked(part: Rollup, names: Names, ranking: Ranking) -> tuple[FunctionStats, ...]:
    """Add up runs, hours and versions of each function, and rank them."""
    groups: dict[tuple[str, str, str], int] = {}
    newest: list[Function] = []
    of_fn = np.zeros(len(names.functions), np.int64)
    ids: list[int] = np.unique(part.keys["fn"]).tolist()
    for id_ in ids:
        one = names.functions[id_]
        index = of_fn[id_] = groups.setdefault(_identity(one, ranking.by_file), len(groups))
        newest[index : index + 1] = [one]
    keys = np.zeros(len(part.keys), rollup.KEYS)
    keys["fn"] = of_fn[part.keys["fn"]]
    whole = rollup.regrouped(Rollup(keys, part.sums, part.hist))
    np.maximum(whole.sums["self"], 0, out=whole.sums["self"])  # a correction is an estimate
    called = [item for item in groups.items() if whole.sums["calls"][item[1]]]
    order = sorted(called, key=lambda item: (-int(whole.sums[ranking.by][item[1]]), item[0]))
    rows = np.array([index for _, index in order[: ranking.limit]], np.int64)
    return _rows(whole, rows, newest, ranking.by_file) if len(rows) else ()


def _rows(whole: Rollup, rows: Array, newest: list[Function], by_file: bool) -> tuple[FunctionStats, ...]:
    names = ("calls", "errors", "total", "self", "least", "most")
    columns: list[list[int]] = [whole.sums[name][rows].tolist() for name in names]
    columns += [rollup.percentile(whole, rows, fraction).tolist() for fraction in (0.5, 0.95, 0.99)]
    columns.append(whole.sums["estimated"][rows].tolist())
    indexes: list[int] = rows.tolist()
    named = [_named(newest[index], by_file) for index in indexes]
    return tuple(FunctionStats(*name, *numbers) for name, numbers in zip(named, zip(*columns, strict=True), strict=True))


def _named(function: Function, by_file: bool) -> tuple[str, str, int, str]:
    return (function.file, "", 0, "file") if by_file else (function.file, function.name, function.line, function.kind)
