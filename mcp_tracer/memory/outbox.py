"""The local OpenMemory: an outbox in `state.db`, always the source of truth. A server, if there is one, is where it is delivered to."""

from __future__ import annotations

import json
import sqlite3
import time
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import aiosqlite

from mcp_tracer.memory.port import Kind, MemoryEvent
from mcp_tracer.memory.redaction import Redaction, shipped
from mcp_tracer.model.errors import Unavailable, UserError
from mcp_tracer.model.query import Page

COMPONENT = "openmemory_outbox"
VERSION = 1
MAX_PAYLOAD_CHARACTERS = 100_000
MAX_PART_CHARACTERS = 10_000
MAX_PAGE = 200

# `schema_version` holds one row for each part of the house that keeps tables in state.db. Delivery uses the columns from `state` on.
SCHEMA = (
    "CREATE TABLE IF NOT EXISTS schema_version(component TEXT PRIMARY KEY, version INTEGER NOT NULL)",
    """
CREATE TABLE IF NOT EXISTS openmemory_event(
  seq INTEGER PRIMARY KEY AUTOINCREMENT,        -- order of recording; pages are keyed on it
  event_id TEXT NOT NULL UNIQUE,                -- 32 hex digits
  kind TEXT NOT NULL,                           -- action, pattern
  project_name TEXT NOT NULL,
  agent_name TEXT NOT NULL,
  payload TEXT NOT NULL,                        -- JSON: OpenMemory's own fields, redacted
  created_at REAL NOT NULL,                     -- Unix seconds
  state TEXT NOT NULL DEFAULT 'pending',        -- pending, sent, failed
  attempts INTEGER NOT NULL DEFAULT 0,
  next_at REAL NOT NULL DEFAULT 0,              -- Unix seconds, not to be tried before
  salt INTEGER NOT NULL DEFAULT 0,              -- raised when the server collapsed the event into another one
  remote_id TEXT,
  last_error TEXT
)""",
    "CREATE UNIQUE INDEX IF NOT EXISTS openmemory_event_remote ON openmemory_event(remote_id) WHERE remote_id IS NOT NULL",
    "CREATE INDEX IF NOT EXISTS openmemory_event_due ON openmemory_event(state, next_at)",
    "CREATE INDEX IF NOT EXISTS openmemory_event_kind ON openmemory_event(kind, seq)",
)
_INSERT = "INSERT INTO openmemory_event(event_id, kind, project_name, agent_name, payload, created_at) VALUES(?, ?, ?, ?, ?, ?)"
_SELECT = "SELECT seq, event_id, kind, project_name, agent_name, payload, created_at, state FROM openmemory_event"


class Outbox:
    """Implements `Memory` on SQLite. Several processes may use one file."""

    def __init__(self, state_file: Path, redaction: Redaction | None = None) -> None:
        self._file = state_file
        self._redaction = redaction
        self._db: aiosqlite.Connection | None = None

    async def open(self) -> None:
        """Open or create the tables. Raises Unavailable when the file is damaged or from a newer version."""
        if self._db is not None:
            return
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            db = await aiosqlite.connect(self._file, isolation_level=None, timeout=10)
        except (OSError, sqlite3.Error) as error:
            raise self._unavailable(error) from error
        try:
            await _prepare(db)
        except sqlite3.Error as error:
            await db.close()
            raise self._unavailable(error) from error
        except Unavailable:
            await db.close()
            raise
        self._db = db

    async def close(self) -> None:
        """Close the connection; closing twice is harmless."""
        if self._db is not None:
            db, self._db = self._db, None
            await db.close()

    async def record_action(self, project_name: str, agent_name: str, action: str, context: Mapping[str, Any], outcome: str) -> str:
        """Record one action, durably; returns the event's id."""
        payload = {"project_name": project_name, "agent_name": agent_name, "action": action, "context": dict(context), "outcome": outcome}
        return await self._record("action", payload)

    async def record_pattern(
        self,
        project_name: str,
        pattern_name: str,
        description: str,
        tags: Sequence[str],
        example: str | None = None,
        agent_name: str = "mcp-tracer",
    ) -> str:
        """Record one pattern, durably; returns the event's id."""
        payload: dict[str, Any] = {
            "project_name": project_name,
            "agent_name": agent_name,
            "pattern_name": pattern_name,
            "description": description,
            "tags": list(tags),
        }
        return await self._record("pattern", payload if example is None else payload | {"example": example})

    async def history(self, kind: Kind | None = None, limit: int = 20, cursor: str | None = None) -> Page[MemoryEvent]:
        """Recorded events, newest first; `limit` is held to 1 … 200."""
        before = _seq_of(cursor)
        wanted = max(1, min(limit, MAX_PAGE))
        try:
            total = await self._count(kind)
            where = "WHERE (?1 IS NULL OR kind = ?1) AND (?2 IS NULL OR seq < ?2) ORDER BY seq DESC LIMIT ?3"
            rows = list(await self._connection().execute_fetchall(f"{_SELECT} {where}", (kind, before, wanted + 1)))
        except sqlite3.Error as error:
            raise self._unavailable(error) from error
        more = str(rows[wanted - 1][0]) if len(rows) > wanted else None
        return Page(tuple(_event(row) for row in rows[:wanted]), more, total)

    async def insert(self, db: aiosqlite.Connection, kind: Kind, payload: Mapping[str, Any]) -> str:
        """Record within the caller's own transaction on state.db, so that a deed and its record stand or fall together."""
        event_id = uuid.uuid4().hex
        body = self._clean(payload)
        await db.execute(_INSERT, (event_id, kind, body["project_name"], body["agent_name"], _json(body), time.time()))
        return event_id

    async def _record(self, kind: Kind, payload: Mapping[str, Any]) -> str:
        try:
            return await self.insert(self._connection(), kind, payload)
        except sqlite3.Error as error:
            raise self._unavailable(error) from error

    def _clean(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        # Through JSON first: what is kept is what was looked at, whatever types the caller used.
        plain = json.loads(json.dumps(payload, default=str, ensure_ascii=False))
        clean = (self._redaction or shipped()).clean(plain)
        if len(_json(clean)) <= MAX_PAYLOAD_CHARACTERS:
            return clean
        return {name: value if len(json.dumps(value)) <= MAX_PART_CHARACTERS else _left_out(value) for name, value in clean.items()}

    async def _count(self, kind: Kind | None) -> int:
        rows = await self._connection().execute_fetchall("SELECT count(*) FROM openmemory_event WHERE ?1 IS NULL OR kind = ?1", (kind,))
        return int(next(iter(rows))[0])

    def _connection(self) -> aiosqlite.Connection:
        if self._db is None:
            raise Unavailable("the OpenMemory outbox is not open: await open() before recording.")
        return self._db

    def _unavailable(self, error: Exception) -> Unavailable:
        if "full" in str(error):
            return Unavailable(f"The disk that holds {self._file} is full: free some space; the file is sound, leave it where it is.")
        return Unavailable(f"{self._file} cannot be used ({error}): check the disk; if it is damaged, move it away and start again.")


async def _prepare(db: aiosqlite.Connection) -> None:
    await db.execute("PRAGMA busy_timeout = 10000")
    await db.execute("PRAGMA journal_mode = WAL")
    await db.execute("PRAGMA synchronous = NORMAL")
    await db.execute("BEGIN IMMEDIATE")
    try:
        for statement in SCHEMA:
            await db.execute(statement)
        await db.execute("INSERT OR IGNORE INTO schema_version VALUES(?, ?)", (COMPONENT, VERSION))
        rows = await db.execute_fetchall("SELECT version FROM schema_version WHERE component = ?", (COMPONENT,))
        found = int(next(iter(rows))[0])
        if found > VERSION:
            raise Unavailable(f"state.db holds an OpenMemory outbox of version {found}, this is {VERSION}: upgrade mcp-tracer.")
        await db.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):
            # The first error is the one to tell; without a transaction there is nothing to roll back.
            await db.execute("ROLLBACK")
        raise


def _json(payload: Mapping[str, Any]) -> str:
    return json.dumps(payload, ensure_ascii=False, sort_keys=True)


def _left_out(value: Any) -> Any:
    said = f"left out: {len(json.dumps(value)):,} characters"
    return {"left_out": said} if isinstance(value, dict) else [said] if isinstance(value, list) else said


def _seq_of(cursor: str | None) -> int | None:
    if cursor is None:
        return None
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) < 19):
        raise UserError(f"{cursor!r} is no cursor of this list: pass the one from the last page, or none to start again.")
    return int(cursor)


def _event(row: sqlite3.Row) -> MemoryEvent:
    _, event_id, kind, project_name, agent_name, payload, created_at, state = row
    at = datetime.fromtimestamp(created_at, timezone.utc).isoformat(timespec="milliseconds")
    return MemoryEvent(event_id, kind, project_name, agent_name, at, json.loads(payload), state)
