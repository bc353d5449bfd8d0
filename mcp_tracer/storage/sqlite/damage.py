"""Segment files that cannot be read: found when an answer or a batch fails on one, left out from then on, and said.

The writer sets them aside: it renames `seg00003.db` to `seg00003.db.damaged`, so that other processes leave it out, too.
"""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from threading import Lock
from typing import Final

import msgspec
import zstandard

from mcp_tracer.model.errors import TracerError
from mcp_tracer.storage.sqlite import events, frames, rollup, schema, segments
from mcp_tracer.storage.sqlite.segments import SegmentFile

_log = logging.getLogger(__name__)
_SIGNS: Final = (
    sqlite3.DatabaseError, zstandard.ZstdError, msgspec.MsgspecError, ValueError, TypeError, LookupError, OverflowError, MemoryError,
)  # fmt: skip
_Stamp = tuple[int, int, int]


class Damages:
    """The damaged segments of a store's folder, as far as this process met them. Any thread may ask."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: dict[Path, _Stamp | None] = {}
        self._whole: dict[Path, _Stamp | None] = {}
        self._lock = Lock()
        self.found = 0

    def sound(self, there: Sequence[SegmentFile]) -> list[SegmentFile]:
        """Those of which no damage is known. A file that was replaced since is looked at anew."""
        return [one for one in there if not self._is_known(one.path)]

    def explains(self, error: Exception, found_before: int) -> bool:
        """Whether a failure may be damage that was found since `found` was `found_before`: what failed can be tried again then."""
        if isinstance(error, TracerError) or not isinstance(error, _SIGNS) or _is_passing(error) or not self._folder.is_dir():
            return False
        with self._lock:
            if self.found > found_before:
                return True
            if not _is_catalog_whole(self._folder):
                return False
            for one in self.sound(segments.listed(self._folder)):
                self._look_at(one)
            return self.found > found_before

    def set_aside(self) -> bool:
        """Rename what is known to be damaged; whether there was any. Only for the process that writes the store."""
        there = segments.listed(self._folder) if self._known and self._folder.is_dir() else []
        renamed = [segments.set_aside(one) for one in there if self._is_known(one.path)]
        return True in renamed

    def sentences(self) -> tuple[str, ...]:
        """What is left out of all answers, a sentence for each file."""
        aside = segments.aside(self._folder) if self._folder.is_dir() else []
        if not aside and not self._known:
            return ()
        there = segments.listed(self._folder)
        return tuple(_sentence(path, len(aside) + len(there)) for path in self._lost(aside, there))

    def numbers(self) -> list[int]:
        """Of the segments that are left out of all answers."""
        if not self._folder.is_dir():
            return []
        lost = self._lost(segments.aside(self._folder), segments.listed(self._folder) if self._known else ())
        return sorted({segments.number_of(path) for path in lost})

    def _lost(self, aside: Sequence[Path], there: Sequence[SegmentFile]) -> list[Path]:
        return [*aside, *(one.path for one in there if self._is_known(one.path))]

    def _look_at(self, one: SegmentFile) -> None:
        stamp = _stamp(one.path)
        if one.sealed and stamp is not None and self._whole.get(one.path) == stamp:
            return
        problem = damage_of(one)
        if problem is None:
            self._whole[one.path] = stamp
            return
        _log.error("%s is damaged and left out: %s", one.path, problem)
        self._known[one.path] = _stamp(one.path)
        self.found += 1

    def _is_known(self, path: Path) -> bool:
        known = self._known.get(path)
        return known is not None and known == _stamp(path)


def _is_catalog_whole(folder: Path) -> bool:
    try:
        with closing(schema.open_catalog(folder)) as db:
            return _problem(db) is None
    except (TracerError, sqlite3.Error):
        return False


def _problem(db: sqlite3.Connection) -> str | None:
    """The first thing that SQLite finds wrong with a file."""
    found = str(db.execute("PRAGMA quick_check(1)").fetchone()[0])
    return None if found == "ok" else found


def damage_of(one: SegmentFile) -> str | None:
    """Why a segment cannot be read; None where it can, wholly."""
    try:
        db = schema.connect(one.path, sealed=one.sealed)
        try:
            schema.check_version(db, one.path)
            if (problem := _problem(db)) is not None:
                return problem
            _read_all(db)
        finally:
            db.close()
    except TracerError:
        return None  # of a newer version
    except _SIGNS as error:
        return None if _is_passing(error) else f"{type(error).__name__}: {error}"
    return None


def _read_all(db: sqlite3.Connection) -> None:
    """Decode everything that is compressed. Raises one of _SIGNS for what cannot be."""
    db.execute("SELECT value + 0 FROM meta WHERE key='created_ns'").fetchone()[0].bit_length()
    for ordinal, n in db.execute("SELECT id, n FROM frame ORDER BY id"):
        lengths = {len(column) for column in frames.read(db, ordinal).values()}
        if lengths != {n}:
            raise ValueError(f"frame {ordinal} has columns of {sorted(lengths)} spans instead of {n}")
        for _, block in frames.blocks(db, ordinal, n):
            if int(block.ends[-1]) != len(block.raw):
                raise ValueError(f"the payloads of frame {ordinal} have a wrong length")
    for n, blob in db.execute("SELECT n, z FROM event_frame"):
        events.unpacked(n, blob)
    for row in db.execute("SELECT keys, sums, hist FROM rollup"):
        rollup.decode(*row)
    for (definition,) in db.execute("SELECT definition FROM trace"):
        json.loads(definition)


def _is_passing(error: Exception) -> bool:
    """Failures of the moment: a lock, a full disk, a file that is gone. Tables that aren't there are damage."""
    return isinstance(error, sqlite3.OperationalError) and "no such" not in str(error)


def _stamp(path: Path) -> _Stamp | None:
    try:
        seen = path.stat()
    except OSError:
        return None
    return seen.st_ino, seen.st_size, seen.st_mtime_ns


def _sentence(path: Path, whole: int) -> str:
    return (
        f"1 of {whole} parts of the store is damaged and left out of this answer, with all calls in it: {path}. "
        f"Put back a copy as {path.name.removesuffix(segments.ASIDE)}, or delete the file to end this note."
    )
