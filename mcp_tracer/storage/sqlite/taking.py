"""What a batch of records becomes in the segment that takes spans, inside that segment's transaction."""

from __future__ import annotations

import sqlite3

import numpy as np

from mcp_tracer.model import spool
from mcp_tracer.model.batch import SpoolBatch
from mcp_tracer.storage.sqlite import dense, events, frames, opened, rollup, transform
from mcp_tracer.storage.sqlite.catalog import SourceIds
from mcp_tracer.storage.sqlite.columns import Array
from mcp_tracer.storage.sqlite.live import Live
from mcp_tracer.storage.sqlite.rollup import Rollup
from mcp_tracer.storage.sqlite.transform import Spans


def take(segment: Live, batch: SpoolBatch, ids: SourceIds, compressed: bool) -> None:
    """Add what a batch holds, and how far its file was taken with it."""
    kinds: Array = batch.records["kind"]
    segment.traces.define(batch, ids)
    last = [_take_open(segment, batch, np.flatnonzero(kinds == spool.KIND_OPEN), ids)]
    spans = transform.spans_of(batch, np.flatnonzero(kinds == spool.KIND_SPAN), ids)
    last.append(_last_end(spans))
    parts = [_add(segment, spans, ids, batch.source.run_id, compressed)] if len(spans) else []
    found = events.events_of(batch, np.flatnonzero(kinds == spool.KIND_EVENT), ids)
    if found.payloads:
        events.write(segment.db, ids.source, found)
        last.append(int(found.rows["at"].max()))
    counted = transform.aggregates_of(batch, np.flatnonzero(kinds == spool.KIND_AGGREGATE), ids)
    if len(counted.at):
        parts.append(_add_aggregates(segment.db, ids.run, counted))
        last.append(int(counted.at.max()))
    _add_rollup(segment.db, rollup.merged(parts))
    opened.heard(segment.db, ids.source, max(last))
    end = batch.end
    row = (batch.source.name, ids.source, end.slot_offset, end.records)
    segment.db.execute("INSERT OR REPLACE INTO position(name, src, slot_offset, records) VALUES(?,?,?,?)", row)


def _add(segment: Live, spans: Spans, ids: SourceIds, run_id: str, compressed: bool) -> Rollup:
    """Finished spans whose `trace` is still the file's id."""
    spans.columns["trace"] = segment.traces.ids(ids.source, run_id, spans.columns)
    _replace_open(segment, ids.source, spans.columns["seq"])
    return _add_placed(segment, spans, ids.source, ids.run, compressed)


def _add_placed(segment: Live, spans: Spans, source: int, run: int, compressed: bool) -> Rollup:
    columns = spans.columns
    part = rollup.of_spans(run, columns, columns["start"])
    frames.write(segment.db, segment.next_ordinal, spans, compressed)
    dense.write(segment.db, segment.next_ordinal, columns["start"], part)
    segment.traces.count(columns)
    segment.next_ordinal += len(spans)
    errors = int(np.count_nonzero(columns["err"]))
    segment.db.execute("INSERT OR IGNORE INTO source_count VALUES(?,0,0)", (source,))
    segment.db.execute("UPDATE source_count SET spans=spans+?, errors=errors+? WHERE src=?", (len(spans), errors, source))
    return part


def _take_open(segment: Live, batch: SpoolBatch, chosen: Array, ids: SourceIds) -> int:
    if not len(chosen):
        return 0
    spans = transform.spans_of(batch, chosen, ids)
    spans.columns["trace"] = segment.traces.ids(ids.source, batch.source.run_id, spans.columns)
    segment.traces.place(spans.columns)
    opened.insert(segment.db, spans, segment.traces)
    segment.open_seqs.setdefault(ids.source, set()).update(spans.columns["seq"].tolist())
    return _last_end(spans)


def _last_end(spans: Spans) -> int:
    ends: Array = spans.columns["start"] + spans.columns["dur"]
    return int(ends.max(initial=0))


def _replace_open(segment: Live, source: int, seqs: Array) -> None:
    """Finished spans take the place of their open records."""
    known = segment.open_seqs.get(source)
    if not known:
        return
    done = known.intersection(seqs.tolist())
    segment.db.executemany("DELETE FROM open_span WHERE src=? AND seq=?", [(source, seq) for seq in done])
    known -= done


def close_open_spans(segment: Live, source: int, run: int, seen: int, compressed: bool) -> None:
    """Keep what a process had open as unfinished spans, which lasted until it was last heard of (`seen`, ns since the epoch) at least."""
    spans = opened.of_source(segment.db, source)
    if not len(spans):
        return
    opened.lengthened(spans, source, seen)
    _add_rollup(segment.db, _add_placed(segment, spans, source, run, compressed))
    segment.db.execute("DELETE FROM open_span WHERE src=?", (source,))
    segment.open_seqs.pop(source, None)


def _add_rollup(db: sqlite3.Connection, part: Rollup) -> None:
    if len(part.keys):
        db.execute("INSERT INTO rollup(n, min_hour, max_hour, keys, sums, hist) VALUES(?,?,?,?,?,?)", rollup.encode(part))


def _add_aggregates(db: sqlite3.Connection, run: int, counted: transform.Aggregates) -> Rollup:
    sums: Array = np.array(counted.sums)
    # Below 0: of calls whose times are estimates.
    sums["errors"][counted.estimated] = -1 - sums["errors"][counted.estimated]
    columns: list[list[int]] = [sums[name].tolist() for name in rollup.SUM_NAMES[:-1]]
    rows = zip(counted.at.tolist(), [run] * len(counted.at), counted.fn.tolist(), *columns, strict=True)
    db.executemany("INSERT INTO aggregate VALUES(?,?,?,?,?,?,?,?,?)", rows)
    return rollup.of_aggregates(run, counted.fn, counted.at, counted.sums)
