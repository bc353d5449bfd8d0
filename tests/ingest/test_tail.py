"""Following spool files: live, finished, killed, damaged; the lease."""

from __future__ import annotations

import os
from pathlib import Path

import anyio
import pytest

from mcp_tracer.ingest import lease as lock
from mcp_tracer.ingest import process
from mcp_tracer.ingest.lease import Lease
from mcp_tracer.ingest.tail import Ingester
from mcp_tracer.model.batch import SpoolPosition
from mcp_tracer.model.query import SpanQuery
from mcp_tracer.storage.sqlite import SqliteSpanStore
from tests.spool_builder import SpoolBuilder

pytestmark = pytest.mark.anyio
TRACE = "ab" * 16
HOST = os.uname().nodename if hasattr(os, "uname") else ""


def program(spans: int, *, pid: int, process_start: int = 1, number: int = 1) -> SpoolBuilder:
    """A program of this host."""
    builder = SpoolBuilder(f"{number:032x}", pid, number << 40, process_start=process_start, run={"hostname": HOST})
    function, trace = builder.function(), builder.trace(TRACE)
    for seq in range(1, spans + 1):
        builder.span(seq=seq, trace=trace, fn=function, at=seq, duration=5)
    return builder


def living(spans: int, number: int = 1) -> SpoolBuilder:
    """A program that runs as long as this test."""
    return program(spans, pid=os.getpid(), process_start=process.start_time(os.getpid()) or 0, number=number)


def ingester_of(home: Path, store: SqliteSpanStore) -> Ingester:
    """An ingester as the server has one."""
    return Ingester(home / "spool", store, Lease(home / "ingest.lock"))


async def test_a_running_program_can_be_asked_about(tmp_path: Path) -> None:
    store = SqliteSpanStore(tmp_path / "traces")
    ingester = ingester_of(tmp_path, store)
    builder = living(10)
    builder.open_span(seq=11, trace=1, fn=1, at=3)
    path = builder.write(tmp_path / "spool")
    await ingester.catch_up()
    run = await store.run("last")
    assert (run.state, run.spans) == ("running", 11)
    assert [span.finished for span in (await store.search(SpanQuery(limit=50))).rows].count(False) == 1
    builder.span(seq=11, trace=1, fn=1, at=3, duration=9)
    builder.write(tmp_path / "spool")
    await ingester.catch_up()
    assert (await store.run("last")).spans == 11
    assert all(span.finished for span in (await store.search(SpanQuery(limit=50))).rows)
    assert path.exists()


async def test_a_program_that_ended_is_taken_and_its_file_deleted(tmp_path: Path) -> None:
    store = SqliteSpanStore(tmp_path / "traces")
    builder = program(10, pid=2**22 - 1)
    builder.end(at=99, exit_code=3, dropped=4)
    path = builder.write(tmp_path / "spool")
    ingester = ingester_of(tmp_path, store)
    await ingester.catch_up()
    run = await store.run("last-failed")
    assert (run.state, run.exit_code, run.dropped, run.spans, run.end_ns) == ("ended", 3, 4, 10, builder.origin_wall_ns + 99)
    assert not path.exists()


async def test_a_killed_program_keeps_its_open_spans(tmp_path: Path) -> None:
    store = SqliteSpanStore(tmp_path / "traces")
    builder = program(10, pid=2**22 - 1)
    builder.open_span(seq=11, trace=1, fn=1, at=3, duration=7)
    builder.aggregate(1, calls=40, at=9_000, total=80, self_=80, least=2, most=2)
    path = builder.write(tmp_path / "spool")
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ingester_of(tmp_path, store).run)
        with anyio.fail_after(10):
            while path.exists():
                await anyio.sleep(0.05)
        tasks.cancel_scope.cancel()
    run = await store.run("last")
    assert (run.state, run.spans, run.end_ns) == ("killed", 11, builder.origin_wall_ns + 9_000)
    assert sum(row.calls for row in await store.function_stats()) == 11 + 40
    (unfinished,) = [span for span in (await store.search(SpanQuery(min_duration_ns=100))).rows if not span.finished]
    assert (unfinished.duration_ns, unfinished.start_ns) == (8_997, builder.origin_wall_ns + 3)  # until it was last heard of


@pytest.mark.parametrize("missing", [1, 65_536])
async def test_a_run_whose_file_was_cut_off_lacks_something(tmp_path: Path, missing: int) -> None:
    store = SqliteSpanStore(tmp_path / "traces")
    builder = program(100, pid=2**22 - 1)
    builder.end(at=99)
    path = builder.write(tmp_path / "spool", seal_last=True, per_chunk=40)
    path.write_bytes(path.read_bytes()[:-missing])
    await ingester_of(tmp_path, store).catch_up()
    run = await store.run("last")
    assert (run.state, run.spans, run.damaged) == ("killed", 77, 1)
    assert not path.exists()


async def test_a_foreign_file_is_moved_aside_and_blocks_nothing(tmp_path: Path) -> None:
    store = SqliteSpanStore(tmp_path / "traces")
    (tmp_path / "spool").mkdir()
    (tmp_path / "spool" / "bad.1.spool").write_bytes(b"not ours")
    living(3).write(tmp_path / "spool")
    ingester = ingester_of(tmp_path, store)
    await ingester.catch_up()
    assert (await store.size())[1] == 3
    assert ingester.status.damaged_files == ["bad.1.spool"]
    assert (tmp_path / "spool" / "damaged" / "bad.1.spool").exists()


async def test_a_second_server_reads_what_the_first_one_takes(tmp_path: Path) -> None:
    first, second = SqliteSpanStore(tmp_path / "traces"), SqliteSpanStore(tmp_path / "traces")
    one, two = ingester_of(tmp_path, first), ingester_of(tmp_path, second)
    builder = living(5)
    builder.write(tmp_path / "spool")
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(one.run)
        await anyio.sleep(0.3)
        builder.span(seq=6, trace=1, fn=1, at=7, duration=5)
        builder.write(tmp_path / "spool")
        assert await two.catch_up() == 0
        assert (await second.size())[1] == 6
        tasks.cancel_scope.cancel()
    assert two.status.records == 0


async def test_a_program_that_goes_on_writing_keeps_no_reader_waiting(tmp_path: Path) -> None:
    """A reader waits for what was there when it asked, and not for what comes meanwhile."""
    first, second = SqliteSpanStore(tmp_path / "traces"), SqliteSpanStore(tmp_path / "traces")
    one, two = ingester_of(tmp_path, first), ingester_of(tmp_path, second)
    builder, position, looks = living(5), second.position, 0
    builder.write(tmp_path / "spool")
    await one.catch_up()

    async def another_call_at_each_look(spool_name: str) -> SpoolPosition:
        nonlocal looks
        looks += 1
        if looks > 1:
            await one.catch_up()
        builder.span(seq=5 + looks, trace=1, fn=1, at=9, duration=5)
        builder.write(tmp_path / "spool")
        return await position(spool_name)

    second.position = another_call_at_each_look  # type: ignore[method-assign]
    await two.catch_up()
    assert (looks, (await second.size())[1]) == (2, 6)


def test_the_lease_is_held_by_one(tmp_path: Path) -> None:
    first, second = Lease(tmp_path / "ingest.lock"), Lease(tmp_path / "ingest.lock")
    assert (first.acquire(), second.acquire(), first.acquire()) == (True, False, True)
    first.release()
    assert second.acquire()


def test_the_lease_is_held_on_a_full_disk_and_can_be_given_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    first, second = Lease(tmp_path / "ingest.lock"), Lease(tmp_path / "ingest.lock")
    with monkeypatch.context() as patched:
        patched.setattr(os, "write", full)
        assert (first.acquire(), first.held, second.acquire()) == (True, True, False)
    first.release()
    assert second.acquire()


def test_a_lock_that_the_system_refuses_keeps_nothing_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lease, opened = Lease(tmp_path / "ingest.lock"), list[int]()

    def refuse(descriptor: int) -> bool:
        opened.append(descriptor)
        raise OSError(37, "No locks available")

    with monkeypatch.context() as patched, pytest.raises(OSError, match="No locks available"):
        patched.setattr(lock, "_lock", refuse)
        lease.acquire()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(*opened)
    assert lease.acquire()


def test_a_pid_that_another_process_got_is_not_the_writer(tmp_path: Path) -> None:
    from mcp_tracer.ingest.reader import SpoolReader

    for start, lives in ((process.start_time(os.getpid()), True), (1, False)):
        with SpoolReader(program(1, pid=os.getpid(), process_start=start or 0).write(tmp_path)) as reader:
            assert process.lives(reader.source) == lives
