"""Findings, kept in the catalog: they go when the recordings go that they are about."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from mcp_tracer.model import cursor
from mcp_tracer.model.patterns import Finding, Looked
from mcp_tracer.model.query import Page
from mcp_tracer.storage.sqlite import schema, segments
from mcp_tracer.storage.sqlite.snapshot import Snapshot

_KEEP: Final = """INSERT INTO finding(kind, subject, run_id, sentence, spans, count, first, last) VALUES(?,?,?,?,?,?,?,?)
    ON CONFLICT(kind, subject, run_id) DO UPDATE SET sentence=excluded.sentence, spans=excluded.spans, count=excluded.count,
    first=min(first, excluded.first), last=max(last, excluded.last) WHERE excluded.count > count"""

_NEWEST: Final = """SELECT max(id) AS id, kind, subject, run_id, sentence, spans, count, first, last, count(*) AS runs FROM finding
    WHERE (?1 IS NULL OR run_id=?1) AND (?2 IS NULL OR kind=?2) AND id<=?3 GROUP BY kind, subject HAVING {}"""
"""Of the rows of a group, the other columns are those of the one with the greatest id (SQLite: bare columns beside max())."""


def keep(catalog: sqlite3.Connection, found: Sequence[Finding], place: str | None, compared: Sequence[str]) -> tuple[Finding, ...]:
    """Keep findings and how far was looked, in one transaction. Gives those of which nothing was known from any run."""
    new: list[Finding] = []
    with schema.transaction(catalog):
        for one in found:
            query = "SELECT 1 FROM finding WHERE kind=? AND subject=? LIMIT 1"
            if catalog.execute(query, (one.kind, one.subject)).fetchone() is None:
                new.append(one)
            row = (one.kind, one.subject, one.run_id, one.sentence, json.dumps(one.span_ids), one.count, one.first_ns, one.last_ns)
            catalog.execute(_KEEP, row)
        marks = [(f"run {run_id}", "") for run_id in compared] + ([("place", place)] if place is not None else [])
        catalog.executemany("INSERT OR REPLACE INTO looked VALUES(?,?)", marks)
    return tuple(new)


def clean(catalog: sqlite3.Connection, folder: Path) -> None:
    """Remove what is about runs that are gone, and about calls before the oldest that is left."""
    starts: list[int] = []
    for one in segments.listed(folder):
        db = schema.connect(one.path, sealed=one.sealed)
        try:
            starts += [row[0] for row in db.execute("SELECT min(min_start) FROM frame") if row[0] is not None]
        finally:
            db.close()
    catalog.execute("DELETE FROM finding WHERE run_id NOT IN (SELECT run_id FROM run) OR last < ?", (min(starts, default=0),))
    catalog.execute("DELETE FROM looked WHERE what LIKE 'run %' AND substr(what, 5) NOT IN (SELECT run_id FROM run)")


def looked(snapshot: Snapshot) -> Looked:
    """How far was looked."""
    rows = dict(snapshot.all("SELECT what, place FROM looked")) if _is_there(snapshot) else {}
    return Looked(rows.get("place"), frozenset(what[4:] for what in rows if what.startswith("run ")))


def page(snapshot: Snapshot, run_id: str | None, kind: str | None, limit: int, after: str | None) -> Page[Finding]:
    """Findings of a run, or of all runs the newest of each, the last found first. A cursor keeps to those that the first page knew."""
    if not _is_there(snapshot):
        return Page((), None, 0)
    newest = int(snapshot.all("SELECT coalesce(max(id), 0) FROM finding")[0][0])
    place: Any = cursor.decode(after, "findings", int, int) or (newest, newest + 1)
    query = _NEWEST.format("max(id)<?4")
    rows = snapshot.all(f"{query} ORDER BY id DESC LIMIT ?5", (run_id, kind, *place, limit + 1))
    total = snapshot.all(f"SELECT count(*) FROM ({_NEWEST.format('1')})", (run_id, kind, place[0]))[0][0]
    more = cursor.encode("findings", place[0], rows[limit - 1][0]) if len(rows) > limit else None
    return Page(tuple(_finding(*row[1:]) for row in rows[:limit]), more, total)


def _finding(kind: Any, subject: str, run_id: str, sentence: str, spans: str, count: int, first: int, last: int, runs: int) -> Finding:
    return Finding(kind, subject, run_id, sentence, tuple(json.loads(spans)), count, first, last, runs)


def _is_there(snapshot: Snapshot) -> bool:
    return bool(snapshot.all("SELECT 1 FROM sqlite_master WHERE name='looked'"))
