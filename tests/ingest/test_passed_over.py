"""Spool files that cannot be read or not be taken away: they cost nobody anything else, and are said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mcp_tracer.ingest import reader
from mcp_tracer.ingest.lease import Lease
from mcp_tracer.model import spool
from mcp_tracer.storage.sqlite import SqliteSpanStore

from .test_tail import ingester_of, living, program

pytestmark = pytest.mark.anyio
GONE = 2**22 - 1


class Forbidding:
    """The system's refusal to open, delete or move some files, whoever runs the tests."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.unreadable: set[Path] = set()
        self.fixed: set[Path] = set()
        for owner, name, refused in ((reader.os, "open", self.unreadable), (Path, "unlink", self.fixed), (Path, "replace", self.fixed)):
            monkeypatch.setattr(owner, name, self._checked(getattr(owner, name), refused))

    def _checked(self, real: Any, refused: set[Path]) -> Any:
        def call(path: Any, *args: Any, **more: Any) -> Any:
            if path in refused:
                raise PermissionError(13, "Permission denied", str(path))
            return real(path, *args, **more)

        return call


@pytest.fixture
def forbidding(monkeypatch: pytest.MonkeyPatch) -> Forbidding:
    return Forbidding(monkeypatch)


async def test_a_file_that_cannot_be_read_is_said_and_taken_when_it_can(
    tmp_path: Path, forbidding: Forbidding, caplog: pytest.LogCaptureFixture
) -> None:
    store = SqliteSpanStore(tmp_path / "traces")
    path = living(3).write(tmp_path / "spool")
    living(4, number=2).write(tmp_path / "spool")
    forbidding.unreadable.add(path)
    ingester = ingester_of(tmp_path, store)
    for _ in range(3):
        assert await ingester.catch_up() == 0
    assert (await store.size())[1] == 4
    (said,) = ingester.lacking()
    assert said.startswith(f"1 recording(s) cannot be read and are left out of this answer: {path} (Permission denied). Let the user")
    assert caplog.text.count("cannot be read") == 1
    other = ingester_of(tmp_path, store)
    await other.catch_up()
    assert other.lacking() == (said,)  # whoever doesn't take recordings in says it, too
    forbidding.unreadable.clear()
    await ingester.catch_up()
    assert ((await store.size())[1], ingester.lacking()) == (7, ())


async def test_a_file_that_fails_to_be_read_on_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, ingester = SqliteSpanStore(tmp_path / "traces"), None
    first, second = living(3), living(4, number=2)
    first.write(tmp_path / "spool")
    second.write(tmp_path / "spool")
    ingester = ingester_of(tmp_path, store)
    await ingester.catch_up()
    for builder in (first, second):
        builder.span(seq=9, trace=1, fn=1, at=9, duration=5)
        builder.write(tmp_path / "spool")
    real = reader.SpoolReader.read

    def read(self: reader.SpoolReader, *args: Any, **more: Any) -> Any:
        if self.source.name == first.name:
            raise OSError(5, "Input/output error")
        return real(self, *args, **more)

    with monkeypatch.context() as patched:
        patched.setattr(reader.SpoolReader, "read", read)
        await ingester.catch_up()
        assert ((await store.size())[1], len(ingester.lacking())) == (8, 1)
    await ingester.catch_up()
    assert ((await store.size())[1], ingester.lacking()) == (9, ())


async def test_a_finished_file_that_cannot_be_deleted_is_taken_once(tmp_path: Path, forbidding: Forbidding) -> None:
    store = SqliteSpanStore(tmp_path / "traces")
    builder = program(10, pid=GONE)
    builder.end(at=99, exit_code=3)
    path = builder.write(tmp_path / "spool")
    forbidding.fixed.add(path)
    one = ingester_of(tmp_path, store)
    for _ in range(3):
        await one.catch_up()
    assert one.lacking() == ()
    assert [f"cannot be deleted: {path} (Permission denied)." in said for said in one.left_lying()] == [True]
    one.close()
    another = ingester_of(tmp_path, store)
    await another.catch_up()
    run = await store.run("last")
    assert (run.state, run.exit_code, run.spans, run.damaged, another.status.records) == ("ended", 3, 10, 0, 0)
    forbidding.fixed.clear()
    await another.catch_up()
    assert (path.exists(), another.left_lying()) == (False, ())


async def test_a_foreign_file_that_cannot_be_moved_keeps_nobody_waiting(
    tmp_path: Path, forbidding: Forbidding, caplog: pytest.LogCaptureFixture
) -> None:
    store = SqliteSpanStore(tmp_path / "traces")
    living(3).write(tmp_path / "spool")
    bad = tmp_path / "spool" / "bad.1.spool"
    bad.write_bytes(b"not ours")
    forbidding.fixed.add(bad)
    ingester = ingester_of(tmp_path, store)
    for _ in range(3):
        await ingester.catch_up()
    assert (await store.size())[1] == 3
    assert [f"cannot be moved away: {bad} (Permission denied)." in said for said in ingester.left_lying()] == [True]
    assert caplog.text.count("is not a spool file") == 1
    forbidding.fixed.clear()
    await ingester.catch_up()
    assert ingester.left_lying() == (
        f"1 file(s) were no whole recordings and lie in {tmp_path / 'spool' / 'damaged'}: bad.1.spool. Delete them to end this note.",
    )


async def test_a_file_of_a_newer_version_stays_and_is_taken_after_an_update(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It may be of a program that runs."""
    store = SqliteSpanStore(tmp_path / "traces")
    living(3).write(tmp_path / "spool")
    newer = living(4, number=2)
    path = tmp_path / "spool" / newer.name
    path.write_bytes(with_version(newer.to_bytes(), 2))
    ingester, other = ingester_of(tmp_path, store), ingester_of(tmp_path, store)
    for _ in range(3):
        await ingester.catch_up()
    assert (path.exists(), (await store.size())[1], ingester.left_lying()) == (True, 3, ())
    (said,) = ingester.lacking()
    assert said.startswith("1 recording(s) were written by a newer mcp-tracer and are left out of this answer: ")
    assert f": {path} (spool version 2, this mcp-tracer reads 1). Update this mcp-tracer" in said
    assert caplog.text.count("newer mcp-tracer") == 1
    await other.catch_up()
    assert other.lacking() == (said,)
    monkeypatch.setattr(spool, "VERSION", 2)  # the update
    await ingester.catch_up()
    assert ((await store.size())[1], ingester.lacking()) == (7, ())


async def test_a_file_of_no_version_is_moved_away(tmp_path: Path) -> None:
    path = tmp_path / "spool" / "a.1.spool"
    path.parent.mkdir()
    path.write_bytes(with_version(living(4).to_bytes(), 0))
    ingester = ingester_of(tmp_path, SqliteSpanStore(tmp_path / "traces"))
    await ingester.catch_up()
    assert (path.exists(), ingester.lacking(), len(ingester.left_lying())) == (False, (), 1)


def with_version(raw: bytes, version: int) -> bytes:
    """A file as another version of the format has it."""
    return raw[:8] + version.to_bytes(2, "little") + raw[10:]


async def test_a_lease_that_the_machine_refuses_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = SqliteSpanStore(tmp_path / "traces")
    living(3).write(tmp_path / "spool")
    ingester = ingester_of(tmp_path, store)

    def refuse(self: Lease) -> bool:
        raise PermissionError(13, "Permission denied", "ingest.lock")

    with monkeypatch.context() as patched:
        patched.setattr(Lease, "acquire", refuse)
        assert await ingester.catch_up() == 0
    assert ingester.lacking() == (
        f"New recordings cannot be taken in now: {PermissionError(13, 'Permission denied', 'ingest.lock')}. "
        "This answer has what was taken in before.",
    )
    await ingester.catch_up()
    assert ((await store.size())[1], ingester.lacking()) == (3, ())
