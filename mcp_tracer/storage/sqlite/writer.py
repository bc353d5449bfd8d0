"""The write side: batches into the newest segment, each with its position and everything derived from it in one transaction.

Only one process writes (ingest/lease.py). Order: catalog first (repeating it changes nothing), then the segment's transaction, which is
what counts. After any failure everything kept in memory is dropped and read from the files again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from mcp_tracer.model import spool
from mcp_tracer.model.batch import SpoolBatch, SpoolPosition
from mcp_tracer.model.errors import Unavailable, UserError
from mcp_tracer.model.patterns import Finding
from mcp_tracer.storage.sqlite import compact, expired, findings, last_seen, live, opened, retention, schema, segments, taking
from mcp_tracer.storage.sqlite.catalog import CatalogWriter, SourceIds
from mcp_tracer.storage.sqlite.damage import Damages
from mcp_tracer.storage.sqlite.live import Live
from mcp_tracer.storage.sqlite.segments import SegmentFile


@dataclass(frozen=True, slots=True)
class Limits:
    """When a segment is full: spans in it, traces in it, its age in ns, or its bytes: retention deletes whole ones."""

    spans: int = 1_000_000
    traces: int = 1_000_000
    age_ns: int = 86_400 * 10**9
    bytes: int = 1 << 62

    @classmethod
    def within(cls, max_bytes: int) -> Limits:
        """For a store that keeps to so many bytes: an eighth at a time can go."""
        return cls(bytes=max(max_bytes // 8, 1 << 20))


class Writer:
    """Writes one store. Not for several threads at once."""

    def __init__(self, folder: Path, compressed: bool, limits: Limits, damages: Damages) -> None:
        self._folder, self._compressed, self._limits, self._damages = folder, compressed, limits, damages
        self._catalog_db: sqlite3.Connection | None = None
        self._catalog: CatalogWriter | None = None
        self._live: Live | None = None
        self._opened: dict[Path, tuple[int, int] | None] = {}

    def append(self, batches: Sequence[SpoolBatch], now_ns: int) -> bool:
        """Take batches. True when a segment became full: it can be sealed now."""
        try:
            segment = self._segment(now_ns)
            fresh = self._fresh(segment, batches)
            if not fresh:
                return False
            resolved = self._resolve(fresh)
            with schema.transaction(segment.db):
                for batch, ids in resolved:
                    taking.take(segment, batch, ids, self._compressed)
            return self._settle(segment, now_ns)
        except BaseException:
            self.drop()
            raise

    def finish(self, name: str, killed: bool, now_ns: int) -> None:
        """Keep what is open as unfinished spans and close the run."""
        try:
            segment = self._segment(now_ns)
            cut_off = self._cut_off(segment, name, killed)
            with schema.transaction(segment.db):
                if cut_off is not None:
                    taking.close_open_spans(segment, *cut_off, self._compressed)
                opened.forget(segment.db, name)
                segment.db.execute("UPDATE position SET finished=1 WHERE name=?", (name,))
            self._finish_catalog(name, killed, 0 if cut_off is None else cut_off[2])
            if self._is_elsewhere():
                raise Unavailable(f"{self._folder} was moved or deleted while it was written to: what programs recorded is taken in anew.")
        except BaseException:
            self.drop()
            raise

    def retain(self, older_than_ns: int | None, max_bytes: int | None, now_ns: int) -> int:
        """Delete whole segments; returns how many spans they held."""
        segment = self._segment(now_ns)
        newest = self._sound()[-1]
        if older_than_ns is not None and segment.next_ordinal and retention.ended_before(newest, older_than_ns):
            self._begin_next(now_ns)
        retention.delete_aside(self._folder, older_than_ns)
        gone = retention.outdated(self._folder, older_than_ns, max_bytes)
        expired.note(self.catalog_db(), gone)
        spans = sum(retention.delete(one) for one in gone)
        if gone:
            self.drop()  # connections to the deleted files
            retention.clean_catalog(self.catalog_db(), self._folder)
            self.drop()
        return spans

    def delete_until(self, number: int) -> None:
        """Delete the segments up to this number; the newest stays."""
        gone = [one for one in segments.listed(self._folder)[:-1] if one.number <= number]
        expired.note(self.catalog_db(), gone)
        for one in gone:
            retention.delete(one)
        self.drop()
        retention.clean_catalog(self.catalog_db(), self._folder)

    def keep(self, found: Sequence[Finding], place: str | None, compared: Sequence[str]) -> tuple[Finding, ...]:
        """Keep findings; gives those that are new."""
        return findings.keep(self.catalog_db(), found, place, compared)

    def drop(self) -> None:
        """Forget everything that is kept in memory, and close the files."""
        if self._live is not None:
            self._live.close()
        if self._catalog_db is not None:
            self._catalog_db.close()
        self._live = self._catalog_db = self._catalog = None
        self._opened = {}

    def catalog_db(self) -> sqlite3.Connection:
        """The catalog; made where there is no store yet. Raises Unavailable as `schema.open_catalog` does."""
        if self._is_elsewhere():
            self.drop()
        if self._catalog_db is None:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._catalog_db = schema.open_catalog(self._folder, create=True)
            self._catalog = CatalogWriter(self._catalog_db)
            self._note_opened(self._folder / "catalog.db")
        return self._catalog_db

    def _note_opened(self, path: Path) -> None:
        self._opened[path] = segments.file_at(path)

    def _is_elsewhere(self) -> bool:
        """Whether somebody has moved or deleted a file that is open: what is written to it would be lost."""
        return any(segments.file_at(path) != file for path, file in self._opened.items())

    def _segment(self, now_ns: int) -> Live:
        if self._damages.set_aside():
            self.drop()
        self.catalog_db()
        if self._live is None:
            self._take_up(live.open_newest(self._folder, self._sound(), self._last_source(), now_ns))
        assert self._live is not None
        return self._live

    def _take_up(self, segment: Live) -> None:
        before, self._live = self._live, segment
        if before is not None:
            self._opened.pop(segments.live_path(self._folder, before.number), None)
            before.close()
        self._note_opened(segments.live_path(self._folder, segment.number))

    def _last_source(self) -> int:
        return int(self.catalog_db().execute("SELECT max(id) FROM source").fetchone()[0] or 0)

    def _sound(self) -> list[SegmentFile]:
        return self._damages.sound(segments.listed(self._folder))

    def _fresh(self, segment: Live, batches: Sequence[SpoolBatch]) -> list[SpoolBatch]:
        """Those that weren't taken before. Raises UserError for one that doesn't continue where the store is."""
        reached: dict[str, SpoolPosition] = {}
        fresh: list[SpoolBatch] = []
        for batch in batches:
            name = batch.source.name
            at = reached.get(name) or position_in(segment.db, name) or self.position(name)
            if _order(batch.end) <= _order(at):
                continue
            if _order(batch.start) != _order(at):
                raise UserError(f"{name}: the batch starts at {batch.start}, the store is at {at}: read from there.")
            reached[name] = batch.end
            fresh.append(batch)
        return fresh

    def position(self, name: str) -> SpoolPosition:
        """How far a file was taken; older segments know of finished ones."""
        there = self._sound() if self._folder.exists() else []
        if self._live is not None and there and there[-1].number == self._live.number:
            found = position_in(self._live.db, name)
            if found is not None:
                return found
            there = there[:-1]
        for one in reversed(there):
            db = schema.connect(one.path, sealed=one.sealed)
            try:
                found = position_in(db, name)
            finally:
                db.close()
            if found is not None:
                return found
        return SpoolPosition()

    def _resolve(self, batches: list[SpoolBatch]) -> list[tuple[SpoolBatch, SourceIds]]:
        db = self.catalog_db()
        assert self._catalog is not None
        with schema.transaction(db):
            resolved = [(batch, self._catalog.ids(batch)) for batch in batches]
            for batch, ids in resolved:
                if batch.damaged:
                    db.execute("UPDATE source SET damaged=damaged+? WHERE id=?", (batch.damaged, ids.source))
        return resolved

    def _cut_off(self, segment: Live, name: str, killed: bool) -> tuple[int, int, int] | None:
        """Which process, of which run, and when it was last heard of; None for one that ended with no call open: nothing is looked up."""
        row = segment.db.execute("SELECT src FROM position WHERE name=?", (name,)).fetchone()
        if row is None or not (killed or segment.open_seqs.get(int(row[0]))):
            return None
        source = int(row[0])
        run = int(self.catalog_db().execute("SELECT run FROM source WHERE id=?", (source,)).fetchone()[0])
        return source, run, max(opened.last_heard(segment.db, source), self._last_seen(source, run))

    def _last_seen(self, source: int, run: int) -> int:
        """When a process was last heard of: by its spans, or by its counts, which are told of a run's processes together."""
        alone = self.catalog_db().execute("SELECT count(*) FROM source WHERE run=?", (run,)).fetchone()[0] == 1
        last = 0
        for one in self._sound():
            with closing(schema.connect(one.path, sealed=one.sealed)) as db:
                last = max(last, last_seen.in_spans(db, source), last_seen.in_counts(db, run) if alone else 0)
        return last

    def _finish_catalog(self, name: str, killed: bool, seen: int) -> None:
        db = self.catalog_db()
        assert self._catalog is not None
        with schema.transaction(db):
            source = db.execute("SELECT id FROM source WHERE name=?", (name,)).fetchone()
            if source is None:
                return
            if killed:
                self._catalog.last_seen(name, seen)
            self._catalog.finish(name, killed)

    def _settle(self, segment: Live, now_ns: int) -> bool:
        """Merge small frames; begin a new segment when this one is full."""
        with schema.transaction(segment.db):
            compact.merge_tail(segment.db, self._compressed)
        old = now_ns - segment.created_ns > self._limits.age_ns and segment.next_ordinal > 0
        traces = segment.db.execute("SELECT max(id) FROM trace").fetchone()[0] or 0
        large = segment.size() > self._limits.bytes
        if segment.next_ordinal < self._limits.spans and traces < self._limits.traces and not old and not large:
            return False
        self._begin_next(now_ns)
        return True

    def _begin_next(self, now_ns: int) -> None:
        self._take_up(live.following(self._folder, self._sound(), self._last_source(), now_ns))


def position_in(db: sqlite3.Connection, name: str) -> SpoolPosition | None:
    """A file's position as one segment has it."""
    row = db.execute("SELECT slot_offset, records FROM position WHERE name=?", (name,)).fetchone()
    return SpoolPosition(int(row[0]), int(row[1])) if row else None


def _order(position: SpoolPosition) -> tuple[int, int]:
    """Positions in file order; the start of the file and of its first slot are the same."""
    return (max(position.slot_offset, spool.HEADER_SIZE), position.records)
