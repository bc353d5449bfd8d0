"""Columns of sealed segments, unpacked, for the next question: sealed segments never change."""

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
Key = tuple[int, int, str]


class ColumnCache:
    """The columns that were read last, up to `max_bytes` of them. Any thread may ask. What it gives must not be written to."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._max_bytes, self._bytes = max_bytes, 0
        self._kept: OrderedDict[Key, Array] = OrderedDict()
        self._lock = Lock()

    def read(self, db: sqlite3.Connection, file: int, frame: int, names: Iterable[str]) -> dict[str, Array]:
        """As `frames.read`, for the sealed segment that `identity` gave the number `file` for."""
        names = tuple(names)
        with self._lock:
            found = {name: self._kept[file, frame, name] for name in names if (file, frame, name) in self._kept}
            for name in found:
                self._kept.move_to_end((file, frame, name))
        missing = [name for name in names if name not in found]
        if missing:
            read = frames.read(db, frame, missing)
            self._keep(file, frame, read)
            found |= read
        return found

    def _keep(self, file: int, frame: int, columns: dict[str, Array]) -> None:
        with self._lock:
            for name, column in columns.items():
                column.flags.writeable = False
                if (file, frame, name) not in self._kept:
                    self._kept[file, frame, name] = column
                    self._bytes += column.nbytes
            while self._bytes > self._max_bytes:
                self._bytes -= self._kept.popitem(last=False)[1].nbytes


def identity(path: Path) -> int:
    """A number for this very file: another one under the same name, later, gets another."""
    status = path.stat()
    return hash((status.st_dev, status.st_ino, status.st_mtime_ns))
