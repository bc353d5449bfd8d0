"""A damaged segment costs the calls in it and nothing else, and every answer says so."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from mcp_tracer.model.errors import Unavailable, UserError
from mcp_tracer.model.query import SpanQuery
from mcp_tracer.model.sql import SqlQuery
from mcp_tracer.storage.sqlite import SqliteSpanStore
from mcp_tracer.storage.sqlite.columns import decompress
from mcp_tracer.storage.sqlite.writer import Limits
from tests.spool_builder import SpoolBuilder, sections
from tests.storage.test_sqlite_store import batches_of, filled, program

pytestmark = pytest.mark.anyio
LIMITS = Limits(spans=400)
Ask = Callable[[SqliteSpanStore], Awaitable[object]]

ANSWERS: dict[str, Ask] = {
    "search": lambda store: store.search(SpanQuery(text="key 39", limit=500)),
    "slow": lambda store: store.search(SpanQuery(order="duration", limit=2000)),
    "stats": lambda store: store.function_stats(),
    "hotspots": lambda store: store.hotspots(),
    "runs": lambda store: store.runs(),
    "traces": lambda store: store.traces(),
    "sql": lambda store: store.sql(SqlQuery("SELECT function, params FROM spans")),
    "events": lambda store: store.find_events(SpanQuery(text="zzz")),
    "size": lambda store: store.size(),
}


def middle(path: Path) -> None:
    """Overwrite a third of the file, in the middle."""
    with path.open("r+b") as file:
        size = path.stat().st_size
        file.seek(size // 3)
        file.write(b"\xa5" * (size // 3))


def header(path: Path) -> None:
    """Overwrite the beginning."""
    with path.open("r+b") as file:
        file.write(b"no database at all" * 8)


def emptied(path: Path) -> None:
    """Nothing is left."""
    path.write_bytes(b"")


def blob(path: Path) -> None:
    """SQLite finds nothing wrong: only what is compressed is damaged."""
    with sqlite3.connect(path) as db:
        db.execute("UPDATE payload SET z = zeroblob(length(z))")
        db.execute("UPDATE frame SET dur = zeroblob(length(dur))")
        db.execute("UPDATE rollup SET sums = zeroblob(length(sums))")
    db.close()


def large(number: int) -> SpoolBuilder:
    """A run of 400 spans, with values that fill pages."""
    builder = program(number, 400, at=number * 10**12)
    builder.span(seq=1000, trace=1, fn=1, at=2000, duration=5, payload=sections(R="".join(chr(33 + n * n % 94) for n in range(40_000))))
    return builder


async def three(tmp_path: Path, sealed: bool) -> Path:
    """A closed store whose first two segments are full, the third takes spans."""
    store = await filled(tmp_path, large(1), large(2), program(3, 5, at=10**13), limits=LIMITS)
    if sealed:
        await store.seal()
    await store.aclose()
    return tmp_path / "traces"


@pytest.mark.parametrize("harm", [middle, header, emptied, blob])
@pytest.mark.parametrize("asked", ANSWERS)
async def test_answers_come_from_the_segments_that_are_sound(tmp_path: Path, asked: str, harm: Callable[[Path], None]) -> None:
    folder = await three(tmp_path, sealed=True)
    (damaged,) = folder.glob("seg00001*.db")
    harm(damaged)
    store = SqliteSpanStore(folder, limits=LIMITS)
    await ANSWERS[asked](store)
    await ANSWERS["slow"](store)
    (said,) = await store.lacking()
    assert said.startswith("1 of 3 parts of the store is damaged and left out of this answer, with all calls in it: ")
    assert str(damaged) in said and "delete the file to end this note" in said
    assert {span.run_id for span in (await store.search(SpanQuery(limit=2000))).rows} == {"02" * 16, "03" * 16}
    await store.aclose()


async def test_a_whole_store_lacks_nothing(tmp_path: Path) -> None:
    folder = await three(tmp_path, sealed=True)
    store = SqliteSpanStore(folder, limits=LIMITS)
    for ask in ANSWERS.values():
        await ask(store)
    assert await store.lacking() == ()
    with pytest.raises(UserError):
        await store.run("ffff")
    assert await store.lacking() == ()


@pytest.mark.parametrize("harm", [middle, header, emptied])
@pytest.mark.parametrize("number", [1, 2, 3])
@pytest.mark.parametrize("sealed", [False, True])
async def test_new_runs_are_taken_in_whichever_segment_is_damaged(
    tmp_path: Path, harm: Callable[[Path], None], number: int, sealed: bool
) -> None:
    folder = await three(tmp_path, sealed)
    (damaged,) = folder.glob(f"seg0000{number}*.db")
    harm(damaged)
    store = SqliteSpanStore(folder, limits=LIMITS)
    await store.append(batches_of(program(4, 30, at=10**14), tmp_path))
    await ANSWERS["slow"](store)
    await store.append(batches_of(program(5, 30, at=10**15), tmp_path))
    assert await store.trace("05" * 16)
    found = {span.run_id for span in (await store.search(SpanQuery(limit=2000))).rows}
    assert found == {f"{run:02x}" * 16 for run in (1, 2, 3, 4, 5)} - {f"{number:02x}" * 16}
    (said,) = await store.lacking()
    assert f"{damaged}.damaged" in said and f"Put back a copy as {damaged.name}," in said
    assert not damaged.exists() and Path(f"{damaged}.damaged").exists()
    await store.aclose()


async def test_what_a_damaged_newest_segment_had_of_a_running_program_is_taken_in_anew(tmp_path: Path) -> None:
    builder = program(1, 900)
    batches = batches_of(builder, tmp_path, 100)
    store = SqliteSpanStore(tmp_path / "traces", limits=LIMITS)
    for batch in batches[:6]:
        await store.append([batch])
    await store.aclose()
    header(tmp_path / "traces" / "seg00002.db")
    store = SqliteSpanStore(tmp_path / "traces", limits=LIMITS)
    with pytest.raises(UserError, match="read from there"):
        await store.append([batches[6]])
    at = await store.position(builder.name)
    for batch in batches[[batch.start for batch in batches].index(at) :]:
        await store.append([batch])
    await store.finish(builder.name, killed=False)
    assert [one.calls for one in await store.function_stats()] == [900]
    assert await may_lack(store) == []
    await store.aclose()


async def test_a_damaged_segment_is_named_in_the_log_and_goes_with_its_age(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = await three(tmp_path, sealed=True)
    header(folder / "seg00001.sealed.db")
    store = SqliteSpanStore(folder, limits=LIMITS)
    with caplog.at_level(logging.ERROR):
        await ANSWERS["stats"](store)
    assert "seg00001.sealed.db is damaged and left out: DatabaseError: file is not a database" in caplog.text
    await store.retain(None, None)
    assert (folder / "seg00001.sealed.db.damaged").exists()
    assert len((await store.runs()).rows) == 3
    await store.retain(2**62, None)
    assert not (folder / "seg00001.sealed.db.damaged").exists()
    assert await store.lacking() == ()
    await store.aclose()


async def test_a_segment_that_was_put_back_is_read_again(tmp_path: Path) -> None:
    folder = await three(tmp_path, sealed=True)
    path = folder / "seg00001.sealed.db"
    whole = path.read_bytes()
    header(path)
    store = SqliteSpanStore(folder, limits=LIMITS)
    await ANSWERS["slow"](store)
    assert len(await store.lacking()) == 1
    path.unlink()
    path.write_bytes(whole)
    assert await store.lacking() == ()
    assert len((await store.search(SpanQuery(limit=2000))).rows) == 807
    await store.aclose()


@pytest.mark.parametrize("harm", [middle, header, emptied, Path.unlink])
async def test_without_its_catalog_a_store_says_what_to_do_and_that_helps(tmp_path: Path, harm: Callable[[Path], object]) -> None:
    folder = await three(tmp_path, sealed=True)
    harm(folder / "catalog.db")
    store = SqliteSpanStore(folder)
    for ask in (ANSWERS["runs"], ANSWERS["search"], ANSWERS["sql"], lambda store: store.append(batches_of(program(4, 5), tmp_path))):
        with pytest.raises(
            Unavailable, match=r"catalog\.db, which names .* cannot be read: .* move the whole folder .* away to start anew"
        ):
            await ask(store)
    await store.aclose()
    folder.rename(tmp_path / "kept")
    store = await filled(tmp_path, program(4, 5))
    assert [run.spans for run in (await store.runs()).rows] == [5]


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize("sealed", [False, True])
async def test_a_byte_of_a_value_that_changed_is_noticed(tmp_path: Path, compress: bool, sealed: bool) -> None:
    """Values that are not compressed stand in the file as they are, and have a checksum as others have."""
    store = await filled(tmp_path, program(1, 400), program(2, 5, at=10**13), limits=LIMITS, compress=compress)
    if sealed:
        await store.seal()
    await store.aclose()
    (path,) = (tmp_path / "traces").glob("seg00001*.db")
    with sqlite3.connect(path) as db:
        id_, block = db.execute("SELECT id, z FROM payload ORDER BY id").fetchone()
        assert (b"key 7" in block) is not compress
        at = block.index(b"key 7") + 4 if not compress else len(block) // 2
        db.execute("UPDATE payload SET z=? WHERE id=?", (block[:at] + bytes((block[at] ^ 1,)) + block[at + 1 :], id_))
    db.close()
    store = SqliteSpanStore(tmp_path / "traces", limits=LIMITS)
    found = (await store.search(SpanQuery(limit=2000))).rows
    assert {span.run_id for span in found} == {"02" * 16}
    assert len(await store.lacking()) == 1
    await store.aclose()


async def test_values_that_early_versions_stored_without_a_checksum_are_read(tmp_path: Path) -> None:
    store = await filled(tmp_path, program(1, 30), compress=False)
    whole = (await store.search(SpanQuery(limit=2000))).rows
    await store.aclose()
    (path,) = (tmp_path / "traces").glob("seg00001*.db")
    with sqlite3.connect(path) as db:
        for id_, block in db.execute("SELECT id, z FROM payload").fetchall():
            db.execute("UPDATE payload SET codec=0, z=? WHERE id=?", (decompress(block), id_))
    db.close()
    store = SqliteSpanStore(tmp_path / "traces")
    assert (await store.search(SpanQuery(limit=2000))).rows == whole
    assert await store.lacking() == ()
    await store.aclose()


async def test_a_copy_of_the_catalog_brings_everything_back(tmp_path: Path) -> None:
    folder = await three(tmp_path, sealed=True)
    copy = (folder / "catalog.db").read_bytes()
    header(folder / "catalog.db")
    store = SqliteSpanStore(folder)
    with pytest.raises(Unavailable):
        await store.runs()
    (folder / "catalog.db").write_bytes(copy)
    assert len((await store.runs()).rows) == 3


async def taken_in_turn(tmp_path: Path) -> Path:
    """A closed store in which the first two runs have a segment each, ended with it, and the third takes spans."""
    store = SqliteSpanStore(tmp_path / "traces", limits=LIMITS)
    for builder in (large(1), large(2), program(3, 5, at=10**13)):
        builder.end(at=10**9)
        for batch in batches_of(builder, tmp_path):
            await store.append([batch])
        await store.finish(builder.name, killed=False)
    await store.aclose()
    return tmp_path / "traces"


async def may_lack(store: SqliteSpanStore) -> list[int]:
    """The runs of which calls may be in what is left out."""
    await ANSWERS["slow"](store)
    return sorted(int(run.run_id[:2], 16) for run in (await store.runs()).rows if run.may_lack)


@pytest.mark.parametrize(("number", "lacking"), [(1, [1]), (2, [1, 2]), (3, [2, 3])])
async def test_runs_that_may_have_calls_in_a_damaged_segment_are_told_from_others(tmp_path: Path, number: int, lacking: list[int]) -> None:
    """A run is finished after its last call: by then the next segment may have begun."""
    folder = await taken_in_turn(tmp_path)
    store = SqliteSpanStore(folder, limits=LIMITS)
    assert await may_lack(store) == []
    await store.aclose()
    (damaged,) = folder.glob(f"seg0000{number}*.db")
    header(damaged)
    store = SqliteSpanStore(folder, limits=LIMITS)
    assert await may_lack(store) == lacking
    await store.append(batches_of(program(4, 30, at=10**14), tmp_path))
    assert await may_lack(store) == lacking
    damaged.with_name(damaged.name + ".damaged").unlink()
    assert await may_lack(store) == []
    await store.aclose()


async def test_of_segments_of_early_versions_it_is_not_known_which_runs_were_later(tmp_path: Path) -> None:
    folder = await taken_in_turn(tmp_path)
    for path in folder.glob("seg*.db"):
        with sqlite3.connect(path) as db:
            db.execute("DELETE FROM meta WHERE key<>'created_ns'")
        db.close()
    (damaged,) = folder.glob("seg00001*.db")
    header(damaged)
    store = SqliteSpanStore(folder, limits=LIMITS)
    assert await may_lack(store) == [1, 2, 3]
    await store.aclose()
