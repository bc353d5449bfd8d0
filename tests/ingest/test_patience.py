"""How long who asks waits for what is being taken in: not for a program that writes faster than anybody reads, nor for a long backlog."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import anyio
import pytest

from mcp_tracer.ingest import tail
from mcp_tracer.ingest.lease import Lease
from mcp_tracer.ingest.tail import Ingester
from mcp_tracer.model.batch import SpoolBatch
from mcp_tracer.storage.sqlite import SqliteSpanStore
from tests.spool_builder import sections

from .test_tail import ingester_of, living, program

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(60)]
GONE = 2**22 - 1


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Patience and turns end at once: each turn takes one batch."""
    monkeypatch.setattr(tail, "_READER_PATIENCE_S", 0.0)
    monkeypatch.setattr(tail, "_TURN_S", 0.0)


def small_batches(home: Path, store: SqliteSpanStore) -> Ingester:
    """An ingester that has many batches to take."""
    return Ingester(home / "spool", store, Lease(home / "ingest.lock"), batch_records=10)


async def test_a_program_that_writes_faster_than_it_is_read_keeps_no_answer(tmp_path: Path) -> None:
    """Each batch that the store takes makes the program write one slot more."""
    store = SqliteSpanStore(tmp_path / "traces")
    ingester, builder, append, seq = ingester_of(tmp_path, store), living(5), store.append, 5
    builder.write(tmp_path / "spool")

    async def goes_on(batches: Sequence[SpoolBatch]) -> None:
        nonlocal seq
        await append(batches)
        seq += 1
        builder.span(seq=seq, trace=1, fn=1, at=seq, duration=5, payload=sections(R="x" * 60_000))
        builder.write(tmp_path / "spool")

    store.append = goes_on  # type: ignore[method-assign]
    with anyio.fail_after(20):
        assert await ingester.catch_up() == 0
    assert 5 < seq < 10


async def test_a_long_backlog_keeps_no_answer_while_it_is_taken_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server's own task has to take it; whoever asks is told that there is more."""
    monkeypatch.setattr(tail, "_READER_PATIENCE_S", 0.05)
    store = SqliteSpanStore(tmp_path / "traces")
    builder = program(50, pid=GONE)
    builder.end(at=99)
    builder.write(tmp_path / "spool")
    ingester, append, begun, goes_on = small_batches(tmp_path, store), store.append, anyio.Event(), anyio.Event()

    async def slow(batches: Sequence[SpoolBatch]) -> None:
        begun.set()
        await goes_on.wait()
        await append(batches)

    store.append = slow  # type: ignore[method-assign]
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ingester.run)
        with anyio.fail_after(20):
            await begun.wait()
            assert await ingester.catch_up() == 1
            goes_on.set()
            while await ingester.catch_up():
                await anyio.sleep(0)
        tasks.cancel_scope.cancel()
    assert ((await store.size())[1], (await store.run("last")).state) == (50, "ended")


@pytest.mark.usefixtures("impatient")
async def test_what_ended_programs_left_is_taken_wholly_where_nobody_goes_on(tmp_path: Path) -> None:
    store, told = SqliteSpanStore(tmp_path / "traces"), list[tuple[int, int]]()
    for number in (1, 2):
        builder = program(100, pid=GONE, number=number)
        builder.end(at=999)
        builder.write(tmp_path / "spool")
    living(100, number=3).write(tmp_path / "spool")

    async def tell(done: int, total: int, message: str) -> None:
        told.append((done, total))

    ingester = small_batches(tmp_path, store)
    assert await ingester.catch_up(tell) == 1  # that of the running program
    assert sorted((run.state, run.spans == 100) for run in (await store.runs()).rows if run.state != "running") == [("ended", True)] * 2
    assert told == sorted(told) and len({total for _, total in told}) == 1
    while await ingester.catch_up():
        pass
    assert (await store.size())[1] == 300


@pytest.mark.usefixtures("impatient")
async def test_each_running_program_comes_into_its_own(tmp_path: Path) -> None:
    store, taken = SqliteSpanStore(tmp_path / "traces"), list[str]()
    for number in (1, 2, 3):
        living(100, number=number).write(tmp_path / "spool")
    append = store.append

    async def noted(batches: Sequence[SpoolBatch]) -> None:
        taken.extend(batch.source.name for batch in batches)
        await append(batches)

    store.append = noted  # type: ignore[method-assign]
    ingester = small_batches(tmp_path, store)
    for _ in range(6):
        assert await ingester.catch_up() == 3
    assert sorted(taken[:3]) == sorted(taken[3:]) == sorted(set(taken))
