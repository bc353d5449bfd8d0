"""Statistics of functions: from rollups, and from frames where a time window cuts an hour."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mcp_tracer.model.errors import UserError
from mcp_tracer.model.span import FunctionStats
from mcp_tracer.storage.sqlite import frames, matching, rollup
from mcp_tracer.storage.sqlite.columns import Array
from mcp_tracer.storage.sqlite.names import Function, Names
from mcp_tracer.storage.sqlite.rollup import HOUR_NS, SUMS, Rollup
from mcp_tracer.storage.sqlite.snapshot import Segment, Snapshot


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
        if (file is None or matching.file_matches(file, one.file)) and (not function or matching.function_matches(function, one.name))
    ]
    rows = _grouped(_collected(snapshot, Window(), run), names, names.mask(chosen), by_file)
    return tuple(sorted(rows, key=lambda row: (-row.total_ns, row.file, row.function, row.kind)))


def hotspots(snapshot: Snapshot, by: str, run: int | None, window: Window, limit: int) -> tuple[FunctionStats, ...]:
    """The functions that cost most by `self` or `total` time."""
    if by not in ("self", "total"):
        raise UserError(f"by={by!r} is unknown: use self or total.")
    everything = np.ones(len(snapshot.names.functions), np.bool_)
    rows = _grouped(_collected(snapshot, window, run), snapshot.names, everything, False)
    own = by == "self"
    return tuple(sorted(rows, key=lambda row: (-(row.self_ns if own else row.total_ns), row.file, row.function, row.kind))[:limit])


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
        columns = frames.read(segment.db, frame, ("fn", "dur", "self", "err", "count", "start", "src"))
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


def _grouped(part: Rollup, names: Names, chosen: Array, by_file: bool) -> list[FunctionStats]:
    """Add up runs, hours and versions of a function; `by_file`: all functions of a file."""
    keep = chosen[part.keys["fn"]]
    part = rollup.kept(part, keep)
    groups: dict[tuple[str, str, str], int] = {}
    newest: list[Function] = []
    of_fn = np.zeros(len(names.functions), np.int64)
    ids: list[int] = np.unique(part.keys["fn"]).tolist()
    for id_ in ids:
        one = names.functions[id_]
        key = (one.file, "", "") if by_file else (one.file, one.name, one.kind)
        index = of_fn[id_] = groups.setdefault(key, len(groups))
        if index == len(newest):
            newest.append(one)
        newest[index] = one
    return _stats(part, of_fn[part.keys["fn"]], newest, by_file)


def _stats(part: Rollup, group: Array, newest: list[Function], by_file: bool) -> list[FunctionStats]:
    keys = np.zeros(len(group), rollup.KEYS)
    keys["fn"] = group
    # Grouping once more, now by function only: hour and run are 0 for all.
    whole = rollup.regrouped(Rollup(keys, part.sums, part.hist))
    return [_row(whole, index, newest[int(whole.keys["fn"][index])], by_file) for index in range(len(whole.keys))]


def _row(whole: Rollup, index: int, function: Function, by_file: bool) -> FunctionStats:
    sums = whole.sums[index]
    low, high = np.searchsorted(whole.hist["row"], [index, index + 1]).tolist()
    buckets, calls = whole.hist["bucket"][low:high], whole.hist["calls"][low:high]
    least, most = int(sums["least"]), int(sums["most"])
    p50, p95, p99 = (rollup.percentile(buckets, calls, fraction, least, most) for fraction in (0.5, 0.95, 0.99))
    return FunctionStats(
        file=function.file,
        function="" if by_file else function.name,
        line=0 if by_file else function.line,
        kind="file" if by_file else function.kind,
        calls=int(sums["calls"]),
        errors=int(sums["errors"]),
        total_ns=int(sums["total"]),
        self_ns=int(sums["self"]),
        min_ns=least,
        max_ns=most,
        p50_ns=p50,
        p95_ns=p95,
        p99_ns=p99,
    )
