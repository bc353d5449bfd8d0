"""The approval queue: requests that wait for a human, each bound to the digest of what it would write. Kept in `state.db`."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiosqlite

from mcp_tracer.model.errors import NotFound, UserError
from mcp_tracer.model.query import Page

LIFETIME_S = 24 * 3600

SCHEMA = """
CREATE TABLE IF NOT EXISTS approval(
  id TEXT PRIMARY KEY,            -- 8 hex digits, what a person types
  digest TEXT NOT NULL,           -- of the plan: what is approved is exactly what is written
  operation TEXT NOT NULL,
  params TEXT NOT NULL,           -- JSON, for people
  description TEXT NOT NULL,
  details TEXT NOT NULL,
  agent TEXT NOT NULL,
  created_at REAL NOT NULL,
  expires_at REAL NOT NULL,
  state TEXT NOT NULL,            -- pending, approved, denied, used; 'expired' is computed
  decided_at REAL,
  decided_by TEXT,
  channel TEXT,
  reason TEXT
);
CREATE INDEX IF NOT EXISTS approval_by_digest ON approval(digest, state);
"""


@dataclass(frozen=True, slots=True)
class Request:
    """One row of the queue. Times are Unix seconds."""

    id: str
    digest: str
    operation: str
    params: dict[str, Any]
    description: str
    details: str
    agent: str
    created_at: float
    expires_at: float
    state: str
    decided_at: float | None
    decided_by: str | None
    channel: str | None
    reason: str | None


class Approvals:
    """Requests in `state.db`. An approval is used once, within its lifetime, for the digest that it was given for."""

    def __init__(self, state_file: Path) -> None:
        self._file = state_file

    async def request(self, operation: str, params: dict[str, Any], digest: str, description: str, details: str, agent: str) -> Request:
        """Queue a request, or return the pending one for the same digest and agent."""
        async with self._database() as database:
            await database.execute("BEGIN IMMEDIATE")
            row = await self._one(database, "digest=? AND agent=? AND state='pending' AND expires_at>?", (digest, agent, time.time()))
            if row is None:
                request_id = secrets.token_hex(4)
                now = time.time()
                await database.execute(
                    "INSERT INTO approval(id, digest, operation, params, description, details, agent, created_at, expires_at, state)"
                    " VALUES(?,?,?,?,?,?,?,?,?,'pending')",
                    (request_id, digest, operation, json.dumps(params), description, details, agent, now, now + LIFETIME_S),
                )
                row = await self._one(database, "id=?", (request_id,))
            await database.commit()
        assert row is not None
        return row

    async def find_approved(self, digest: str) -> Request | None:
        """The approved, unused, unexpired request for this digest, or None."""
        async with self._database() as database:
            return await self._one(database, "digest=? AND state='approved' AND expires_at>?", (digest, time.time()))

    async def use(self, request_id: str) -> bool:
        """Spend an approval. False if somebody was faster."""
        async with self._database() as database:
            done = await database.execute("UPDATE approval SET state='used' WHERE id=? AND state='approved'", (request_id,))
            await database.commit()
            return done.rowcount == 1

    async def decide(self, request_id: str, approve: bool, by: str, channel: str, reason: str | None = None) -> Request:
        """Record a human's decision. Raises NotFound for an unknown id and UserError where it was decided or has expired."""
        async with self._database() as database:
            await database.execute("BEGIN IMMEDIATE")
            row = await self._one(database, "id=?", (request_id,))
            if row is None:
                raise NotFound(f"no approval request {request_id!r}: `mcp-tracer approvals list` shows the pending ones.")
            if row.state != "pending":
                raise UserError(f"request {request_id} is already {row.state}: nothing was changed.", code="decided")
            await database.execute(
                "UPDATE approval SET state=?, decided_at=?, decided_by=?, channel=?, reason=? WHERE id=?",
                ("approved" if approve else "denied", time.time(), by, channel, reason, request_id),
            )
            row = await self._one(database, "id=?", (request_id,))
            await database.commit()
        assert row is not None
        return row

    async def get(self, request_id: str) -> Request:
        """One request; raises NotFound."""
        async with self._database() as database:
            row = await self._one(database, "id=?", (request_id,))
        if row is None:
            raise NotFound(f"no approval request {request_id!r}: `mcp-tracer approvals list` shows the pending ones.")
        return row

    async def list(self, state: str | None = None, limit: int = 50, cursor: str | None = None) -> Page[Request]:
        """Requests, newest first; `state` is pending, approved, denied, used or expired."""
        before = float(cursor) if cursor else float("inf")
        async with self._database() as database:
            found = await database.execute("SELECT * FROM approval WHERE created_at<? ORDER BY created_at DESC", (before,))
            rows = [_request(row) for row in await found.fetchall()]
        kept = [row for row in rows if state is None or row.state == state]
        page = tuple(kept[:limit])
        return Page(rows=page, total=len(kept), cursor=repr(page[-1].created_at) if len(kept) > limit else None)

    @asynccontextmanager
    async def _database(self) -> AsyncGenerator[aiosqlite.Connection]:
        async with aiosqlite.connect(self._file, timeout=10, isolation_level=None) as database:
            database.row_factory = aiosqlite.Row
            await database.execute("PRAGMA journal_mode=WAL")
            await database.executescript(SCHEMA)
            yield database

    async def _one(self, database: aiosqlite.Connection, where: str, arguments: tuple[Any, ...]) -> Request | None:
        async with database.execute(f"SELECT * FROM approval WHERE {where} ORDER BY created_at DESC LIMIT 1", arguments) as found:
            row = await found.fetchone()
        return None if row is None else _request(row)


def _request(row: aiosqlite.Row) -> Request:
    fields = dict(row)
    fields["params"] = json.loads(fields["params"])
    if fields["state"] in ("pending", "approved") and fields["expires_at"] <= time.time():
        fields["state"] = "expired"
    return Request(**fields)
