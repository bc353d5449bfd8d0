"""Writing the catalog: global ids for what spool files define. Every statement may be repeated without changing anything."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from typing import Any, Final, cast

import numpy as np

from mcp_tracer.model import spool
from mcp_tracer.model.batch import SpoolBatch, SpoolSource
from mcp_tracer.storage.sqlite.columns import Array

_CLASSES: Final = (spool.DEF_FUNCTION, spool.DEF_ERROR, spool.DEF_THREAD)
_FN_KEY: Final = "file, name, line, kind, site, owner, col, params"
UNKNOWN: Final = "<unknown>"


class SourceIds:
    """Local id -> global id of one spool file, by class. Unknown local ids stand for `fallback`."""

    def __init__(self, source: int, run: int, fallback: dict[int, int]) -> None:
        self.source, self.run = source, run
        self._fallback = fallback
        self._maps: dict[int, Array] = {kind: np.full(64, fallback[kind], np.int64) for kind in _CLASSES}

    def set(self, kind: int, local: int, id_: int) -> None:
        """Remember one id."""
        known = self._maps[kind]
        if local >= len(known):
            grown = np.full(max(local + 1, 2 * len(known)), self._fallback[kind], np.int64)
            grown[: len(known)] = known
            self._maps[kind] = known = grown
        known[local] = id_

    def of(self, kind: int, local: Array) -> Array:
        """Global ids for local ones."""
        known = self._maps[kind]
        inside = local < len(known)
        return np.where(inside, known[np.where(inside, local, 0)], self._fallback[kind])


class CatalogWriter:
    """Gives global ids. Use inside one transaction on `connection`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection
        self._known: dict[str, SourceIds] = {}

    def ids(self, batch: SpoolBatch) -> SourceIds:
        """The ids of the batch's file, with the batch's definitions added."""
        found = self._known.get(batch.source.name) or self._load(batch.source)
        self._known[batch.source.name] = found
        for kind, local, content in batch.definitions:
            self._define(found, kind, local, content)
        if batch.run_end is not None:
            self._end(found.source, batch.run_end, batch.run_end_ns)
        return found

    def forget(self) -> None:
        """Read everything anew next time: a transaction was rolled back."""
        self._known.clear()

    def finish(self, name: str, killed: bool) -> None:
        """Close a file's run: `ended` if its end was recorded; its local ids are needed no more."""
        state = "killed" if killed else "ended"
        self._db.execute("UPDATE source SET state=CASE WHEN state='running' THEN ? ELSE state END WHERE name=?", (state, name))
        self._db.execute("DELETE FROM local WHERE source=(SELECT id FROM source WHERE name=?)", (name,))
        self._known.pop(name, None)

    def last_seen(self, name: str, at_ns: int) -> None:
        """When a killed run was last heard of."""
        self._db.execute("UPDATE source SET end=coalesce(end, ?) WHERE name=?", (at_ns, name))

    def _load(self, source: SpoolSource) -> SourceIds:
        row = self._db.execute("SELECT id, run FROM source WHERE name=?", (source.name,)).fetchone() or self._add(source)
        ids = SourceIds(row[0], row[1], self._fallback())
        for kind, local, id_ in self._db.execute("SELECT class, local, id FROM local WHERE source=?", (ids.source,)):
            ids.set(kind, local, id_)
        return ids

    def _add(self, source: SpoolSource) -> tuple[int, int]:
        self._db.execute("INSERT OR IGNORE INTO run(run_id) VALUES(?)", (source.run_id,))
        run = int(self._db.execute("SELECT id FROM run WHERE run_id=?", (source.run_id,)).fetchone()[0])
        self._db.execute(
            "INSERT INTO source(name, run, salt, language, pid, start, scale) VALUES(?,?,?,?,?,?,?)",
            (source.name, run, source.span_salt.to_bytes(8, "big"), source.language, source.pid, source.origin_wall_ns, source.ns_per_tick),
        )
        return int(self._db.execute("SELECT id FROM source WHERE name=?", (source.name,)).fetchone()[0]), run

    def _fallback(self) -> dict[int, int]:
        function = self._function({"name": UNKNOWN, "kind": "function"}, 0)
        error, thread = self._named("err", "Error"), self._named("thread", "main")
        return {spool.DEF_FUNCTION: function, spool.DEF_ERROR: error, spool.DEF_THREAD: thread}

    def _define(self, ids: SourceIds, kind: int, local: int, content: dict[str, Any]) -> None:
        if kind in (spool.DEF_FUNCTION, spool.DEF_SITE):
            self._remember(ids, spool.DEF_FUNCTION, local, self._function(content, int(kind == spool.DEF_SITE)))
        elif kind == spool.DEF_ERROR:
            self._remember(ids, kind, local, self._named("err", str(content.get("name", "Error"))))
        elif kind == spool.DEF_THREAD:
            self._remember(ids, kind, local, self._named("thread", str(content.get("name", "main"))))
        elif kind == spool.DEF_RUN:
            self._db.execute("UPDATE source SET definition=? WHERE id=?", (as_json(content), ids.source))
        elif kind == spool.DEF_FILE:
            key = (str(content.get("path", "")), str(content.get("sha256", "")), ids.source)
            self._db.execute("INSERT OR IGNORE INTO code VALUES(?,?,?)", key)

    def _remember(self, ids: SourceIds, kind: int, local: int, id_: int) -> None:
        if local >= 1 << 21:  # ids count from 1: this one is damaged
            return
        ids.set(kind, local, id_)
        self._db.execute("INSERT OR REPLACE INTO local VALUES(?,?,?,?)", (ids.source, kind, local, id_))

    def _named(self, table: str, name: str) -> int:
        self._db.execute(f"INSERT OR IGNORE INTO {table}(name) VALUES(?)", (name,))
        return int(self._db.execute(f"SELECT id FROM {table} WHERE name=?", (name,)).fetchone()[0])

    def _function(self, content: dict[str, Any], site: int) -> int:
        params = json.dumps([str(name) for name in _list(content.get("params"))], ensure_ascii=False)
        key = (
            str(content.get("file", "")), str(content.get("name", UNKNOWN)), _int(content.get("line")),
            str(content.get("kind", "function")), site, str(content.get("function", "")), _int(content.get("column")), params,
        )  # fmt: skip
        found = self._db.execute(f"SELECT id FROM fn WHERE ({_FN_KEY}) = (?,?,?,?,?,?,?,?)", key).fetchone()
        if found is None:
            self._db.execute(f"INSERT INTO fn({_FN_KEY}, end_line) VALUES(?,?,?,?,?,?,?,?,?)", (*key, _int(content.get("endLine"))))
            found = self._db.execute(f"SELECT id FROM fn WHERE ({_FN_KEY}) = (?,?,?,?,?,?,?,?)", key).fetchone()
        return int(found[0])

    def _end(self, source: int, end: dict[str, Any], at_ns: int | None) -> None:
        code = end.get("exitCode")
        error = end.get("error")
        self._db.execute(
            "UPDATE source SET state='ended', end=?, exit_code=?, error=?, dropped=?, faults=? WHERE id=?",
            (at_ns, code if isinstance(code, int) else None, None if error is None else str(error), _int(end.get("dropped")),
             _int(end.get("faults")), source),
        )  # fmt: skip
        if end.get("stopped"):
            said = (str(end["stopped"]), source)
            self._db.execute("UPDATE source SET definition=json_set(definition, '$.stopped', ?) WHERE id=?", said)


def as_json(content: dict[str, Any]) -> str:
    """JSON of a definition; bytes become text."""
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"), default=str)


def _int(value: Any) -> int:
    return value if isinstance(value, int) and abs(value) < 1 << 62 else 0


def _list(value: Any) -> Iterable[Any]:
    return cast("list[Any]", value) if isinstance(value, list) else []
