"""Actions and patterns are kept at once, in order, without secrets."""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio
import pytest

from mcp_tracer.memory.outbox import Outbox
from mcp_tracer.memory.redaction import shipped
from mcp_tracer.model.errors import Unavailable, UserError


def run(path: Path, body: Callable[[Outbox], Awaitable[Any]]) -> Any:
    async def main() -> Any:
        outbox = Outbox(path)
        await outbox.open()
        try:
            return await body(outbox)
        finally:
            await outbox.close()

    return anyio.run(main)


def test_an_action_comes_back_as_it_was_recorded(tmp_path):
    async def body(outbox: Outbox):
        context = {"file": "src/users.ts", "level": 3, "functions_wrapped": 5}
        event_id = await outbox.record_action("MyProject", "claude-code", "instrumented_file", context, "success")
        return event_id, await outbox.history()

    event_id, page = run(tmp_path / "deep" / "state.db", body)
    (event,) = page.rows
    assert (event.event_id, event.kind, event.project_name, event.agent_name, event.state) == (
        event_id, "action", "MyProject", "claude-code", "pending",
    )  # fmt: skip
    assert event.payload == {
        "project_name": "MyProject",
        "agent_name": "claude-code",
        "action": "instrumented_file",
        "context": {"file": "src/users.ts", "level": 3, "functions_wrapped": 5},
        "outcome": "success",
    }
    assert event.created_at.endswith("+00:00")
    assert (page.total, page.cursor) == (1, None)


def test_pages_are_newest_first_and_complete(tmp_path):
    async def body(outbox: Outbox):
        for number in range(7):
            await outbox.record_action("p", "a", f"act{number}", {}, "success")
        await outbox.record_pattern("p", "slow-database-query", "db.query averaging 200ms", ["performance", "database"], example="SELECT 1")
        pages = [await outbox.history("action", limit=3)]
        while pages[-1].cursor:
            pages.append(await outbox.history("action", limit=3, cursor=pages[-1].cursor))
        return pages, await outbox.history("pattern")

    pages, patterns = run(tmp_path / "state.db", body)
    actions = [[event.payload["action"] for event in page.rows] for page in pages]
    assert actions == [["act6", "act5", "act4"], ["act3", "act2", "act1"], ["act0"]]
    assert [page.total for page in pages] == [7, 7, 7]
    assert patterns.rows[0].payload == {
        "project_name": "p",
        "agent_name": "mcp-tracer",
        "pattern_name": "slow-database-query",
        "description": "db.query averaging 200ms",
        "tags": ["performance", "database"],
        "example": "SELECT 1",
    }


def test_secrets_never_reach_the_disk(tmp_path):
    secrets = ["hunter2hunter2", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abcdefghijkl", "4111 1111 1111 1111", "postgres://bob:s3cr3tpw@db/x"]

    async def body(outbox: Outbox):
        nested = [{"note": f"token {secrets[1]}"}]
        context = {"userPassword": secrets[0], "nested": nested, "card": secrets[2], "url": secrets[3], "file": "a.py"}
        await outbox.record_action("p", "a", "acted", context, "success")
        return (await outbox.history()).rows[0].payload["context"]

    context = run(tmp_path / "state.db", body)
    assert context == {
        "userPassword": "<redacted name>",
        "nested": [{"note": "<redacted jwt>"}],
        "card": "<redacted card>",
        "url": "<redacted connection-string>",
        "file": "a.py",
    }
    stored = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert not any(secret.encode() in stored for secret in secrets)


def test_what_only_looks_like_a_card_stays():
    assert shipped().clean("order 4111 1111 1111 1112") == "order 4111 1111 1111 1112"
    assert shipped().clean({"token_count": 5, "secret": None, "password": True}) == {"token_count": 5, "secret": None, "password": True}


def test_a_huge_context_is_left_out_and_said(tmp_path):
    async def body(outbox: Outbox):
        await outbox.record_action("p", "a", "acted", {"text": "x" * 200_000}, "success")
        return (await outbox.history()).rows[0].payload

    assert run(tmp_path / "state.db", body)["context"] == {"left_out": "left out: 200,012 characters"}


def test_a_record_stands_or_falls_with_the_callers_transaction(tmp_path):
    async def body(outbox: Outbox):
        db = outbox._connection()
        await db.execute("BEGIN IMMEDIATE")
        await outbox.insert(db, "action", {"project_name": "p", "agent_name": "a", "action": "x"})
        await db.execute("ROLLBACK")
        return await outbox.history()

    assert run(tmp_path / "state.db", body).rows == ()


def test_several_writers_lose_nothing(tmp_path):
    async def body(outbox: Outbox):
        others = [Outbox(tmp_path / "state.db") for _ in range(3)]
        async with anyio.create_task_group() as group:
            for other in others:
                group.start_soon(_record_many, other)
        return (await outbox.history(limit=1)).total

    assert run(tmp_path / "state.db", body) == 30


async def _record_many(outbox: Outbox) -> None:
    await outbox.open()
    for number in range(10):
        await outbox.record_action("p", "a", f"act{number}", {}, "success")
    await outbox.close()


def test_opening_again_keeps_what_was_recorded(tmp_path):
    run(tmp_path / "state.db", lambda outbox: outbox.record_action("p", "a", "acted", {}, "success"))
    assert run(tmp_path / "state.db", lambda outbox: outbox.history()).total == 1


def test_a_newer_or_damaged_file_is_told(tmp_path):
    run(tmp_path / "new.db", lambda outbox: outbox.history())
    with sqlite3.connect(tmp_path / "new.db") as db:
        db.execute("UPDATE schema_version SET version = 99")
    with pytest.raises(Unavailable, match="upgrade mcp-tracer"):
        run(tmp_path / "new.db", lambda outbox: outbox.history())
    (tmp_path / "bad.db").write_bytes(b"not a database" * 100)
    with pytest.raises(Unavailable, match="move it away"):
        run(tmp_path / "bad.db", lambda outbox: outbox.history())


def test_a_foreign_cursor_and_a_closed_outbox_are_told(tmp_path):
    with pytest.raises(UserError, match="no cursor"):
        run(tmp_path / "state.db", lambda outbox: outbox.history(cursor="x"))
    with pytest.raises(Unavailable, match="not open"):
        anyio.run(Outbox(tmp_path / "other.db").record_action, "p", "a", "x", {}, "success")
