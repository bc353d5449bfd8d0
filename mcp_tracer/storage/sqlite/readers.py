"""Connections for reading a store, kept from one question to the next, as long as its files are the same ones."""

from __future__ import annotations

import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Final

from mcp_tracer.storage.sqlite import opened, schema, segments
from mcp_tracer.storage.sqlite.column_cache import ColumnCache, identity
from mcp_tracer.storage.sqlite.columns import Array
from mcp_tracer.storage.sqlite.damage import Damages
from mcp_tracer.storage.sqlite.grams import GrowingBitmaps
from mcp_tracer.storage.sqlite.names import Names
from mcp_tracer.storage.sqlite.rollup_cache import RollupCache
from mcp_tracer.storage.sqlite.segments import SegmentFile
from mcp_tracer.storage.sqlite.snapshot import Segment, Snapshot

_UNMAPPED: Final = 16
"""So many answers a connection gives before it reads through a mapping: a process's first questions find little in the system's cache."""


class Readers:
    """Hands out snapshots; keeps connections for the next ones. Any thread may ask."""

    def __init__(self, folder: Path, damages: Damages) -> None:
        self._folder, self._damages = folder, damages
        self._idle: list[_Session] = []
        self._lock = Lock()
        self._known = _Known()

    @contextmanager
    def snapshot(self) -> Generator[Snapshot]:
        """The store as it is now. Raises sqlite3.Error where it cannot be read."""
        session = self._session()
        try:
            yield session.begin()
            session.end()
        except BaseException:
            session.close()
            raise
        with self._lock:
            if session.known is self._known:
                self._idle.append(session)
                return
        session.close()

    def close(self) -> None:
        """Close all idle connections."""
        with self._lock:
            sessions, self._idle = self._idle, []
        for session in sessions:
            session.close()

    def _session(self) -> _Session:
        """One for the store that is there now: somebody may have moved or deleted the one that was."""
        there = segments.file_at(self._folder / "catalog.db")
        with self._lock:
            if there == self._known.catalog:
                return self._idle.pop() if self._idle else _Session(self._folder, self._known, self._damages)
            stale, self._idle, self._known = self._idle, [], _Known(there)
        for session in stale:
            session.close()
        return self._session()


class _Known:
    """What was read of the store with this catalog; ids mean something else in another one."""

    def __init__(self, catalog: tuple[int, int] | None = None) -> None:
        self.catalog, self.names, self.caches = catalog, Names(), Caches()
        self.directories: dict[int, Array] = {}


@dataclass(frozen=True, slots=True)
class Caches:
    """What all readers of a store keep for the next questions."""

    columns: ColumnCache = field(default_factory=ColumnCache)
    rollups: RollupCache = field(default_factory=RollupCache)
    bitmaps: GrowingBitmaps = field(default_factory=GrowingBitmaps)

    def segment(self, one: SegmentFile, db: sqlite3.Connection) -> Segment:
        """A segment that was opened."""
        made = Segment(one.number, one.sealed, db, one.path, segments.file_at(one.path), cache=self.columns, rollups=self.rollups)
        if one.sealed:
            made.file = identity(one.path)
        else:
            (created,) = db.execute("SELECT value FROM meta WHERE key='created_ns'").fetchone()
            made.file, made.growing = hash((one.number, created)), self.bitmaps
        return made


class _Session:
    """The connections of one reader."""

    def __init__(self, folder: Path, known: _Known, damages: Damages) -> None:
        self._folder, self.known, self._damages = folder, known, damages
        self._lacks_newest = False
        self._catalog: sqlite3.Connection | None = None
        self._segments: dict[Path, Segment] = {}

    def begin(self) -> Snapshot:
        there = self._opened()
        for segment in there:
            if segment.sealed:
                segment.known_directory = self.known.directories.get(segment.file)
            else:
                segment.known_sizes = segment.known_directory = None
                segment.db.execute("BEGIN")
                segment.db.execute("SELECT count(*) FROM meta").fetchone()  # a read begins the snapshot, not BEGIN
        # After the segments: so the catalog names at least everything that they refer to.
        if self._catalog is None and there:
            self._catalog = schema.open_catalog(self._folder)
        if self._catalog is not None:
            self.known.names.refresh(self._catalog)
        return Snapshot(self._catalog, there, self.known.names, self._damages, opened.of_all(None) if self._lacks_newest else None)

    def end(self) -> None:
        for segment in self._segments.values():
            if segment.db.in_transaction:
                segment.db.execute("COMMIT")
            if segment.sealed and segment.known_directory is not None:
                self.known.directories[segment.file] = segment.known_directory
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
        for path in [path for path, one in self._segments.items() if path not in paths or one.inode != segments.file_at(path)]:
            self._segments.pop(path).db.close()
        for one in there:
            if one.path not in self._segments:
                db = schema.connect(one.path, sealed=one.sealed, mapped=False)
                schema.check_version(db, one.path)
                self._segments[one.path] = self.known.caches.segment(one, db)
        return [self._segments[one.path] for one in there]
