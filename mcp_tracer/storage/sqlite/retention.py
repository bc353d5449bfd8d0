"""Retention: whole segments are deleted, the oldest first; the newest takes spans and stays."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from mcp_tracer.storage.sqlite import expired, findings, schema, segments
from mcp_tracer.storage.sqlite.segments import SegmentFile


def outdated(folder: Path, older_than_ns: int | None, max_bytes: int | None) -> list[SegmentFile]:
    """Segments that must go: those that ended before, and the oldest until the rest is small enough."""
    candidates = segments.listed(folder)[:-1]
    gone = [one for one in candidates if older_than_ns is not None and ended_before(one, older_than_ns)]
    left = segments.bytes_of(folder) - sum(_bytes(one) for one in gone)
    for one in candidates:
        if max_bytes is None or left <= max_bytes:
            break
        if one not in gone:
            gone.append(one)
            left -= _bytes(one)
    return gone


def ended_before(segment: SegmentFile, older_than_ns: int) -> bool:
    """Whether its last span ended before; an empty segment did."""
    return (_ask(segment, "SELECT max(max_end) FROM frame") or 0) < older_than_ns


def delete(segment: SegmentFile) -> int:
    """Delete a segment; returns how many spans it held."""
    spans = _ask(segment, "SELECT coalesce(sum(n), 0) FROM frame") or 0
    segments.remove(segment.path)
    return spans


def delete_aside(folder: Path, older_than_ns: int | None) -> None:
    """Delete damaged segments that were written to last before."""
    for path in segments.aside(folder):
        if older_than_ns is not None and path.stat().st_mtime_ns < older_than_ns:
            segments.remove(path)


def clean_catalog(catalog: sqlite3.Connection, folder: Path) -> None:
    """Remove processes and runs of which no segment knows any more; running ones stay, and all while a damaged segment may be put back."""
    if segments.aside(folder):
        return
    known: set[int] = set()
    for one in segments.listed(folder):
        known.update(_sources(one))
    rows = catalog.execute("SELECT id FROM source WHERE state<>'running'").fetchall()
    with schema.transaction(catalog):
        for (source,) in rows:
            if source not in known:
                catalog.execute("DELETE FROM source WHERE id=?", (source,))
                catalog.execute("DELETE FROM local WHERE source=?", (source,))
                catalog.execute("DELETE FROM code WHERE source=?", (source,))
        catalog.execute("DELETE FROM run WHERE id NOT IN (SELECT run FROM source)")
        expired.clean(catalog)
        findings.clean(catalog, folder)


def _sources(segment: SegmentFile) -> set[int]:
    db = schema.connect(segment.path, sealed=segment.sealed)
    try:
        return {row[0] for row in db.execute("SELECT src FROM source_count UNION SELECT src FROM position")}
    finally:
        db.close()


def _ask(segment: SegmentFile, query: str) -> int | None:
    db = schema.connect(segment.path, sealed=segment.sealed)
    try:
        return db.execute(query).fetchone()[0]
    finally:
        db.close()


def _bytes(segment: SegmentFile) -> int:
    return segment.path.stat().st_size
