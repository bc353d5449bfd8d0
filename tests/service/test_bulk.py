"""Hundreds of files in one call: small answers, few records, one approval for exactly this change, and an end when the caller leaves."""

from __future__ import annotations

import asyncio
import threading

import pytest
from shop_house import House

from mcp_tracer.model.errors import TracerError
from mcp_tracer.service.background import Steps, Stopped, in_thread
from mcp_tracer.service.context import Caller
from mcp_tracer.service.guard import Pending
from mcp_tracer.service.service import no_progress
from mcp_tracer.workspace.applying import Applying

pytestmark = pytest.mark.anyio
COUNT = 150
SOURCE = b"def first(a):\n    return a\n\n\ndef second(b):\n    return first(b)\n"


@pytest.fixture
def many(house: House) -> House:
    """150 good files, 30 broken ones and 40 without a function, beside the shop's two."""
    for number in range(COUNT):
        place = house.project.root / f"package{number % 7}" / f"module_{number:03}.py"
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(SOURCE)
    for number in range(30):
        (house.project.root / f"broken_{number:02}.py").write_text("def f(:\n")
    for number in range(40):
        (house.project.root / f"empty_{number:02}.py").write_text("x = 1\n")
    return house


def good(house: House) -> set[bytes]:
    return {path.read_bytes() for path in house.project.root.glob("package*/*.py")}


async def test_the_answer_over_many_files_is_counts_failures_and_where_the_rest_is(many: House) -> None:
    answer = await many.ask("instrument", all=True, level=2)
    lines = answer.text.splitlines()
    assert lines[0] == "151 instrumented, 41 skipped, 30 failed; 304 functions traced (in_place)."
    assert lines[1].startswith("failed  broken_00.py cannot be parsed: ") and "line 1" in lines[1]
    assert "… 10 more failed: instrument one folder to see its own." in lines
    assert "skipped  41 files: no functions in this file" in lines
    assert any(line.startswith("instrumented  package0/module_000.py  level 2  2 functions") for line in lines)
    assert "… 146 more; `get_status` lists what is instrumented, a folder in `paths` shows its own." in lines
    assert len(answer.text) < 5000 and len(answer.result.files) == 222  # type: ignore[attr-defined]


async def test_taking_everything_out_is_said_in_a_few_lines(many: House) -> None:
    await many.ask("instrument", all=True, level=2)
    answer = await many.ask("uninstrument", all=True)
    assert answer.text.splitlines() == ["151 backup.", "Every file is what it was, byte for byte."]
    assert good(many) == {SOURCE}


async def test_many_files_are_one_record_and_the_first_failures_have_their_own(many: House) -> None:
    await many.ask("instrument", all=True, level=2)
    events = (await many.service.tools.memory.history("action", 100)).rows
    first, *rest = [event.payload for event in reversed(events)]
    assert (first["action"], first["context"]["files"], first["context"]["failed"]) == ("instrumented_files", 151, 30)
    assert [event["action"] for event in rest] == ["instrumented_file"] * 20


async def test_an_approval_of_many_files_holds_until_one_of_them_changes(many: House) -> None:
    many.set("TRACING_AI_REQUIRE_APPROVAL", "true")
    with pytest.raises(Pending) as asked:
        await many.ask("instrument", all=True, level=2)
    request = asked.value.request
    assert len(request.details.splitlines()) == 151 and len(request.description) < 300
    await many.service.tools.approvals.decide(request.id, True, "ada", "cli")
    changed = many.project.root / "package3" / "module_003.py"
    changed.write_bytes(SOURCE + b"\n\ndef third():\n    return 3\n")
    with pytest.raises(Pending) as again:
        await many.ask("instrument", all=True, level=2)
    assert again.value.request.id != request.id
    changed.write_bytes(SOURCE)
    assert (await many.ask("instrument", all=True, level=2)).text.startswith("151 instrumented")


async def test_what_was_approved_is_what_is_written_even_if_a_file_changes_in_between(many: House, monkeypatch: pytest.MonkeyPatch) -> None:
    many.set("TRACING_AI_REQUIRE_APPROVAL", "true")
    with pytest.raises(Pending) as asked:
        await many.ask("instrument", all=True, level=2)
    await many.service.tools.approvals.decide(asked.value.request.id, True, "ada", "cli")
    changed, real = many.project.root / "package3" / "module_003.py", Applying.run

    def change_first(self, *arguments):  # type: ignore[no-untyped-def]
        changed.write_bytes(b"def other():\n    return 1\n")
        return real(self, *arguments)

    monkeypatch.setattr(Applying, "run", change_first)
    answer = await many.ask("instrument", all=True, level=2)
    assert "150 instrumented" in answer.text
    (row,) = [row for row in answer.result.files if row.file == "package3/module_003.py"]  # type: ignore[attr-defined]
    assert row.status == "failed" and "changed since it was planned" in row.problem
    assert changed.read_bytes() == b"def other():\n    return 1\n"


async def test_a_call_that_is_cancelled_while_planning_leaves_every_file_as_it_was(many: House) -> None:
    started = asyncio.Event()

    async def progress(done: int, total: int, message: str) -> None:
        started.set()

    call = asyncio.ensure_future(many.service.call("instrument", {"all": True}, Caller("agent"), progress))
    await asyncio.wait_for(started.wait(), 30)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    states = {path.read_bytes() == SOURCE for path in many.project.root.glob("package*/*.py")}
    workspace = many.service.tools.workspace
    assert len(states) == 1 and bool(workspace.instrumented()) != states.pop()
    assert workspace.recover() == []
    await many.ask("uninstrument", all=True)
    assert good(many) == {SOURCE}


async def test_work_on_a_thread_ends_at_its_next_step_when_the_caller_leaves() -> None:
    begun, gone, ended = threading.Event(), threading.Event(), threading.Event()

    def work(steps: Steps) -> None:
        begun.set()
        assert gone.wait(30)
        try:
            steps.report(1, 2, "a")
        except Stopped:
            ended.set()
            raise

    task = asyncio.ensure_future(in_thread(work, no_progress))
    await asyncio.to_thread(begun.wait, 30)
    task.cancel()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    gone.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set()


async def test_what_fails_on_a_thread_fails_for_the_caller() -> None:
    def work(steps: Steps) -> None:
        raise TracerError("no")

    with pytest.raises(TracerError, match="no"):
        await in_thread(work, no_progress)
