"""Columns of frames, unpacked, for the next question. A frame with the same id and number of spans in the same segment is the same."""

from __future__ import annotations

import sqlite3
from collections import OrderedDict
from collections.abc import Iterable
from pathlib import Path
from threading import Lock
from typing import Final

from mcp_tracer.storage.sqlite import frames
from mcp_tracer.storage.sqlite.columns import Array

MAX_BYTES: Final = 64 << 20
Key = tuple[int, int, int, str]
"""A segment, a frame's id, its number of spans, and the column's name."""


class ColumnCache:
    """The columns that were read last, up to `max_bytes` of them. Any thread may ask. What it gives must not be written to."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._max_bytes, self._bytes = max_bytes, 0
        self._kept: OrderedDict[Key, Array] = OrderedDict()
        self._lock = Lock()

    def read(self, db: sqlite3.Connection, place: tuple[int, int, int], names: Iterable[str]) -> dict[str, Array]:
        """As `frames.read`. A place is a number that tells the segment from others, the frame's id, and its number of spans."""
        keys: dict[str, Key] = {name: (*place, name) for name in names}
        with self._lock:
            found = {name: self._kept[key] for name, key in keys.items() if key in self._kept}
            for name in found:
                self._kept.move_to_end(keys[name])
        missing = [name for name in keys if name not in found]
        if missing:
            read = frames.read(db, place[1], missing)
            self._keep({keys[name]: column for name, column in read.items()})
            found |= read
        return found

    def _keep(self, columns: dict[Key, Array]) -> None:
        with self._lock:
            for key, column in columns.items():
                column.flags.writeable = False
                if key not in self._kept:
                    self._kept[key] = column
                    self._bytes += column.nbytes
            while self._bytes > self._max_bytes:
                self._bytes -= self._kept.popitem(last=False)[1].nbytes


def identity(path: Path) -> int:
    """A number for this very file: another one under the same name, later, gets another."""
    status = path.stat()
    return hash((status.st_dev, status.st_ino, status.st_mtime_ns))
