"""Rows of statistics that never change, decoded, for the next question."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from typing import Final

from mcp_tracer.storage.sqlite.rollup import Rollup

MAX_BYTES: Final = 32 << 20
Key = tuple[int, str, int, bool]
"""A segment (`Segment.file`), a table of it, a row's id, and whether with histograms."""


class RollupCache:
    """The rollups that were read last, up to `max_bytes` of them. Any thread may ask. What it gives must not be written to."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._max_bytes, self._bytes = max_bytes, 0
        self._kept: OrderedDict[Key, Rollup] = OrderedDict()
        self._lock = Lock()

    def read(self, key: Key, read: Callable[[], Rollup]) -> Rollup:
        """What is kept under the key, else what `read` gives."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        found = read()
        with self._lock:
            if key not in self._kept:
                self._kept[key] = found
                self._bytes += _bytes(found)
            while self._bytes > self._max_bytes:
                self._bytes -= _bytes(self._kept.popitem(last=False)[1])
        return found


def _bytes(part: Rollup) -> int:
    return part.keys.nbytes + part.sums.nbytes + part.hist.nbytes
