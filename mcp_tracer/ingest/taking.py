"""Taking in what spool files hold, file after file, and clearing away what is done with."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import anyio
import anyio.to_thread

from mcp_tracer.ingest.folder import delete, set_aside, spool_files
from mcp_tracer.ingest.passed_over import PassedOver, Why, reason_of
from mcp_tracer.ingest.reader import DamagedSpool, NewerSpool
from mcp_tracer.ingest.spool_file import SpoolFile, UnreadableSpool
from mcp_tracer.ingest.turn import Turn
from mcp_tracer.model.batch import SpoolBatch, SpoolPosition
from mcp_tracer.model.errors import TracerError
from mcp_tracer.storage.port import SpanWriter

_log: Final = logging.getLogger(__name__)


@dataclass(slots=True)
class IngestStatus:
    """What the ingester has done since it started. `problem` is the last failure's text while it lasts."""

    files: int = 0
    records: int = 0
    damaged_chunks: int = 0
    damaged_files: list[str] = field(default_factory=list[str])
    problem: str | None = None


class Taker:
    """The spool files of one folder, taken into a store. Only for the process that holds the project's ingest lease."""

    def __init__(
        self, spool: Path, store: SpanWriter, passed_over: PassedOver, on_batch: Callable[[SpoolBatch], None] | None, batch_records: int
    ) -> None:
        self._spool, self._store, self._passed_over = spool, store, passed_over
        self._on_batch, self._batch_records = on_batch, batch_records
        self._files: dict[str, SpoolFile] = {}
        self._away: dict[str, Why] = {}
        self._one_at_a_time = anyio.Lock()
        self.status = IngestStatus()

    async def take(self, turn: Turn, patience_until: float = math.inf) -> None:
        """Take what is new; finish the files whose writers are gone. Nothing is taken where another turn outlasts patience.

        After a failure files are opened again where the store is.
        """
        if not await self._gets_its_turn(patience_until):
            turn.behind.update(turn.goals or ())
            return
        try:
            await self._discover()
            for file in [file for file in self._files.values() if turn.wants(file)]:
                turn.took |= await self._follow_or_set_aside(file, turn)
            self._let_others_be_first(turn)
            self.status.files = len(self._files)
        except BaseException:
            self.close()
            raise
        finally:
            self._one_at_a_time.release()

    async def _gets_its_turn(self, until: float) -> bool:
        with suppress(anyio.WouldBlock):
            self._one_at_a_time.acquire_nowait()
            return True
        with anyio.move_on_after(until - time.monotonic()):
            await self._one_at_a_time.acquire()
            return True
        return False

    def close(self) -> None:
        """Close all files. They are opened again by the next turn, at the positions that the store says."""
        for file in self._files.values():
            file.close()
        self._files.clear()

    async def left_by_the_dead(self, names: set[str]) -> dict[str, SpoolFile]:
        """Those of some files whose programs have ended."""
        found: dict[str, SpoolFile] = {}
        for file in [file for name, file in self._files.items() if name in names]:
            with suppress(UnreadableSpool):
                if await anyio.to_thread.run_sync(file.writer_is_gone):
                    found[file.name] = file
        return found

    def _let_others_be_first(self, turn: Turn) -> None:
        """The next turn begins with files that got nothing in this one."""
        for name in turn.fed & turn.behind:
            self._files[name] = self._files.pop(name)

    async def _discover(self) -> None:
        """Open new files; move aside what isn't a spool file, pass over what cannot be read."""
        paths = await anyio.to_thread.run_sync(spool_files, self._spool)
        self._keep_known({path.name for path in paths})
        for path in paths:
            if path.name in self._away:
                await self._take_away(path, self._away[path.name])
            elif path.name not in self._files:
                await self._open(path, await self._store.position(path.name))

    def _keep_known(self, names: set[str]) -> None:
        """Others have cleared away what isn't there."""
        self._passed_over.are_there(names)
        self._away = {name: why for name, why in self._away.items() if name in names}

    async def _open(self, path: Path, position: SpoolPosition) -> None:
        try:
            self._files[path.name] = await anyio.to_thread.run_sync(SpoolFile, path, position)
            self._passed_over.is_well(path.name)
        except FileNotFoundError:
            pass  # another ingester has finished it meanwhile
        except UnreadableSpool as problem:
            self._passed_over.note(path.name, Why.UNREADABLE, str(problem))
        except NewerSpool as problem:
            self._passed_over.note(path.name, Why.NEWER, str(problem))
        except DamagedSpool as damage:
            await self._set_aside(path, str(damage))

    async def _set_aside(self, path: Path, reason: str) -> None:
        _log.error("%s It is moved away.", reason)
        self.status.damaged_files.append(path.name)
        await self._take_away(path, Why.UNMOVABLE)

    async def _take_away(self, path: Path, why: Why) -> None:
        """Delete or move what is done with; where that fails it is tried again at later looks, and the file not opened again."""
        try:
            await anyio.to_thread.run_sync(delete if why is Why.UNDELETABLE else set_aside, path)
            self._away.pop(path.name, None)
            self._passed_over.is_well(path.name)
        except OSError as error:
            self._away[path.name] = why
            self._passed_over.note(path.name, why, reason_of(error))

    async def _follow_or_set_aside(self, file: SpoolFile, turn: Turn) -> bool:
        """One file that cannot be taken must not keep the others from being taken."""
        try:
            return await self._follow(file, turn)
        except UnreadableSpool as problem:
            self._files.pop(file.name).close()
            self._passed_over.note(file.name, Why.UNREADABLE, str(problem))
            return False
        except (TracerError, OSError):
            raise  # the store's or the machine's state, not the file's
        except Exception as error:
            _log.exception("%s cannot be taken", file.name)
            self._files.pop(file.name).close()
            await self._set_aside(file.path, f"{file.name}: {error!r}.")
            await self._store.finish(file.name, killed=not file.ended)
            return True

    async def _follow(self, file: SpoolFile, turn: Turn) -> bool:
        gone = await anyio.to_thread.run_sync(file.writer_is_gone)
        is_whole = await self._take(file, turn, gone)
        if not is_whole or not gone or not file.is_settled():
            return file.name in turn.fed
        while await self._take_batch(file, final=True):
            pass
        await self._store.finish(file.name, killed=not file.ended)
        self._files.pop(file.name).close()
        await self._take_away(file.path, Why.UNDELETABLE)
        return True

    async def _take(self, file: SpoolFile, turn: Turn, gone: bool) -> bool:
        """Take what is there while the turn lasts (something in any case); whether that was all."""
        while not (turn.is_over and turn.fed):
            if not gone and turn.has_reached(file):
                return False
            if not await self._take_batch(file, final=False):
                return True
            turn.fed.add(file.name)
        if (gone or not turn.has_reached(file)) and await anyio.to_thread.run_sync(file.has_more):
            turn.behind.add(file.name)
            return False
        return True

    async def _take_batch(self, file: SpoolFile, final: bool) -> bool:
        """Take the next records; whether there were any."""
        batch = await anyio.to_thread.run_sync(file.next_batch, final, self._batch_records)
        if batch is None:
            return False
        await self._store.append([batch])
        file.taken(batch)
        self._count(batch)
        return True

    def _count(self, batch: SpoolBatch) -> None:
        self.status.records += len(batch.records)
        self.status.damaged_chunks += batch.damaged
        if batch.damaged:
            _log.warning("%s: passed over %d damaged chunks", batch.source.name, batch.damaged)
        if self._on_batch is not None:
            self._on_batch(batch)
