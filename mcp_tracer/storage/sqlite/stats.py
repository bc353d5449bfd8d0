"""Statistics of functions: from rollups, and from frames where a time window cuts an hour."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from mcp_tracer.model.errors import UserError
from mcp_tracer.model.span import FunctionStats
from mcp_tracer.storage.sqlite import frames, matching, rollup
from mcp_tracer.storage.sqlite.columns import Array
from mcp_tracer.storage.sqlite.names import Function, Names
from mcp_tracer.storage.sqlite.rollup import HOUR_NS, SUMS, Rollup
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
    by_file = function == ""
    chosen = [
        one.id
        for one in names.functions
        if one.kind not in _EVENTS
        and (file is None or matching.file_matches(file, one.file))
        and (not function or matching.function_matches(function, one.name))
    ]
    return _ranked(_collected(snapshot, Window(), run), names, names.mask(chosen), Ranking("total", None, by_file))


def hotspots(snapshot: Snapshot, by: str, run: int | None, window: Window, limit: int) -> tuple[FunctionStats, ...]:
    """The functions that cost most by `self` or `total` time."""
    if by not in ("self", "total"):
        raise UserError(f"by={by!r} is unknown: use self or total.")
    names = snapshot.names
    chosen = [one.id for one in names.functions if one.kind not in _EVENTS]
    return _ranked(_collected(snapshot, window, run), names, names.mask(chosen), Ranking(by, limit, False))


def _collected(snapshot: Snapshot, window: Window, run: int | None) -> Rollup:
    parts: list[Rollup] = []
    for segment in snapshot.segments:
        parts += [_chosen(part, window, run) for part in _stored(segment, window)]
        for low, high in window.edges():
            parts += _edge(snapshot, segment, low, high, run)
    return rollup.merged(parts)


def _stored(segment: Segment, window: Window) -> list[Rollup]:
    """The segment's own rollups; those for the whole segment where they serve and are there."""
    unbounded = window.start is None and window.end is None
    query = "SELECT keys, sums, hist FROM rollup WHERE whole=? AND max_hour>=? AND min_hour<?"
    bounds = (window.first_hour, window.end_hour)
    rows = segment.db.execute(query, (int(unbounded and segment.sealed), *bounds)).fetchall()
    return [rollup.decode(*row) for row in rows]


def _chosen(part: Rollup, window: Window, run: int | None) -> Rollup:
    keys = part.keys
    keep = np.ones(len(keys), np.bool_) if run is None else keys["run"] == run
    if window.start is not None or window.end is not None:
        keep &= (keys["hour"] >= window.first_hour) & (keys["hour"] < window.end_hour)
    return part if bool(keep.all()) else rollup.kept(part, keep)


def _edge(snapshot: Snapshot, segment: Segment, low: int, high: int, run: int | None) -> list[Rollup]:
    """What started from `low` up to `high`, from frames and single aggregates."""
    there = segment.directory()
    parts: list[Rollup] = []
    for frame in there["id"][(there["max_start"] >= low) & (there["min_start"] < high)].tolist():
        columns = frames.read(segment.db, frame, ("fn", "dur", "self", "err", "start", "src"))
        for source in np.unique(columns["src"]).tolist():
            own = snapshot.names.source(source).run
            mask = (columns["src"] == source) & (columns["start"] >= low) & (columns["start"] < high)
            if run in (None, own) and mask.any():
                part = {name: column[mask] for name, column in columns.items()}
                parts.append(rollup.of_spans(own, part, part["start"]))
    return [*parts, *_edge_aggregates(segment, low, high, run)]


def _edge_aggregates(segment: Segment, low: int, high: int, run: int | None) -> list[Rollup]:
    query = "SELECT run, fn, at, calls, errors, total, self, least, most FROM aggregate WHERE at>=? AND at<?"
    parts: list[Rollup] = []
    for own, fn, at, *numbers in segment.db.execute(query, (low, high)):
        if run in (None, own):
            parts.append(rollup.of_aggregates(own, np.array([fn]), np.array([at]), np.array([tuple(numbers)], SUMS)))
    return parts


@dataclass(frozen=True, slots=True)
class Ranking:
    """Which statistics are wanted: ordered by `total` or `self` time, the first `limit`; one a file instead of one a function."""

    by: str
    limit: int | None
    by_file: bool


def _ranked(part: Rollup, names: Names, chosen: Array, ranking: Ranking) -> tuple[FunctionStats, ...]:
    """Add up runs, hours and versions of each function, and rank them."""
    part = rollup.kept(part, chosen[part.keys["fn"]])
    groups: dict[tuple[str, str, str], int] = {}
    newest: list[Function] = []
    of_fn = np.zeros(len(names.functions), np.int64)
    ids: list[int] = np.unique(part.keys["fn"]).tolist()
    for id_ in ids:
        one = names.functions[id_]
        key = (one.file, "", "") if ranking.by_file else (one.file, one.name, one.kind)
        index = of_fn[id_] = groups.setdefault(key, len(groups))
        newest[index : index + 1] = [one]
    keys = np.zeros(len(part.keys), rollup.KEYS)
    keys["fn"] = of_fn[part.keys["fn"]]
    whole = rollup.regrouped(Rollup(keys, part.sums, part.hist))
    order = sorted(groups.items(), key=lambda item: (-int(whole.sums[ranking.by][item[1]]), item[0]))
    rows = np.array([index for _, index in order[: ranking.limit]], np.int64)
    return _rows(whole, rows, newest, ranking.by_file) if len(rows) else ()


def _rows(whole: Rollup, rows: Array, newest: list[Function], by_file: bool) -> tuple[FunctionStats, ...]:
    names = ("calls", "errors", "total", "self", "least", "most")
    columns: list[list[int]] = [whole.sums[name][rows].tolist() for name in names]
    columns += [rollup.percentile(whole, rows, fraction).tolist() for fraction in (0.5, 0.95, 0.99)]
    indexes: list[int] = rows.tolist()
    named = [_named(newest[index], by_file) for index in indexes]
    return tuple(FunctionStats(*name, *numbers) for name, numbers in zip(named, zip(*columns, strict=True), strict=True))


def _named(function: Function, by_file: bool) -> tuple[str, str, int, str]:
    return (function.file, "", 0, "file") if by_file else (function.file, function.name, function.line, function.kind)
