"""Statistics of parts of hours, which rollups by the hour don't have: from the columns of frames, and from single aggregates."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from mcp_tracer.storage.sqlite import dense, rollup
from mcp_tracer.storage.sqlite.columns import Array
from mcp_tracer.storage.sqlite.dense import Dense
from mcp_tracer.storage.sqlite.rollup import BUCKETS, SUM_NAMES, SUMS, Rollup
from mcp_tracer.storage.sqlite.snapshot import Segment, Snapshot

_COLUMNS = ("fn", "dur", "self", "err")


@dataclass(frozen=True, slots=True)
class Edge:
    """Calls of some functions (a mask by id) that started from `low` up to, not including, `high` (wall ns), of all runs or one."""

    low: int
    high: int
    functions: Array
    run: int | None


def rolled_up(snapshot: Snapshot, segment: Segment, edge: Edge, histograms: bool) -> list[Rollup]:
    """The edge as rollups, with or without histograms."""
    known = dense.inside(segment, edge.low, edge.high, histograms)
    found: _Sums | None = None
    for part in _parts(snapshot, segment, edge, known):
        found = found or _Sums(edge.functions, histograms)
        found.add(part)
    counted = [found.rollup(edge.run or 0)] if found else []
    return [*counted, *_aggregates(segment, edge), *(_chosen(part, edge) for part in known.rollups)]


def _chosen(part: Rollup, edge: Edge) -> Rollup:
    keep = edge.functions[part.keys["fn"]]
    if edge.run is not None:
        keep = keep & (part.keys["run"] == edge.run)
    return part if bool(keep.all()) else rollup.kept(part, keep)


class _Sums:
    """Adds up calls by function, without sorting them: an hour may hold millions."""

    def __init__(self, functions: Array, histograms: bool) -> None:
        self._fns = np.flatnonzero(functions)
        self._rows = np.cumsum(functions) - 1
        self._sums = {name: np.zeros(len(self._fns), np.int64) for name in SUM_NAMES}
        self._sums["least"][:] = 1 << 62
        self._hist = np.zeros(len(self._fns) * BUCKETS if histograms else 0, np.int64)

    def add(self, columns: dict[str, Array]) -> None:
        """Some calls of the functions."""
        rows, durations = self._rows[columns["fn"]], columns["dur"]
        np.add.at(self._sums["calls"], rows, 1)
        np.add.at(self._sums["errors"], rows[columns["err"] > 0], 1)
        np.add.at(self._sums["total"], rows, durations)
        np.add.at(self._sums["self"], rows, columns["self"])
        np.minimum.at(self._sums["least"], rows, durations)
        np.maximum.at(self._sums["most"], rows, durations)
        if len(self._hist):
            np.add.at(self._hist, rows * BUCKETS + rollup.bucket(durations), 1)

    def rollup(self, run: int) -> Rollup:
        """What was added."""
        called = np.flatnonzero(self._sums["calls"])
        keys, sums = np.zeros(len(called), rollup.KEYS), np.zeros(len(called), SUMS)
        keys["fn"], keys["run"] = self._fns[called], run
        for name in SUM_NAMES:
            sums[name] = self._sums[name][called]
        there = np.flatnonzero(self._hist)
        hist = np.zeros(len(there), rollup.HIST)
        hist["row"], hist["bucket"] = np.searchsorted(called, there // BUCKETS), there % BUCKETS
        hist["calls"] = self._hist[there]
        return Rollup(keys, sums, hist)


def _parts(snapshot: Snapshot, segment: Segment, edge: Edge, known: Dense) -> Iterator[dict[str, Array]]:
    """The columns of the spans that belong to the edge and aren't known without, frame by frame."""
    there = segment.directory()
    there = there[(there["max_start"] >= edge.low) & (there["min_start"] < edge.high)]
    there = there[~known.holds(there["id"], there["id"] + there["n"])]
    inside: list[bool] = ((there["min_start"] >= edge.low) & (there["max_start"] < edge.high)).tolist()
    ids: list[int] = there["id"].tolist()
    for frame, lies_inside in zip(ids, inside, strict=True):
        left_out = known.left_out(frame, segment.frame_end(frame) - frame)
        if not left_out.any():
            continue
        more = {"start"} if not lies_inside else set[str]()
        columns = segment.read(frame, {*_COLUMNS, *more, *({"src"} if edge.run is not None else ())})
        mask: Array = edge.functions[columns["fn"]] & left_out
        if not lies_inside:
            mask &= (columns["start"] >= edge.low) & (columns["start"] < edge.high)
        if edge.run is not None:
            mask &= _of_run(snapshot, columns["src"], edge.run)
        if mask.all():
            yield columns
        elif mask.any():
            yield {name: columns[name][mask] for name in _COLUMNS}


def _of_run(snapshot: Snapshot, sources: Array, run: int) -> Array:
    own = [one for one in np.unique(sources).tolist() if snapshot.names.source(one).run == run]
    return np.isin(sources, own)


def _aggregates(segment: Segment, edge: Edge) -> list[Rollup]:
    """Calls that were only counted."""
    query = "SELECT run, fn, at, calls, errors, total, self, least, most FROM aggregate WHERE at>=? AND at<?"
    parts: list[Rollup] = []
    for own, fn, at, calls, errors, *times in segment.db.execute(query, (edge.low, edge.high)):
        if edge.run in (None, own) and edge.functions[fn]:
            numbers = (calls, errors if errors >= 0 else -1 - errors, *times, calls if errors < 0 else 0)
            parts.append(rollup.of_aggregates(own, np.array([fn]), np.array([at]), np.array([numbers], SUMS)))
    return parts
