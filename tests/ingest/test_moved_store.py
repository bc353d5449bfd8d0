"""Somebody moves or deletes the store while a server runs: what programs record from then on is not lost."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from mcp_tracer.model.errors import Unavailable
from mcp_tracer.model.query import SpanQuery
from mcp_tracer.storage.sqlite import SqliteSpanStore

from .test_tail import ingester_of, living, program

pytestmark = pytest.mark.anyio
GONE = 2**22 - 1  # no process has this number


def move(traces: Path) -> None:
    traces.rename(traces.with_name("old"))


def delete_segments(traces: Path) -> None:
    for path in traces.glob("seg*"):
        path.unlink()


def delete_catalog(traces: Path) -> None:
    for path in traces.glob("catalog*"):
        path.unlink()


def put_another_there(traces: Path) -> None:
    """Another store: what ids mean differs from the one that was there."""
    shutil.rmtree(traces)
    (traces.with_name("other")).rename(traces)


async def names_of(store: SqliteSpanStore) -> list[str]:
    return sorted({span.function for span in (await store.search(SpanQuery(limit=100))).rows})


@pytest.mark.parametrize("remove", [move, shutil.rmtree, delete_segments])
async def test_what_is_recorded_afterwards_is_in_the_store_that_is_there(tmp_path: Path, remove: Callable[[Path], None]) -> None:
    store = SqliteSpanStore(tmp_path / "traces")
    ingester = ingester_of(tmp_path, store)
    going_on = living(7, number=2)
    for builder in (program(10, pid=GONE), going_on):
        builder.write(tmp_path / "spool")
    await ingester.catch_up()
    assert len((await store.search(SpanQuery(limit=100))).rows) == 17
    remove(tmp_path / "traces")
    going_on.span(seq=8, trace=1, fn=1, at=9)
    for builder in (program(5, pid=GONE - 1, number=3), going_on):
        builder.write(tmp_path / "spool")
    await ingester.catch_up()
    for asked in (store, SqliteSpanStore(tmp_path / "traces")):
        assert {(run.run_id[-1], run.spans) for run in (await asked.runs()).rows if run.spans} == {("2", 8), ("3", 5)}
        assert len((await asked.search(SpanQuery(limit=100))).rows) == 13
        await asked.aclose()


async def test_without_its_catalog_nothing_is_taken_until_that_is_back(tmp_path: Path) -> None:
    store = SqliteSpanStore(tmp_path / "traces")
    ingester = ingester_of(tmp_path, store)
    program(10, pid=GONE).write(tmp_path / "spool")
    await ingester.catch_up()
    ingester.close()
    await store.aclose()
    store = SqliteSpanStore(tmp_path / "traces")
    ingester = ingester_of(tmp_path, store)
    assert (await store.run("last")).spans == 10
    shutil.copytree(tmp_path / "traces", tmp_path / "copy")
    delete_catalog(tmp_path / "traces")
    path = program(5, pid=GONE - 1, number=3).write(tmp_path / "spool")
    for asking in (ingester.catch_up, store.runs):
        with pytest.raises(Unavailable, match="Put back a copy of it"):
            await asking()
    assert path.exists()
    shutil.copy(tmp_path / "copy" / "catalog.db", tmp_path / "traces")
    await ingester.catch_up()
    assert {(run.run_id[-1], run.spans) for run in (await store.runs()).rows} == {("1", 10), ("3", 5)}


async def test_of_another_store_in_its_place_the_names_are_right(tmp_path: Path) -> None:
    for folder, names in (("traces", ["first", "second"]), ("other", ["second", "third"])):
        made = SqliteSpanStore(tmp_path / folder)
        builder = program(0, pid=GONE)
        for seq, name in enumerate(names, 1):
            builder.span(seq=seq, trace=1, fn=builder.function(name), at=seq)
        builder.write(tmp_path / "spool")
        ingester = ingester_of(tmp_path, made)
        await ingester.catch_up()
        ingester.close()
        if folder == "traces":
            store = made
        else:
            await made.aclose()
    assert await names_of(store) == ["first", "second"]
    put_another_there(tmp_path / "traces")
    assert await names_of(store) == ["second", "third"]
