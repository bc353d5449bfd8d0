"""One moment of a store, for answering one question: all segments and the catalog, opened for reading."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np

from mcp_tracer.storage.sqlite import frames, opened, rollup
from mcp_tracer.storage.sqlite.column_cache import ColumnCache
from mcp_tracer.storage.sqlite.columns import Array
from mcp_tracer.storage.sqlite.damage import Damages
from mcp_tracer.storage.sqlite.grams import Bitmaps, GrowingBitmaps
from mcp_tracer.storage.sqlite.names import Names
from mcp_tracer.storage.sqlite.rollup import Rollup
from mcp_tracer.storage.sqlite.rollup_cache import RollupCache
from mcp_tracer.storage.sqlite.transform import Spans

_DIRECTORY: Final = np.dtype([(name.strip(), "<i8") for name in frames.DIRECTORY.split(",")])
OPEN_FRAME: Final = -1


@dataclass(slots=True)
class Segment:
    """A segment that is open for reading."""

    number: int
    sealed: bool
    db: sqlite3.Connection
    path: Path
    inode: tuple[int, int] | None
    known_directory: Array | None = None
    known_sizes: dict[int, int] | None = None
    block_ids: Array | None = None
    growing: GrowingBitmaps | None = None
    cache: ColumnCache | None = None
    rollups: RollupCache = field(default_factory=RollupCache)
    file: int = 0
    answered: int = 0
    guessed: bool | None = None

    def read(self, frame: int, names: Iterable[str]) -> dict[str, Array]:
        """The named columns of a frame; `start` in wall ns. They must not be written to."""
        if self.cache is None:
            return frames.read(self.db, frame, names)
        return self.cache.read(self.db, (self.file, frame, self._spans_in(frame)), names)

    def rollup(self, table: str, id_: int, histograms: bool) -> Rollup:
        """A row of statistics of a table, which never changes once it is written. It must not be written to."""
        return self.rollups.read((self.file, table, id_, histograms), partial(_decoded, self.db, table, id_, histograms))

    def has_table(self, name: str) -> bool:
        """Whether the segment has a table that early versions did not make."""
        return self.db.execute("SELECT 1 FROM sqlite_master WHERE type='table' AND name=?", (name,)).fetchone() is not None

    def guesses_roots(self) -> bool:
        """Whether it holds roots from before it was noted of each which remote span it belongs to."""
        if self.guessed is None:
            said = self.db.execute("SELECT 1 FROM meta WHERE key='roots'").fetchone()
            self.guessed = said is not None or not self.has_table("remote_root")
        return self.guessed

    def bitmaps(self) -> Bitmaps | None:
        """Which pieces of text are in which block, while the segment takes spans; None where that isn't known of all blocks."""
        if self.growing is None or not self.has_table("block_gram16"):
            return None
        there, found = self.directory(), self.growing.read(self.db, self.file)
        return found if found.cover(int(there["id"][-1] + there["n"][-1]) if len(there) else 0) else None

    def frame_end(self, frame: int) -> int:
        """The ordinal behind the last span of a frame."""
        return frame + self._spans_in(frame)

    def _spans_in(self, frame: int) -> int:
        if self.known_sizes is None:
            there = self.directory()
            self.known_sizes = dict(zip(there["id"].tolist(), there["n"].tolist(), strict=True))
        return self.known_sizes[frame]

    def directory(self) -> Array:
        """Id, number of spans and bounds of every frame (fields as in `frames.DIRECTORY`), by id."""
        if self.known_directory is None:
            rows = self.db.execute(f"SELECT {frames.DIRECTORY} FROM frame ORDER BY id").fetchall()
            self.known_directory = np.array(rows, _DIRECTORY) if rows else np.zeros(0, _DIRECTORY)
        return self.known_directory


def _decoded(db: sqlite3.Connection, table: str, id_: int, histograms: bool) -> Rollup:
    return rollup.decode(*db.execute(f"SELECT keys, sums, {'hist' if histograms else 'NULL'} FROM {table} WHERE id=?", (id_,)).fetchone())


@dataclass(slots=True)
class Snapshot:
    """`segments` are oldest first. Open spans are those of the newest. `damages` knows which segments are left out."""

    catalog: sqlite3.Connection | None
    segments: Sequence[Segment]
    names: Names
    damages: Damages
    opened: Spans | None = None
    known_left_out: list[int] | None = None

    def open_spans(self) -> Spans:
        """Spans that have not ended, as columns; `trace` holds the newest segment's ids."""
        if self.opened is None:
            newest = self.segments[-1].db if self.segments and not self.segments[-1].sealed else None
            self.opened = opened.of_all(newest)
        return self.opened

    def left_out(self) -> list[int]:
        """The numbers of segments that are damaged and have no part in answers."""
        if self.known_left_out is None:
            there = {segment.number for segment in self.segments}
            self.known_left_out = [number for number in self.damages.numbers() if number not in there]
        return self.known_left_out

    def all(self, query: str, parameters: Sequence[Any] = ()) -> list[Any]:
        """Rows of the catalog; none where there is no catalog yet."""
        return self.catalog.execute(query, tuple(parameters)).fetchall() if self.catalog else []
