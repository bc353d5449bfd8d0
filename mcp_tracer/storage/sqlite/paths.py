"""All spans of a trace or a run added up by call path, however many there are: columns alone, no values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from mcp_tracer.model.span import CallPath
from mcp_tracer.storage.sqlite import indexes, unrecorded
from mcp_tracer.storage.sqlite.columns import DTYPES, Array
from mcp_tracer.storage.sqlite.parentage import Below, parents_of, with_callers
from mcp_tracer.storage.sqlite.snapshot import Snapshot

_COLUMNS: Final = ("trace", "src", "seq", "parent", "fn", "dur", "self", "err", "count")
_SUMMED: Final = ("dur", "self")
MOST_FAILED: Final = 200
_EMPTY: Final[dict[str, Array]] = {name: np.zeros(0, DTYPES[name]) for name in _COLUMNS}


def paths_of_trace(snapshot: Snapshot, trace_id: bytes, least_share: float) -> tuple[CallPath, ...]:
    """The paths of a trace, callers before what they call; those below `least_share` of the whole time are left out with all below
    them, unless a call failed there (of more than MOST_FAILED failed calls one of each function and caller, as many).

    A span whose parent isn't in the same process begins a path.
    """
    return _paths(snapshot, _spans_of_trace(snapshot, trace_id), least_share)


def paths_of_sources(snapshot: Snapshot, sources: list[int], least_share: float) -> tuple[CallPath, ...]:
    """The same of all that some processes did."""
    parts = [_EMPTY]
    for segment in snapshot.segments:
        for frame in indexes.frames_of_sources(segment, sources).tolist():
            columns = segment.read(frame, _COLUMNS)
            parts.append(_chosen(columns, np.isin(columns["src"], sources)))
    opened = snapshot.open_spans().columns
    return _paths(snapshot, _joined([*parts, _chosen(opened, np.isin(opened["src"], sources))]), least_share)


def _paths(snapshot: Snapshot, spans: dict[str, Array], least_share: float) -> tuple[CallPath, ...]:
    parents = parents_of(spans)
    paths = _Paths(spans, parents, float(least_share), unrecorded.times(snapshot, spans))
    level = np.flatnonzero(parents < 0)
    below = Below(parents)
    while len(level):
        level = below.of(paths.add(level))
    return paths.rows(snapshot)


def _spans_of_trace(snapshot: Snapshot, trace_id: bytes) -> dict[str, Array]:
    parts = [_EMPTY]
    for segment in snapshot.segments:
        row = segment.db.execute("SELECT id FROM trace WHERE trace_id=?", (trace_id,)).fetchone()
        if row is None:
            continue
        found = [segment.read(frame, _COLUMNS) for frame in indexes.frames_of_traces(segment, [row[0]]).tolist()]
        if segment is snapshot.segments[-1]:
            found.append(snapshot.open_spans().columns)
        parts += [_chosen(columns, columns["trace"] == row[0]) for columns in found]
    return _joined(parts)


def _joined(parts: list[dict[str, Array]]) -> dict[str, Array]:
    """One after another, as narrow as they are stored: rows of open spans are wider."""
    return {name: np.concatenate([part[name].astype(DTYPES[name], copy=False) for part in parts]) for name in _COLUMNS}


def _chosen(columns: dict[str, Array], mask: Array) -> dict[str, Array]:
    return columns if bool(mask.all()) else {name: columns[name][mask] for name in _COLUMNS}


def _failed(spans: dict[str, Array], parents: Array) -> Array:
    """The failed calls whose paths are kept however small these are: all, or of too many one of each function and caller; of too many of
    these, those that stand for most."""
    failed = np.flatnonzero(spans["err"] > 0)
    if len(failed) <= MOST_FAILED:
        return failed
    above = parents[failed]
    callers = np.where(above >= 0, spans["fn"][above].astype(np.int64) + 1, 0)
    _, first, counts = np.unique(callers << 32 | spans["fn"][failed], return_index=True, return_counts=True)
    return failed[first[np.argsort(-counts, kind="stable")[:MOST_FAILED]]]


@dataclass(frozen=True, slots=True)
class _Level:
    """Paths of one depth; `above` is each one's path in the level before, counted over all levels."""

    above: Array
    fn: Array
    sums: Array


class _Paths:
    """Paths level by level."""

    def __init__(self, spans: dict[str, Array], parents: Array, least_share: float, unrecorded: dict[str, Array] | None) -> None:
        self._spans, self._parents, self._least_share, self._unrecorded = spans, parents, least_share, unrecorded
        self._path = np.full(len(parents), -1, np.int64)
        self._failing = with_callers(_failed(spans, parents), parents)
        self._levels: list[_Level] = []
        self._made = 0
        self._least = 0.0

    def add(self, level: Array) -> Array:
        """Add the paths of spans whose parents' paths are there; gives the spans whose paths are kept."""
        above = np.where(self._parents[level] >= 0, self._path[self._parents[level]], -1)
        keys = ((above + 1) << 32) | self._spans["fn"][level].astype(np.int64)
        different, which = np.unique(keys, return_inverse=True)
        sums = self._sums(level, which, len(different))
        if not self._levels:
            self._least = float(sums[:, 0].sum()) * self._least_share
        kept = sums[:, 0] >= self._least
        kept[which[self._failing[level]]] = True
        number = np.where(kept, self._made + np.cumsum(kept) - 1, -1)
        self._made += int(kept.sum())
        self._levels.append(_Level((different[kept] >> 32) - 1, different[kept] & 0xFFFFFFFF, sums[kept]))
        self._path[level] = number[which]
        return level[kept[which]]

    def _sums(self, level: Array, which: Array, paths: int) -> Array:
        """total, self, calls, errors of each path. A span that is one of many stands for them."""
        counts = self._spans["count"][level].astype(np.int64)
        columns = [self._spans[name][level].astype(np.int64) for name in _SUMMED]
        if self._unrecorded is not None:
            columns = [own + self._unrecorded[name][level] for name, own in zip(_SUMMED, columns, strict=True)]
        columns += [counts, (self._spans["err"][level] > 0).astype(np.int64)]
        sums = np.zeros((paths, len(columns)), np.int64)
        for index, column in enumerate(columns):
            np.add.at(sums[:, index], which, column)
        return sums

    def rows(self, snapshot: Snapshot) -> tuple[CallPath, ...]:
        """All paths that are kept, level by level."""
        functions = snapshot.names.functions
        found: list[CallPath] = []
        for level in self._levels:
            above: list[int] = level.above.tolist()
            called: list[int] = level.fn.tolist()
            sums: list[list[int]] = level.sums.tolist()
            for index, (total, own, calls, errors) in enumerate(sums):
                one = functions[called[index]]
                found.append(CallPath(above[index], one.file, one.name, one.line, one.kind, calls, errors, total, own))
        return tuple(found)
