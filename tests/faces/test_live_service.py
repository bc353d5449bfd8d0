"""The provider that servers ask at each call: opened late, failed openings are tried again, closed at the end."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mcp_tracer.app import live_service, open_service
from mcp_tracer.faces.cli.examining import examine
from mcp_tracer.ingest import process, reader
from mcp_tracer.model.errors import Unavailable, UserError
from mcp_tracer.service.context import Caller
from mcp_tracer.workspace.initialise import initialise
from mcp_tracer.workspace.project import Project
from tests.spool_builder import SpoolBuilder

from .conftest import SOURCE

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(60)]
CALLER = Caller(name="test")


async def test_it_opens_once_for_many_calls(project: Project) -> None:
    async with live_service(project) as provider:
        services = await asyncio.gather(*(provider() for _ in range(10)))
    assert len({id(service) for service in services}) == 1


async def test_it_opens_when_the_project_is_initialised_later(tmp_path: Path) -> None:
    project = Project(tmp_path.resolve())
    async with live_service(project) as provider:
        with pytest.raises(UserError, match="mcp-tracer init"):
            await provider()
        assert list(tmp_path.iterdir()) == []
        initialise(project)
        assert "0 instrumented files" in (await (await provider()).call("get_status", {}, CALLER)).text


async def test_a_failed_opening_is_told_and_tried_again(project: Project) -> None:
    project.state_file.write_bytes(b"not a database" * 1000)
    async with live_service(project) as provider:
        for _ in range(2):
            with pytest.raises(Unavailable, match=r"state\.db"):
                await provider()
        project.state_file.unlink()
        await provider()


async def test_the_lease_passes_on_when_a_server_ends(project: Project) -> None:
    async with live_service(project) as first:
        service = await first()
        await service.tools.catch_up()
        assert service.tools.ingesting()
        async with open_service(project, ingest=False) as reader:
            await reader.tools.catch_up()
            assert not reader.tools.ingesting()
    async with open_service(project, ingest=False) as reader:
        await reader.tools.catch_up()
        assert reader.tools.ingesting()


async def test_what_a_killed_process_left_is_repaired_at_the_start(project: Project) -> None:
    """The file was written, and the process died before the manifest was."""
    async with open_service(project, ingest=False) as service:
        await service.call("instrument", {"paths": ["src"]}, CALLER)
    project.manifest_file.unlink()
    async with open_service(project, ingest=True) as service:
        assert list(service.tools.workspace.instrumented()) == ["src/cart.py"]
        await service.call("uninstrument", {"all": True}, CALLER)
    assert (project.root / "src" / "cart.py").read_text() == SOURCE


async def test_an_answer_that_lacks_what_another_server_has_yet_to_take_says_so(project: Project) -> None:
    async with open_service(project, ingest=False) as busy, open_service(project, ingest=False) as reader:
        await busy.tools.catch_up()  # it has the lease now, and takes nothing by itself
        recording(os.getpid()).write(project.spool_dir)
        early = await reader.call("list_runs", {}, CALLER)
        assert early.text.endswith("another mcp-tracer server is still taking in 1 recording(s). Ask again for the newest calls.")
        await busy.tools.catch_up()
        assert "Not all is in yet" not in (await reader.call("list_runs", {}, CALLER)).text


async def test_an_answer_that_lacks_what_could_not_be_taken_in_soon_says_so(project: Project) -> None:
    async with open_service(project, ingest=False) as service:
        catch_up = service.tools.catch_up

        async def late(progress: Any = None) -> int:
            return 2 + await catch_up()

        service.tools = replace(service.tools, catch_up=late)
        answer = await service.call("list_runs", {}, CALLER)
    assert answer.text.endswith(
        "\nNot all is in yet: 2 recording(s) hold more than could be taken in so far. Ask again for the newest calls."
    )


async def test_a_recording_that_cannot_be_read_costs_no_answer_and_is_said(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    path, real = recording(os.getpid()).write(project.spool_dir), os.open

    def refuse(wanted: Any, *args: Any, **more: Any) -> int:
        if wanted == path:
            raise PermissionError(13, "Permission denied", str(path))
        return real(wanted, *args, **more)

    (project.spool_dir / "bad.2.spool").write_bytes(b"not ours")
    monkeypatch.setattr(reader.os, "open", refuse)
    async with open_service(project, ingest=False) as service:
        for operation in ("list_runs", "get_status", "search_traces"):
            assert f"left out of this answer: {path} (Permission denied)" in (await service.call(operation, {}, CALLER)).text
        status = await service.call("get_status", {}, CALLER)
        assert status.text.count(f"lie in {project.spool_dir / 'damaged'}: bad.2.spool") == 1
        assert (len(status.result.not_taken_in), len(status.result.left_lying)) == (1, 1)
    findings = [one for one in await asyncio.to_thread(lambda: list(examine(project))) if one.check == "recordings"]
    assert [(one.state, one.message) for one in findings] == [
        ("problem", *status.result.not_taken_in), ("note", *status.result.left_lying)
    ]  # fmt: skip


def recording(pid: int) -> SpoolBuilder:
    """A program of this process with one call."""
    builder = SpoolBuilder("01" * 16, pid, 1 << 40, process_start=process.start_time(pid) or 0, run={"hostname": os.uname().nodename})
    builder.span(seq=1, trace=builder.trace("ab" * 16), fn=builder.function(), at=1, duration=5)
    return builder
