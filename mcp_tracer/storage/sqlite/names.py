"""What ids in frames mean: functions, error types, threads, processes. Rows never change once written, so each is read once."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from threading import Lock
from typing import Final

import numpy as np

from mcp_tracer.storage.sqlite.catalog import UNKNOWN
from mcp_tracer.storage.sqlite.columns import Array
from mcp_tracer.storage.sqlite.matching import fold


@dataclass(frozen=True, slots=True)
class Function:
    """A function or call site as one version of the source has it."""

    id: int
    file: str
    name: str
    line: int
    kind: str
    site: bool
    owner: str
    params: tuple[str, ...]
    column: int = 0


@dataclass(frozen=True, slots=True)
class Source:
    """A spool file's process: what span ids and times need. `run` is the run's id in rollups."""

    id: int
    run: int
    run_id: str
    salt: int
    scale: float


_NOBODY: Final = Source(0, 0, "", 0, 1.0)


class Names:
    """Ids -> meanings, shared by all readers of a store. `folded` are the functions' names, for comparing without regard to case."""

    def __init__(self) -> None:
        self.functions: list[Function] = [Function(0, "", UNKNOWN, 0, "function", False, "", ())]
        self.folded: list[str] = [fold(UNKNOWN)]
        self.errors: list[str] = [""]
        self.threads: list[str] = ["main"]
        self._sources: dict[int, Source] = {}
        self._last_source = 0
        self._lock = Lock()

    def refresh(self, db: sqlite3.Connection) -> None:
        """Read what is new in the catalog."""
        with self._lock:
            for row in db.execute(
                "SELECT id, file, name, line, kind, site, owner, params, col FROM fn WHERE id>=?", (len(self.functions),)
            ):
                id_, file, name, line, kind, site, owner, params, column = row
                self.functions.append(Function(id_, file, name, line, kind, bool(site), owner, tuple(json.loads(params)), column))
                self.folded.append(fold(name))
            for _, name in db.execute("SELECT id, name FROM err WHERE id>=? ORDER BY id", (len(self.errors),)):
                self.errors.append(name)
            for _, name in db.execute("SELECT id, name FROM thread WHERE id>=? ORDER BY id", (len(self.threads),)):
                self.threads.append(name)
            query = "SELECT s.id, s.run, r.run_id, s.salt, s.scale FROM source s JOIN run r ON r.id=s.run WHERE s.id>?"
            for row in db.execute(query, (self._last_source,)):
                self._sources[row[0]] = Source(row[0], row[1], row[2], int.from_bytes(row[3], "big"), row[4])
                self._last_source = max(self._last_source, row[0])

    def source(self, id_: int) -> Source:
        """A process; an empty one for an unknown id."""
        return self._sources.get(id_, _NOBODY)

    def sources_of(self, run_id: str) -> list[int]:
        """The processes of a run."""
        return [source.id for source in list(self._sources.values()) if source.run_id == run_id]

    def run_of(self, run_id: str) -> int | None:
        """The id that rollups use for a run."""
        return next((source.run for source in list(self._sources.values()) if source.run_id == run_id), None)

    def mask(self, chosen: list[int]) -> Array:
        """True at the ids of some functions."""
        mask = np.zeros(len(self.functions), np.bool_)
        mask[chosen] = True
        return mask
