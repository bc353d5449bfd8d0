"""One moment of a store, for answering one question: all segments and the catalog, opened for reading."""

from __future__ import annotations

import sqlite3
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any, Final

import numpy as np

from mcp_tracer.storage.sqlite import frames, opened, rollup, schema, segments
from mcp_tracer.storage.sqlite.column_cache import ColumnCache, identity
from mcp_tracer.storage.sqlite.columns import Array
from mcp_tracer.storage.sqlite.damage import Damages
from mcp_tracer.storage.sqlite.grams import Bitmaps, GrowingBitmaps
from mcp_tracer.storage.sqlite.names import Names
from mcp_tracer.storage.sqlite.rollup import Rollup
from mcp_tracer.storage.sqlite.rollup_cache import RollupCache
from mcp_tracer.storage.sqlite.segments import SegmentFile
from mcp_tracer.storage.sqlite.transform import Spans

_DIRECTORY: Final = np.dtype([(name.strip(), "<i8") for name in frames.DIRECTORY.split(",")])
OPEN_FRAME: Final = -1
_UNMAPPED: Final = 16
"""So many answers a connection gives before it reads through a mapping: a process's first questions find little in the system's cache."""


@dataclass(slots=True)
class Segment:
    """A segment that is open for reading."""

    number: int
    sealed: bool
    db: sqlite3.Connection
    path: Path
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


class Readers:
    """Hands out snapshots; keeps connections for the next ones. Any thread may ask."""

    def __init__(self, folder: Path, damages: Damages) -> None:
        self._folder, self._damages = folder, damages
        self._names = Names()
        self._idle: list[_Session] = []
        self._lock = Lock()
        self._directories: dict[Path, Array] = {}
        self._caches = Caches()

    @contextmanager
    def snapshot(self) -> Generator[Snapshot]:
        """The store as it is now. Raises sqlite3.Error where it cannot be read."""
        with self._lock:
            session = self._idle.pop() if self._idle else _Session(self._folder, self._caches, self._damages)
        try:
            yield session.begin(self._names, self._directories)
            session.end(self._directories)
        except BaseException:
            session.close()
            raise
        with self._lock:
            self._idle.append(session)

    def close(self) -> None:
        """Close all idle connections."""
        with self._lock:
            sessions, self._idle = self._idle, []
        for session in sessions:
            session.close()


@dataclass(frozen=True, slots=True)
class Caches:
    """What all readers of a store keep for the next questions."""

    columns: ColumnCache = field(default_factory=ColumnCache)
    rollups: RollupCache = field(default_factory=RollupCache)
    bitmaps: GrowingBitmaps = field(default_factory=GrowingBitmaps)

    def segment(self, one: SegmentFile, db: sqlite3.Connection) -> Segment:
        """A segment that was opened."""
        made = Segment(one.number, one.sealed, db, one.path, cache=self.columns, rollups=self.rollups)
        if one.sealed:
            made.file = identity(one.path)
        else:
            (created,) = db.execute("SELECT value FROM meta WHERE key='created_ns'").fetchone()
            made.file, made.growing = hash((one.number, created)), self.bitmaps
        return made


class _Session:
    """The connections of one reader."""

    def __init__(self, folder: Path, caches: Caches, damages: Damages) -> None:
        self._folder, self._caches, self._damages = folder, caches, damages
        self._lacks_newest = False
        self._catalog: sqlite3.Connection | None = None
        self._segments: dict[Path, Segment] = {}

    def begin(self, names: Names, directories: dict[Path, Array]) -> Snapshot:
        there = self._opened()
        for segment in there:
            if segment.sealed:
                segment.known_directory = directories.get(segment.path)
            else:
                segment.known_sizes = segment.known_directory = None
                segment.db.execute("BEGIN")
                segment.db.execute("SELECT count(*) FROM meta").fetchone()  # a read begins the snapshot, not BEGIN
        # After the segments: so the catalog names at least everything that they refer to.
        if self._catalog is None and there:
            self._catalog = schema.open_catalog(self._folder)
        if self._catalog is not None:
            names.refresh(self._catalog)
        return Snapshot(self._catalog, there, names, self._damages, opened.of_all(None) if self._lacks_newest else None)

    def end(self, directories: dict[Path, Array]) -> None:
        for segment in self._segments.values():
            if segment.db.in_transaction:
                segment.db.execute("COMMIT")
            if segment.sealed and segment.known_directory is not None:
                directories[segment.path] = segment.known_directory
            segment.answered += 1
            if segment.answered == _UNMAPPED:
                schema.map_into_memory(segment.db)

    def close(self) -> None:
        for segment in self._segments.values():
            segment.db.close()
        if self._catalog is not None:
            self._catalog.close()
        self._segments, self._catalog = {}, None

    def _opened(self) -> list[Segment]:
        """The segments that are there now; a segment may be sealed between listing and opening it."""
        for attempt in range(5):
            listed = segments.listed(self._folder) if self._folder.is_dir() else []
            there = self._damages.sound(listed)
            self._lacks_newest = there[-1:] != listed[-1:]
            try:
                return self._open_all(there)
            except sqlite3.OperationalError:
                if attempt == 4 or all(one.path.exists() for one in there):
                    raise
        raise AssertionError("unreachable")

    def _open_all(self, there: list[SegmentFile]) -> list[Segment]:
        paths = {one.path for one in there}
        for path in [path for path in self._segments if path not in paths]:
            self._segments.pop(path).db.close()
        for one in there:
            if one.path not in self._segments:
                db = schema.connect(one.path, sealed=one.sealed, mapped=False)
                schema.check_version(db, one.path)
                self._segments[one.path] = self._caches.segment(one, db)
        return [self._segments[one.path] for one in there]
