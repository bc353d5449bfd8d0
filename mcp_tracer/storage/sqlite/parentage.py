"""Who called whom among spans of which only columns are known; each is the index of its row."""

from __future__ import annotations

from typing import Final

import numpy as np

from mcp_tracer.storage.sqlite.columns import Array

_SPARSE: Final = 8


def parents_of(spans: dict[str, Array]) -> Array:
    """The index of each span's parent, -1 where it isn't there."""
    sources = spans["src"]
    found = np.full(len(sources), -1, np.int32)
    if not len(sources):
        return found
    if bool((sources == sources[0]).all()):
        return _parents_within(spans["seq"], spans["parent"])
    for source in np.unique(sources).tolist():
        own = np.flatnonzero(sources == source)
        inside = _parents_within(spans["seq"][own], spans["parent"][own])
        found[own] = np.where(inside < 0, -1, own[inside])
    return found


def _parents_within(numbers: Array, wanted: Array) -> Array:
    """The same for the spans of one process, in 32 bits: it is memory that takes the time. Numbers begin at 1; 0 is nobody's."""
    first, last = int(numbers.min()), int(numbers.max())
    if last - first > _SPARSE * len(numbers):
        return _parents_far_apart(numbers, wanted)
    known = np.full(last - first + 2, -1, np.int32)  # the first stands for all numbers that are before or behind
    known[numbers - np.uint32(first - 1)] = np.arange(len(numbers), dtype=np.int32)
    places = wanted - np.uint32(first - 1)  # wraps round for those before
    return known[np.where(places <= last - first + 1, places, 0)]


def _parents_far_apart(numbers: Array, wanted: Array) -> Array:
    """The same where a table of all numbers between would be mostly empty."""
    order = np.argsort(numbers)
    at = np.minimum(np.searchsorted(numbers, wanted, sorter=order), len(numbers) - 1)
    return np.where(numbers[order[at]] == wanted, order[at], -1).astype(np.int32)


def with_callers(spans: Array, parents: Array) -> Array:
    """Which of all spans are some of these, or led to one."""
    found = np.zeros(len(parents), np.bool_)
    while len(spans):
        found[spans] = True
        above = np.unique(parents[spans])
        spans = above[(above >= 0) & ~found[above]]
    return found


class Below:
    """Children by parent: by its index, or by any number that the rows know theirs by."""

    def __init__(self, parents: Array) -> None:
        self._order = np.argsort(parents, kind="stable")
        self._sorted = parents[self._order]

    def of(self, spans: Array) -> Array:
        """The children of some spans."""
        wanted = spans.astype(self._sorted.dtype)  # else all that is sorted is widened each time
        low = np.searchsorted(self._sorted, wanted, side="left")
        counts = np.searchsorted(self._sorted, wanted, side="right") - low
        starts = np.repeat(low - np.cumsum(counts) + counts, counts)
        return self._order[starts + np.arange(int(counts.sum()))]
