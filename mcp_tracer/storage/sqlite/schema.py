"""The tables, and how their files are opened.

`catalog.db` names things; `segNNNNN.db` holds spans. Everything that says how much was taken, and everything derived from it, is in one
segment, so that one transaction settles it; the catalog is written before and only in ways that a repetition leaves as they are.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import quote

from mcp_tracer.model.errors import Unavailable
from mcp_tracer.storage.sqlite import segments

VERSION: Final = 3

FINDING: Final = """CREATE TABLE IF NOT EXISTS finding(
    id INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, subject TEXT NOT NULL, run_id TEXT NOT NULL, sentence TEXT NOT NULL,
    spans TEXT NOT NULL, count INT NOT NULL, first INT NOT NULL, last INT NOT NULL, UNIQUE(kind, subject, run_id))"""
# How far was looked: `place` is where, `run …` a run that was compared with the one before it.
LOOKED: Final = "CREATE TABLE IF NOT EXISTS looked(what TEXT PRIMARY KEY, place TEXT NOT NULL) WITHOUT ROWID"
# Spans that went with deleted segments. `run` 0: of all runs together. `last`: until when the segment's last span lasted.
EXPIRED: Final = """CREATE TABLE IF NOT EXISTS expired(
    run INT, segment INT, spans INT NOT NULL, last INT NOT NULL, PRIMARY KEY(run, segment)) WITHOUT ROWID"""

CATALOG: Final = f"""
-- A function or call site; a later version of the source gets a row of its own. `site`: 1 for call sites. `params`: JSON list.
CREATE TABLE fn(
    id INTEGER PRIMARY KEY, file TEXT NOT NULL, name TEXT NOT NULL, line INT NOT NULL, kind TEXT NOT NULL, site INT NOT NULL,
    owner TEXT NOT NULL, col INT NOT NULL, end_line INT NOT NULL, params TEXT NOT NULL,
    UNIQUE(file, name, line, kind, site, owner, col, params));
CREATE TABLE err(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE thread(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE run(id INTEGER PRIMARY KEY AUTOINCREMENT, run_id TEXT NOT NULL UNIQUE);
-- A spool file, that is: a process. `salt`: 8 bytes, big-endian; `scale`: ns a tick. `definition`: JSON of the run's definition.
-- Times: ns since the epoch. Ids are never used twice.
CREATE TABLE source(
    id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, run INT NOT NULL, salt BLOB NOT NULL, language TEXT NOT NULL,
    pid INT NOT NULL, start INT NOT NULL, definition TEXT NOT NULL DEFAULT '{{}}', state TEXT NOT NULL DEFAULT 'running',
    end INT, exit_code INT, error TEXT, scale REAL NOT NULL DEFAULT 1,
    dropped INT NOT NULL DEFAULT 0, faults INT NOT NULL DEFAULT 0, damaged INT NOT NULL DEFAULT 0);
CREATE INDEX source_run ON source(run);
CREATE INDEX source_salt ON source(salt);
-- Ids as they are in a spool file -> ids here; class as in the spool format. Kept until the file is finished.
CREATE TABLE local(source INT, class INT, local INT, id INT NOT NULL, PRIMARY KEY(source, class, local)) WITHOUT ROWID;
-- Source files as they ran.
CREATE TABLE code(path TEXT, sha256 TEXT, source INT, PRIMARY KEY(path, sha256, source)) WITHOUT ROWID;
{FINDING};
{LOOKED};
{EXPIRED};
"""

FRAME_COLUMNS: Final = ("fn", "dur", "self", "err", "start", "trace", "src", "seq", "parent", "depth", "thread", "flags", "count")

REMOTE_ROOT: Final = "CREATE TABLE IF NOT EXISTS remote_root(src INT, seq INT, parent BLOB NOT NULL, PRIMARY KEY(src, seq)) WITHOUT ROWID"
# What a segment that version 1 began says: of its roots, some have their remote parents in `trace_source` alone.
GUESSED_ROOTS: Final = "INSERT OR IGNORE INTO meta VALUES('roots', 'guessed')"
BLOCK_GRAM: Final = "CREATE TABLE IF NOT EXISTS block_gram16(id INTEGER PRIMARY KEY, n INT NOT NULL, bits BLOB NOT NULL)"
# Statistics of `n` spans from ordinal `id` on, where those are many and all of one hour, as in `rollup`. They never change.
DENSE: Final = """CREATE TABLE IF NOT EXISTS dense(
    id INTEGER PRIMARY KEY, n INT NOT NULL, min_start INT NOT NULL, max_start INT NOT NULL, keys BLOB, sums BLOB, hist BLOB)"""
DENSE_TIMES: Final = "CREATE INDEX IF NOT EXISTS dense_times ON dense(min_start, max_start, n)"

SEGMENT: Final = f"""
-- created_ns. last_source: the newest process then, 0 for none. follows: the segment whose positions this one began with, 0 for none.
-- Segments of early versions lack these two.
CREATE TABLE meta(key TEXT PRIMARY KEY, value) WITHOUT ROWID;
-- Up to 4,096 spans, `id` is the ordinal of the first. Columns are byte-shuffled and compressed. Times: ns; `start` relative to min_start.
CREATE TABLE frame(
    id INTEGER PRIMARY KEY, n INT, min_start INT, max_start INT, max_end INT, min_dur INT, max_dur INT, nerr INT,
    {", ".join(f"{name} BLOB" for name in FRAME_COLUMNS)});
-- Payloads of `n` spans from ordinal `id` on: u32 lengths, then the bytes. codec: 1 zstd, 0 as they are (early versions).
CREATE TABLE payload(id INTEGER PRIMARY KEY, n INT, codec INT, z BLOB);
CREATE TABLE trace_frame(trace INT, frame INT, PRIMARY KEY(trace, frame)) WITHOUT ROWID;
CREATE TABLE err_frame(err INT, frame INT, PRIMARY KEY(err, frame)) WITHOUT ROWID;
CREATE TABLE source_frame(src INT, frame INT, min_seq INT, max_seq INT, PRIMARY KEY(src, frame)) WITHOUT ROWID;
-- What this segment knows of a trace; a trace may have a row in several segments. `start` counts open spans too. `root_*`: its earliest
-- span without a parent. `definition`: JSON, for each process what it says of the trace: its id there, and the definition; of
-- segments of early versions one definition for all processes.
CREATE TABLE trace(
    id INTEGER PRIMARY KEY, trace_id BLOB NOT NULL UNIQUE, n INT NOT NULL DEFAULT 0, errs INT NOT NULL DEFAULT 0, start INT, end INT,
    src INT NOT NULL, root_fn INT, root_start INT, test_id TEXT, definition TEXT NOT NULL DEFAULT '{{}}');
CREATE INDEX trace_start ON trace(start);
CREATE INDEX trace_failed ON trace(start) WHERE errs > 0;
CREATE INDEX trace_test ON trace(test_id) WHERE test_id IS NOT NULL;
-- Which processes took part in a trace. `parent`: id of a remote span that roots of theirs belong to, 8 bytes.
CREATE TABLE trace_source(src INT, trace INT, parent BLOB, PRIMARY KEY(src, trace)) WITHOUT ROWID;
-- Roots that belong to a remote span: a process may be called several times in one trace. Segments of early versions lack the table.
{REMOTE_ROOT};
-- Trace ids as they are in a spool file.
CREATE TABLE trace_local(src INT, local INT, trace_id BLOB NOT NULL, parent BLOB, PRIMARY KEY(src, local)) WITHOUT ROWID;
-- Lines, checkpoints, variables: columns and payloads of `n` events, sorted by (seq, number).
CREATE TABLE event_frame(id INTEGER PRIMARY KEY, src INT, n INT, min_seq INT, max_seq INT, z BLOB);
CREATE INDEX event_source ON event_frame(src, max_seq);
-- Statistics by (hour, run, function), columnar; several rows may hold the same key: add them up. `whole` = 1 and 2, made at
-- seal: by (run, function) and by function alone for the whole segment, the same calls once more.
CREATE TABLE rollup(
    id INTEGER PRIMARY KEY, whole INT NOT NULL DEFAULT 0, n INT, min_hour INT, max_hour INT, keys BLOB, sums BLOB, hist BLOB);
-- Calls that were only counted, for windows that cut an hour; they are in `rollup` too. `errors`: -1 where the times are estimates, which
-- failing calls have no part in. A row of no call corrects the self time of what called those.
CREATE TABLE aggregate(at INT, run INT, fn INT, calls INT, errors INT, total INT, self INT, least INT, most INT);
CREATE INDEX aggregate_at ON aggregate(at);
{DENSE};
{DENSE_TIMES};
CREATE TABLE source_count(src INTEGER PRIMARY KEY, spans INT NOT NULL, errors INT NOT NULL);
-- Only the newest segment's rows of the next two count; a new segment begins with those of the one before it.
CREATE TABLE position(name TEXT PRIMARY KEY, src INT, slot_offset INT, records INT, finished INT NOT NULL DEFAULT 0) WITHOUT ROWID;
CREATE TABLE open_span(
    src INT, seq INT, trace_id BLOB, trace INT, fn INT, start INT, dur INT, self INT, parent INT, depth INT, thread INT, flags INT,
    err INT, count INT, payload BLOB, PRIMARY KEY(src, seq)) WITHOUT ROWID;
"""

# Version -> what the next one added. Files of a version may have some of it already.
CATALOG_STEPS: Final = {1: (FINDING, LOOKED)}
SEGMENT_STEPS: Final = {1: (REMOTE_ROOT, GUESSED_ROOTS, DENSE, DENSE_TIMES), 2: ("DROP TABLE IF EXISTS block_gram", BLOCK_GRAM)}

# Only while a segment takes spans: for each payload block one bit for each 4-gram of its values in lower case, hashed to 16 bits,
# compressed. Segments that an earlier version began lack some or all of it.
GROWING: Final = f"""
{BLOCK_GRAM};
"""

# Added when a segment is sealed: the frames of each function with its slowest call there (a bucket's upper bound), and for each hash of a
# 4-gram of the payloads one bit for each payload block, in the order of their ids. Until version 2 it was `gram`, with the first 15 bits.
SEALED: Final = """
CREATE TABLE fn_frame(fn INTEGER PRIMARY KEY, frames BLOB, slowest BLOB);
CREATE TABLE gram16(h INTEGER PRIMARY KEY, bits BLOB);
-- What leads to frames and blocks lies together, not beside their blobs: a first question reads few pages.
CREATE INDEX frame_directory ON frame(id, n, min_start, max_start, max_end, min_dur, max_dur, nerr);
CREATE INDEX payload_block ON payload(id, n);
CREATE INDEX rollup_hours ON rollup(whole, max_hour, min_hour);
CREATE INDEX event_directory ON event_frame(id, src, min_seq, max_seq);
"""


def connect(path: Path, *, create: bool = False, sealed: bool = False, private: bool = False, mapped: bool = True) -> sqlite3.Connection:
    """Open a database file; a sealed one is read without locks, a private one is seen by nobody else until it is renamed.

    Raises sqlite3.OperationalError where it isn't there.
    """
    mode = "ro&immutable=1" if sealed else "rwc" if create else "rw"
    uri = f"file:{quote(str(path))}?mode={mode}"
    connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False, timeout=10)
    connection.execute("PRAGMA cache_size=-16384")
    if mapped:
        map_into_memory(connection)
    if create:
        connection.execute("PRAGMA page_size=16384")
        connection.execute(f"PRAGMA journal_mode={'OFF' if private else 'WAL'}")
    if not sealed:
        connection.execute("PRAGMA wal_autocheckpoint=256")
    if not sealed:
        connection.execute(f"PRAGMA synchronous={'OFF' if private else 'NORMAL'}")
    return connection


def map_into_memory(connection: sqlite3.Connection) -> None:
    """Read the file through a mapping: fastest where the system has it in its cache.

    Where it has not, each page that is missed may make the system read megabytes ahead: a first question does better without.
    """
    connection.execute(f"PRAGMA mmap_size={1 << 30}")
    connection.execute("PRAGMA shrink_memory")


def prepare(connection: sqlite3.Connection, script: str) -> None:
    """Create the tables of an empty database, in one transaction."""
    statements = "\n".join(line for line in script.splitlines() if not line.lstrip().startswith("--"))
    with transaction(connection):
        for statement in statements.split(";"):
            if statement.strip():
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version={VERSION}")


def open_catalog(folder: Path, *, create: bool = False) -> sqlite3.Connection:
    """The catalog of a folder; `create` makes one where there is no segment either, and brings it forward.

    Raises Unavailable for one of a newer version, and where there are segments and it is gone: their calls would have no names, and a
    new one would give them wrong ones.
    """
    path = folder / "catalog.db"
    is_bare = not any(segments.listed(folder))
    if not is_bare and not (path.exists() and path.stat().st_size):
        raise Unavailable(catalog_lost(folder, "it is missing or empty"))
    db = connect(path, create=create)
    if check_version(db, path) == 0 and create and is_bare:
        prepare(db, CATALOG)
    if create:
        migrate(db, path, CATALOG_STEPS)
    return db


def catalog_lost(folder: Path, problem: str) -> str:
    """What to do about a catalog that cannot be used."""
    return (
        f"{folder / 'catalog.db'}, which names what the trace store's other files hold, cannot be read: {problem}. Put back a copy of it, "
        f"or move the whole folder {folder} away to start anew. What programs record meanwhile is not lost: it is taken in then."
    )


def check_version(connection: sqlite3.Connection, path: Path) -> int:
    """The schema's version, 0 for an empty database. Raises Unavailable for one that a newer version wrote."""
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if version > VERSION:
        raise Unavailable(
            f"{path} was written by a newer mcp-tracer (schema {version}, this one knows {VERSION}): update mcp-tracer; "
            "the file is left as it is."
        )
    return version


def migrate(connection: sqlite3.Connection, path: Path, steps: Mapping[int, Sequence[str]]) -> None:
    """Bring a file that is written to forward, one version after the other. Raises Unavailable for one of a newer version.

    Sealed segments stay as they are: readers know what earlier versions lack.
    """
    for version in range(check_version(connection, path), VERSION):
        with transaction(connection):
            for statement in steps.get(version, ()):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version={version + 1}")


@contextmanager
def transaction(connection: sqlite3.Connection) -> Generator[None]:
    """Write everything inside, or nothing."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


@contextmanager
def translated(folder: Path) -> Generator[None]:
    """Turn SQLite's failures into Unavailable, saying what to do. Damaged segments are left out before: what is damaged is the catalog."""
    try:
        yield
    except sqlite3.OperationalError as error:
        if "full" in str(error):
            raise Unavailable(f"The disk that holds {folder} is full: free some space; nothing was lost, ingestion goes on.") from error
        raise Unavailable(f"The trace store {folder} cannot be used now: {error}.") from error
    except sqlite3.DatabaseError as error:
        raise Unavailable(catalog_lost(folder, str(error))) from error
