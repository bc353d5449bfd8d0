"""Sealing: a full segment is written anew under another name, with small frames merged and indexes added, and then replaces itself.

Readers go on with the old file until they look again. A crash leaves a `.sealing` file behind, which the next sealing writes over.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np

from mcp_tracer.storage.sqlite import dense, events, frames, grams, indexes, rollup, schema, segments
from mcp_tracer.storage.sqlite.columns import FRAME_SPANS, Array, pack
from mcp_tracer.storage.sqlite.rollup import Rollup
from mcp_tracer.storage.sqlite.segments import SegmentFile

_WHOLE_TABLES: Final = ("meta", "trace", "trace_source", "remote_root", "aggregate", "source_count", "position")
_EVENT_FRAMES: Final = 64


def write(folder: Path, segment: SegmentFile, compressed: bool) -> Path:
    """Write a segment that takes no spans any more anew; gives the file. Raises sqlite3.Error or OSError."""
    writing = folder / f"seg{segment.number:05d}.sealing"
    segments.remove(writing)
    before = schema.connect(segment.path)
    schema.migrate(before, segment.path, schema.SEGMENT_STEPS)
    db = schema.connect(writing, create=True, private=True)
    try:
        schema.prepare(db, schema.SEGMENT + schema.SEALED)
        db.execute("ATTACH ? AS old", (str(segment.path),))
        with schema.transaction(db):
            _copy(before, db, compressed)
            _index(db)
    finally:
        before.close()
        db.close()
    _sync(writing)
    return writing


def swap(folder: Path, segment: SegmentFile, written: Path) -> None:
    """Let the written file take the segment's place."""
    written.replace(segments.sealed_path(folder, segment.number))
    segments.remove(segment.path)


def pending(folder: Path) -> list[SegmentFile]:
    """Segments that can be sealed: all but the newest. Removes files that were sealed already."""
    there = segments.listed(folder)
    for one in there:
        if one.sealed and segments.live_path(folder, one.number).exists():
            segments.remove(segments.live_path(folder, one.number))
    return [one for one in there[:-1] if not one.sealed]


def _copy(before: sqlite3.Connection, db: sqlite3.Connection, compressed: bool) -> None:
    db.execute("CREATE TEMP TABLE same(id INTEGER PRIMARY KEY)")
    for group in _groups(before):
        if len(group) == 1:
            _copy_frame(db, *group[0])
        else:
            merged = frames.joined([frames.load(before, ordinal, n) for ordinal, n in group])
            frames.write(db, group[0][0], merged, compressed, growing=False)
    for table, key in (("trace_frame", "trace"), ("err_frame", "err"), ("source_frame", "src")):
        query = f"SELECT * FROM old.{table} WHERE frame IN (SELECT id FROM same) ORDER BY {key}, frame"
        db.execute(f"INSERT INTO main.{table} {query}")
    for table in _WHOLE_TABLES:
        db.execute(f"INSERT INTO main.{table} SELECT * FROM old.{table}")
    unfinished = "SELECT src FROM old.position WHERE finished=0"
    db.execute(f"INSERT INTO main.trace_local SELECT * FROM old.trace_local WHERE src IN ({unfinished})")
    _copy_events(before, db)
    _copy_rollups(before, db)
    dense.copy(before, db)


def _groups(before: sqlite3.Connection) -> Iterator[list[tuple[int, int]]]:
    """(id, n) of consecutive frames that fit into one."""
    group: list[tuple[int, int]] = []
    for ordinal, n in before.execute("SELECT id, n FROM frame ORDER BY id").fetchall():
        if group and sum(size for _, size in group) + n > FRAME_SPANS:
            yield group
            group = []
        group.append((ordinal, n))
    if group:
        yield group


def _copy_frame(db: sqlite3.Connection, ordinal: int, n: int) -> None:
    db.execute("INSERT INTO temp.same VALUES(?)", (ordinal,))
    db.execute("INSERT INTO main.frame SELECT * FROM old.frame WHERE id=?", (ordinal,))
    db.execute("INSERT INTO main.payload SELECT * FROM old.payload WHERE id>=? AND id<? ORDER BY id", (ordinal, ordinal + n))


def _copy_events(before: sqlite3.Connection, db: sqlite3.Connection) -> None:
    """Events of each process sorted anew, so that those of one span are in few frames."""
    for (source,) in before.execute("SELECT DISTINCT src FROM event_frame").fetchall():
        ids = [row[0] for row in before.execute("SELECT id FROM event_frame WHERE src=? ORDER BY id", (source,))]
        for first in range(0, len(ids), _EVENT_FRAMES):
            part = ids[first : first + _EVENT_FRAMES]
            rows = before.execute(f"SELECT n, z FROM event_frame WHERE id IN ({','.join('?' * len(part))}) ORDER BY id", part)
            events.write(db, source, events.joined([events.unpacked(*row) for row in rows]))


def _copy_rollups(before: sqlite3.Connection, db: sqlite3.Connection) -> None:
    """One row an hour, one for the whole segment by run, and one over all runs."""
    rows = before.execute("SELECT keys, sums, hist FROM rollup").fetchall()
    merged = rollup.merged([rollup.decode(*row) for row in rows])
    for hour in np.unique(merged.keys["hour"]).tolist():
        _add(db, rollup.kept(merged, merged.keys["hour"] == hour), 0)
    keys = np.zeros(len(merged.keys), rollup.KEYS)
    keys["run"], keys["fn"] = merged.keys["run"], merged.keys["fn"]
    by_run = rollup.regrouped(Rollup(keys, merged.sums, merged.hist))
    _add(db, by_run, 1)
    keys = np.zeros(len(by_run.keys), rollup.KEYS)
    keys["fn"] = by_run.keys["fn"]
    _add(db, rollup.regrouped(Rollup(keys, by_run.sums, by_run.hist)), 2)


def _add(db: sqlite3.Connection, part: Rollup, whole: int) -> None:
    if len(part.keys):
        row = (whole, *rollup.encode(part))
        db.execute("INSERT INTO rollup(whole, n, min_hour, max_hour, keys, sums, hist) VALUES(?,?,?,?,?,?,?)", row)


def _index(db: sqlite3.Connection) -> None:
    calls: list[tuple[Array, Array, Array]] = []
    for (ordinal,) in db.execute("SELECT id FROM main.frame ORDER BY id").fetchall():
        columns = frames.read(db, ordinal, ("fn", "dur"))
        order = np.lexsort((columns["dur"], columns["fn"]))
        functions = columns["fn"][order]
        last = np.flatnonzero(np.append(functions[1:] != functions[:-1], True))  # the slowest call of each function
        calls.append((functions[last], np.full(len(last), ordinal, np.int64), columns["dur"][order][last]))
    if calls:
        _index_functions(db, *(np.concatenate(column) for column in zip(*calls, strict=True)))
    grams.turn_round(db)


def _index_functions(db: sqlite3.Connection, functions: Array, ordinals: Array, slowest: Array) -> None:
    order = np.argsort(functions, kind="stable")
    functions, ordinals, bounds = functions[order], ordinals[order].astype("<u4"), indexes.bound(slowest[order])
    firsts = np.flatnonzero(np.append(True, functions[1:] != functions[:-1]))
    steps: Array = np.diff(ordinals, prepend=ordinals[:1])  # wraps where a function begins, which the next line replaces
    steps[firsts] = ordinals[firsts]
    starts: list[int] = firsts.tolist()
    parts = [slice(*pair) for pair in zip(starts, [*starts[1:], len(functions)], strict=True)]
    db.executemany("INSERT INTO fn_frame VALUES(?,?,?)", [(int(functions[p.start]), pack(steps[p]), pack(bounds[p])) for p in parts])


def _sync(path: Path) -> None:
    """The file is on the disk before it takes the place of the other."""
    descriptor = os.open(path, os.O_RDWR | getattr(os, "O_BINARY", 0))
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
