import sqlite3
from pathlib import Path

import anyio
import pytest

from mcp_tracer.model.errors import NotFound, UserError
from mcp_tracer.service.approvals import Approvals, Request

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def approvals(tmp_path: Path) -> Approvals:
    return Approvals(tmp_path / "state.db")


async def ask(approvals: Approvals, digest: str = "d1") -> Request:
    return await approvals.request("instrument", {"paths": ["a.py"]}, digest, "instrument a.py", "1 insertion", "claude-code")


async def test_asking_twice_for_the_same_change_gives_the_same_request(approvals: Approvals) -> None:
    assert (await ask(approvals)).id == (await ask(approvals)).id


async def test_nothing_is_approved_before_a_decision(approvals: Approvals) -> None:
    await ask(approvals)
    assert await approvals.find_approved("d1") is None


async def test_an_approval_holds_for_its_digest_alone(approvals: Approvals) -> None:
    request = await ask(approvals)
    await approvals.decide(request.id, True, "ada", "cli")
    found = await approvals.find_approved("d1")
    assert found is not None and found.id == request.id
    assert await approvals.find_approved("d2") is None


async def test_an_approval_is_used_once(approvals: Approvals) -> None:
    request = await ask(approvals)
    await approvals.decide(request.id, True, "ada", "cli")
    assert await approvals.use(request.id) is True
    assert await approvals.use(request.id) is False
    assert await approvals.find_approved("d1") is None


async def test_of_two_that_use_an_approval_at_once_one_wins(approvals: Approvals) -> None:
    request = await ask(approvals)
    await approvals.decide(request.id, True, "ada", "cli")
    won: list[bool] = []

    async def use() -> None:
        won.append(await approvals.use(request.id))

    async with anyio.create_task_group() as group:
        for _ in range(5):
            group.start_soon(use)
    assert sorted(won) == [False] * 4 + [True]


async def test_a_denied_request_cannot_be_approved_later(approvals: Approvals) -> None:
    request = await ask(approvals)
    assert (await approvals.decide(request.id, False, "ada", "cli", "too much")).reason == "too much"
    with pytest.raises(UserError, match="already denied"):
        await approvals.decide(request.id, True, "ada", "cli")


async def test_an_expired_request_cannot_be_approved(approvals: Approvals, tmp_path: Path) -> None:
    request = await ask(approvals)
    with sqlite3.connect(tmp_path / "state.db") as database:
        database.execute("UPDATE approval SET expires_at=1")
    with pytest.raises(UserError, match="already expired"):
        await approvals.decide(request.id, True, "ada", "cli")
    assert (await approvals.list("expired")).total == 1


async def test_an_approval_that_expired_before_use_does_not_count(approvals: Approvals, tmp_path: Path) -> None:
    request = await ask(approvals)
    await approvals.decide(request.id, True, "ada", "cli")
    with sqlite3.connect(tmp_path / "state.db") as database:
        database.execute("UPDATE approval SET expires_at=1")
    assert await approvals.find_approved("d1") is None


async def test_an_unknown_id_is_not_found(approvals: Approvals) -> None:
    with pytest.raises(NotFound, match="approvals list"):
        await approvals.decide("ffffffff", True, "ada", "cli")


async def test_the_list_is_paged_newest_first(approvals: Approvals) -> None:
    made = [(await ask(approvals, f"d{number}")).id for number in range(5)]
    first = await approvals.list(limit=2)
    second = await approvals.list(limit=2, cursor=first.cursor)
    third = await approvals.list(limit=2, cursor=second.cursor)
    assert [row.id for page in (first, second, third) for row in page.rows] == made[::-1]
    assert (first.total, third.cursor) == (5, None)
