"""The write side: batches into the newest segment, each with its position and everything derived from it in one transaction.

Only one process writes (ingest/lease.py). Order: catalog first (repeating it changes nothing), then the segment's transaction, which is
what counts. After any failure everything kept in memory is dropped and read from the files again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mcp_tracer.model import spool
from mcp_tracer.model.batch import SpoolBatch, SpoolPosition
from mcp_tracer.model.errors import UserError
from mcp_tracer.model.patterns import Finding
from mcp_tracer.storage.sqlite import compact, dense, events, findings, frames, live, opened, retention, rollup, schema, segments, transform
from mcp_tracer.storage.sqlite.catalog import CatalogWriter, SourceIds
from mcp_tracer.storage.sqlite.columns import Array
from mcp_tracer.storage.sqlite.live import Live
from mcp_tracer.storage.sqlite.rollup import Rollup
from mcp_tracer.storage.sqlite.transform import Spans


@dataclass(frozen=True, slots=True)
class Limits:
    """When a segment is full: spans in it, traces in it, or its age in ns."""

    spans: int = 1_000_000
    traces: int = 1_000_000
    age_ns: int = 86_400 * 10**9


class Writer:
    """Writes one store. Not for several threads at once."""

    def __init__(self, folder: Path, compressed: bool, limits: Limits) -> None:
        self._folder, self._compressed, self._limits = folder, compressed, limits
        self._catalog_db: sqlite3.Connection | None = None
        self._catalog: CatalogWriter | None = None
        self._live: Live | None = None

    def append(self, batches: Sequence[SpoolBatch], now_ns: int) -> bool:
        """Take batches. True when a segment became full: it can be sealed now."""
        fresh = self._fresh(batches)
        if not fresh:
            return False
        try:
            resolved = self._resolve(fresh)
            segment = self._segment(now_ns)
            with schema.transaction(segment.db):
                for batch, ids in resolved:
                    self._take(segment, batch, ids)
            return self._settle(segment, now_ns)
        except BaseException:
            self.drop()
            raise

    def finish(self, name: str, killed: bool, now_ns: int) -> None:
        """Keep what is open as unfinished spans and close the run."""
        try:
            segment = self._segment(now_ns)
            row = segment.db.execute("SELECT src FROM position WHERE name=?", (name,)).fetchone()
            with schema.transaction(segment.db):
                if row is not None:
                    self._close_open_spans(segment, int(row[0]))
                segment.db.execute("UPDATE position SET finished=1 WHERE name=?", (name,))
            self._finish_catalog(name, killed, segment)
        except BaseException:
            self.drop()
            raise

    def retain(self, older_than_ns: int | None, max_bytes: int | None, now_ns: int) -> int:
        """Delete whole segments; returns how many spans they held."""
        segment = self._segment(now_ns)
        newest = segments.listed(self._folder)[-1]
        if older_than_ns is not None and segment.next_ordinal and retention.ended_before(newest, older_than_ns):
            self._begin_next(segment, now_ns)
        gone = retention.expired(self._folder, older_than_ns, max_bytes)
        spans = sum(retention.delete(one) for one in gone)
        if gone:
            self.drop()  # connections to the deleted files
            retention.clean_catalog(self.catalog_db(), self._folder)
            self.drop()
        return spans

    def delete_until(self, number: int) -> None:
        """Delete the segments up to this number; the newest stays."""
        for one in segments.listed(self._folder)[:-1]:
            if one.number <= number:
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

    def catalog_db(self) -> sqlite3.Connection:
        """The catalog; made where there is none. Raises Unavailable for one of a newer version."""
        if self._catalog_db is None:
            self._folder.mkdir(parents=True, exist_ok=True)
            path = self._folder / "catalog.db"
            db = schema.connect(path, create=True)
            if schema.check_version(db, path) == 0:
                schema.prepare(db, schema.CATALOG)
            schema.migrate(db, path, schema.CATALOG_STEPS)
            self._catalog_db, self._catalog = db, CatalogWriter(db)
        return self._catalog_db

    def _segment(self, now_ns: int) -> Live:
        self.catalog_db()
        if self._live is None:
            self._live = live.open_newest(self._folder, now_ns)
        return self._live

    def _fresh(self, batches: Sequence[SpoolBatch]) -> list[SpoolBatch]:
        """Those that weren't taken before. Raises UserError for one that doesn't continue where the store is."""
        reached: dict[str, SpoolPosition] = {}
        fresh: list[SpoolBatch] = []
        for batch in batches:
            at = reached.get(batch.source.name) or self.position(batch.source.name)
            if _order(batch.end) <= _order(at):
                continue
            if _order(batch.start) != _order(at):
                raise UserError(f"{batch.source.name}: the batch starts at {batch.start}, the store is at {at}: read from there.")
            reached[batch.source.name] = batch.end
            fresh.append(batch)
        return fresh

    def position(self, name: str) -> SpoolPosition:
        """How far a file was taken; older segments know of finished ones."""
        there = segments.listed(self._folder) if self._folder.exists() else []
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

    def _take(self, segment: Live, batch: SpoolBatch, ids: SourceIds) -> None:
        kinds: Array = batch.records["kind"]
        segment.traces.define(batch, ids)
        self._take_open(segment, batch, np.flatnonzero(kinds == spool.KIND_OPEN), ids)
        spans = transform.spans_of(batch, np.flatnonzero(kinds == spool.KIND_SPAN), ids)
        parts = [self._add(segment, spans, ids, batch.source.run_id)] if len(spans) else []
        found = events.events_of(batch, np.flatnonzero(kinds == spool.KIND_EVENT), ids)
        if found.payloads:
            events.write(segment.db, ids.source, found)
        counted = transform.aggregates_of(batch, np.flatnonzero(kinds == spool.KIND_AGGREGATE), ids)
        if len(counted.at):
            parts.append(_add_aggregates(segment.db, ids.run, counted))
        add_rollup(segment.db, rollup.merged(parts))
        end = batch.end
        row = (batch.source.name, ids.source, end.slot_offset, end.records)
        segment.db.execute("INSERT OR REPLACE INTO position(name, src, slot_offset, records) VALUES(?,?,?,?)", row)

    def _add(self, segment: Live, spans: Spans, ids: SourceIds, run_id: str) -> Rollup:
        """Finished spans whose `trace` is still the file's id."""
        spans.columns["trace"] = segment.traces.ids(ids.source, run_id, spans.columns)
        self._replace_open(segment, ids.source, spans.columns["seq"])
        return self._add_placed(segment, spans, ids.source, ids.run)

    def _add_placed(self, segment: Live, spans: Spans, source: int, run: int) -> Rollup:
        columns = spans.columns
        part = rollup.of_spans(run, columns, columns["start"])
        frames.write(segment.db, segment.next_ordinal, spans, self._compressed)
        dense.write(segment.db, segment.next_ordinal, columns["start"], part)
        segment.traces.count(columns)
        segment.next_ordinal += len(spans)
        errors = int(np.count_nonzero(columns["err"]))
        segment.db.execute("INSERT OR IGNORE INTO source_count VALUES(?,0,0)", (source,))
        segment.db.execute("UPDATE source_count SET spans=spans+?, errors=errors+? WHERE src=?", (len(spans), errors, source))
        return part

    def _take_open(self, segment: Live, batch: SpoolBatch, chosen: Array, ids: SourceIds) -> None:
        if not len(chosen):
            return
        spans = transform.spans_of(batch, chosen, ids)
        spans.columns["trace"] = segment.traces.ids(ids.source, batch.source.run_id, spans.columns)
        segment.traces.place(spans.columns)
        opened.insert(segment.db, spans, segment.traces)
        segment.open_seqs.setdefault(ids.source, set()).update(spans.columns["seq"].tolist())

    def _replace_open(self, segment: Live, source: int, seqs: Array) -> None:
        """Finished spans take the place of their open records."""
        known = segment.open_seqs.get(source)
        if not known:
            return
        done = known.intersection(seqs.tolist())
        segment.db.executemany("DELETE FROM open_span WHERE src=? AND seq=?", [(source, seq) for seq in done])
        known -= done

    def _close_open_spans(self, segment: Live, source: int) -> None:
        spans = opened.of_source(segment.db, source)
        if not len(spans):
            return
        run = int(self.catalog_db().execute("SELECT run FROM source WHERE id=?", (source,)).fetchone()[0])
        add_rollup(segment.db, self._add_placed(segment, spans, source, run))
        segment.db.execute("DELETE FROM open_span WHERE src=?", (source,))
        segment.open_seqs.pop(source, None)

    def _finish_catalog(self, name: str, killed: bool, segment: Live) -> None:
        db = self.catalog_db()
        assert self._catalog is not None
        with schema.transaction(db):
            source = db.execute("SELECT id FROM source WHERE name=?", (name,)).fetchone()
            if source is None:
                return
            if killed:
                self._catalog.last_seen(name, _last_end(segment.db, source[0]) or 0)
            self._catalog.finish(name, killed)

    def _settle(self, segment: Live, now_ns: int) -> bool:
        """Merge small frames; begin a new segment when this one is full."""
        with schema.transaction(segment.db):
            compact.merge_tail(segment.db, self._compressed)
        old = now_ns - segment.created_ns > self._limits.age_ns and segment.next_ordinal > 0
        traces = segment.db.execute("SELECT max(id) FROM trace").fetchone()[0] or 0
        if segment.next_ordinal < self._limits.spans and traces < self._limits.traces and not old:
            return False
        self._begin_next(segment, now_ns)
        return True

    def _begin_next(self, segment: Live, now_ns: int) -> None:
        self._live = live.following(self._folder, segments.listed(self._folder), now_ns)
        segment.close()


def position_in(db: sqlite3.Connection, name: str) -> SpoolPosition | None:
    """A file's position as one segment has it."""
    row = db.execute("SELECT slot_offset, records FROM position WHERE name=?", (name,)).fetchone()
    return SpoolPosition(int(row[0]), int(row[1])) if row else None


def _order(position: SpoolPosition) -> tuple[int, int]:
    """Positions in file order; the start of the file and of its first slot are the same."""
    return (max(position.slot_offset, spool.HEADER_SIZE), position.records)


def add_rollup(db: sqlite3.Connection, part: Rollup) -> None:
    """Add statistics to a segment."""
    if len(part.keys):
        db.execute("INSERT INTO rollup(n, min_hour, max_hour, keys, sums, hist) VALUES(?,?,?,?,?,?)", rollup.encode(part))


def _add_aggregates(db: sqlite3.Connection, run: int, counted: transform.Aggregates) -> Rollup:
    sums: Array = np.array(counted.sums)
    sums["errors"][counted.estimated] = -1
    columns: list[list[int]] = [sums[name].tolist() for name in rollup.SUM_NAMES[:-1]]
    rows = zip(counted.at.tolist(), [run] * len(counted.at), counted.fn.tolist(), *columns, strict=True)
    db.executemany("INSERT INTO aggregate VALUES(?,?,?,?,?,?,?,?,?)", rows)
    return rollup.of_aggregates(run, counted.fn, counted.at, counted.sums)


def _last_end(db: sqlite3.Connection, source: int) -> int | None:
    query = "SELECT max(max_end) FROM frame WHERE id IN (SELECT frame FROM source_frame WHERE src=?)"
    return db.execute(query, (source,)).fetchone()[0]
