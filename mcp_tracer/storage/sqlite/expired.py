"""What retention deleted, kept in the catalog, so that what is left of a run is not taken for the whole."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable
from contextlib import closing
from typing import Final, NamedTuple

from mcp_tracer.storage.sqlite import schema
from mcp_tracer.storage.sqlite.segments import SegmentFile
from mcp_tracer.storage.sqlite.snapshot import Snapshot

_STORE: Final = 0
"""Stands for all runs, those included of which nothing is left."""


class Gone(NamedTuple):
    """How many spans were deleted, and until when the last of them lasted, ns since the epoch."""

    spans: int = 0
    until_ns: int = 0


def note(catalog: sqlite3.Connection, gone: Iterable[SegmentFile]) -> None:
    """Keep how many spans of each run go with some segments. Call it before they are deleted; a repetition changes nothing."""
    runs = dict(catalog.execute("SELECT id, run FROM source").fetchall())
    with schema.transaction(catalog):
        catalog.execute(schema.EXPIRED)
        for one in gone:
            with closing(schema.connect(one.path, sealed=one.sealed)) as db:
                counts = db.execute("SELECT src, spans FROM source_count").fetchall()
                last = db.execute("SELECT max(max_end) FROM frame").fetchone()[0] or 0
            sums = Counter({_STORE: sum(spans for _, spans in counts)})
            for source, spans in counts:
                sums[runs.get(source, _STORE)] += spans if source in runs else 0
            rows = [(run, one.number, spans, last) for run, spans in sums.items() if spans]
            catalog.executemany("INSERT OR REPLACE INTO expired VALUES(?,?,?,?)", rows)


def clean(catalog: sqlite3.Connection) -> None:
    """Forget of which runs spans were deleted that are gone themselves."""
    catalog.execute(schema.EXPIRED)
    catalog.execute("DELETE FROM expired WHERE run<>? AND run NOT IN (SELECT id FROM run)", (_STORE,))


def of_run(snapshot: Snapshot, run: int) -> Gone:
    """What was deleted of a run."""
    if not _is_there(snapshot):
        return Gone()
    return Gone(*snapshot.all("SELECT coalesce(sum(spans), 0), coalesce(max(last), 0) FROM expired WHERE run=?", (run,))[0])


def of_store(snapshot: Snapshot) -> tuple[int, int]:
    """(spans that were deleted in all, runs of which some were and some are left)."""
    if not _is_there(snapshot):
        return 0, 0
    query = "SELECT coalesce(sum(spans * (run=?1)), 0), count(DISTINCT nullif(run, ?1)) FROM expired"
    return snapshot.all(query, (_STORE,))[0]


def nothing_is_left(snapshot: Snapshot) -> str:
    """Why a store has nothing."""
    spans, _ = of_store(snapshot)
    if spans:
        return f"All that was recorded is deleted by retention ({spans:,} spans): run the instrumented program again."
    return "Nothing was recorded yet: run the instrumented program."


def perhaps(snapshot: Snapshot) -> str:
    """Why what is asked for by its id may not be there, to be put behind a sentence; nothing where nothing was deleted."""
    spans, _ = of_store(snapshot)
    return f" Retention has deleted the oldest {spans:,} spans: it may have been among them." if spans else ""


def _is_there(snapshot: Snapshot) -> bool:
    return bool(snapshot.all("SELECT 1 FROM sqlite_master WHERE name='expired'"))
