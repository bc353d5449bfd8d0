"""Stores that an earlier version wrote: read as they are, and brought forward when something is added."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from mcp_tracer.model.query import SpanQuery
from mcp_tracer.storage.sqlite import SqliteSpanStore, dense, schema
from mcp_tracer.storage.sqlite.writer import Limits
from tests.storage.test_sqlite_store import batches_of, filled, program

pytestmark = pytest.mark.anyio
ADDED = {"catalog.db": ("finding", "looked"), "segment": ("remote_root", "dense")}
START = program(1).origin_wall_ns


def set_back(folder: Path, version: int) -> None:
    """Make the files what an earlier version wrote: they lack what came later."""
    for path in folder.glob("*.db"):
        with closing(sqlite3.connect(path, isolation_level=None)) as db:
            _hash_grams_to_15_bits(db)
            if version == 1:
                db.execute("DROP INDEX IF EXISTS rollup_hours")
                for table in ADDED.get(path.name, ADDED["segment"]):
                    db.execute(f"DROP TABLE IF EXISTS {table}")
            db.execute(f"PRAGMA user_version={version}")


def _hash_grams_to_15_bits(db: sqlite3.Connection) -> None:
    """What version 2 had: of a segment that takes spans nothing that is of use now, of a sealed one rows for the first 15 bits."""
    db.execute("DROP TABLE IF EXISTS block_gram16")
    if db.execute("SELECT 1 FROM sqlite_master WHERE name='gram16'").fetchone():
        joined: dict[int, bytes] = {}
        for h, bits in db.execute("SELECT h, bits FROM gram16"):
            joined[h >> 1] = bytes(a | b for a, b in zip(bits, joined.get(h >> 1, bytes(len(bits))), strict=True))
        db.execute("DROP TABLE gram16")
        db.execute("CREATE TABLE gram(h INTEGER PRIMARY KEY, bits BLOB)")
        db.executemany("INSERT INTO gram VALUES(?,?)", joined.items())


def versions(folder: Path) -> dict[str, int]:
    """What each file says."""
    found: dict[str, int] = {}
    for path in sorted(folder.glob("*.db")):
        with closing(sqlite3.connect(path)) as db:
            found[path.name] = db.execute("PRAGMA user_version").fetchone()[0]
    return found


async def answers(store: SqliteSpanStore) -> list[object]:
    """What a user asks first."""
    stats = await store.function_stats()
    window = await store.hotspots(start_ns=START + 15, end_ns=START + 10**9, limit=10)
    rows = (await store.search(SpanQuery(text="key 2", limit=100))).rows
    return [
        stats,
        window,
        rows,
        [await store.span(row.span_id) for row in rows[:3]],
        (await store.runs()).rows,
        await store.findings("01" * 16),
    ]


@pytest.fixture(params=[1, 2])
async def earlier(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Path:
    """A store of two segments, the older one sealed, set back to an earlier version."""
    monkeypatch.setattr(dense, "LEAST", 5)
    store = await filled(tmp_path, program(1, 40), limits=Limits(spans=20))
    await store.seal()
    for batch in batches_of(program(2, 15, at=60), tmp_path, 10):
        await store.append([batch])
    (tmp_path / "before").write_text(repr(await answers(store)))
    await store.aclose()
    set_back(tmp_path / "traces", request.param)
    return tmp_path


async def test_an_earlier_store_is_read_as_it_is(earlier: Path) -> None:
    written = versions(earlier / "traces")
    store = SqliteSpanStore(earlier / "traces")
    assert repr(await answers(store)) == (earlier / "before").read_text()
    await store.aclose()
    assert versions(earlier / "traces") == written and schema.VERSION not in written.values()


async def test_an_earlier_store_takes_more_and_is_brought_forward(earlier: Path) -> None:
    store = SqliteSpanStore(earlier / "traces", limits=Limits(spans=100))
    for batch in batches_of(program(3, 30, at=200), earlier, 10):
        await store.append([batch])
    assert sum(row.calls for row in await store.function_stats()) == 85
    assert sum(row.calls for row in await store.hotspots(start_ns=START + 15, end_ns=START + 10**9, limit=10)) == 40 - 14 + 15 + 30
    assert (await store.search(SpanQuery(text="key 2", limit=100))).total == 11 + 1 + 11
    await store.seal()
    assert sum(row.calls for row in await store.function_stats()) == 85
    await store.aclose()
    found = versions(earlier / "traces")
    assert found.pop("catalog.db") == schema.VERSION
    assert set(found.values()) <= {1, 2, schema.VERSION} and max(found.values()) == schema.VERSION
