"""The ingester: follows all spool files of a project and gives what they hold to the store."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import anyio
import anyio.to_thread

from mcp_tracer.ingest.folder import delete, set_aside, spool_files
from mcp_tracer.ingest.lease import Lease
from mcp_tracer.ingest.passed_over import PassedOver, Why, reason_of
from mcp_tracer.ingest.reader import MAX_RECORDS, DamagedSpool
from mcp_tracer.ingest.spool_file import SpoolFile, UnreadableSpool, reached
from mcp_tracer.model.batch import SpoolBatch, SpoolPosition
from mcp_tracer.model.errors import TracerError, UserError
from mcp_tracer.storage.port import SpanWriter

_log: Final = logging.getLogger(__name__)

BUSY_S: Final = 0.2
IDLE_S: Final = 0.5  # well below a reader's patience: what another process follows late, a reader would not see
_READER_PATIENCE_S: Final = 2.0
_REFUSED: Final = "New recordings cannot be taken in now"


@dataclass(slots=True)
class IngestStatus:
    """What the ingester has done since it started. `problem` is the last failure's text while it lasts."""

    files: int = 0
    records: int = 0
    damaged_chunks: int = 0
    damaged_files: list[str] = field(default_factory=list[str])
    problem: str | None = None


class Ingester:
    """Takes spool files of one project into a store; at most one ingester of a project does, the one that holds the lease.

    `on_batch` is called after each batch that the store has taken (pattern detection, live pages); it must not block.
    """

    def __init__(
        self,
        spool: Path,
        store: SpanWriter,
        lease: Lease,
        *,
        on_batch: Callable[[SpoolBatch], None] | None = None,
        batch_records: int = MAX_RECORDS,
    ) -> None:
        self._spool, self._store, self._lease = spool, store, lease
        self._on_batch, self._batch_records = on_batch, batch_records
        self._files: dict[str, SpoolFile] = {}
        self._turn = anyio.Lock()
        self._away: dict[str, Why] = {}
        self._passed_over = PassedOver(spool)
        self._refused: str | None = None
        self.status = IngestStatus()

    async def run(self) -> None:
        """Ingest until cancelled. The lease is given back at the end."""
        pause = BUSY_S
        try:
            while True:
                pause = BUSY_S if await self._try_turn() else min(IDLE_S, pause * 1.5)
                await anyio.sleep(BUSY_S if self._files else pause)
        finally:
            self.close()

    async def catch_up(self) -> int:
        """Return when everything is in the store that the files hold now. Where another process ingests, wait for it, 2 s at most.

        Gives how many files were not taken so far then. What the machine refuses is no failure, `lacking` says it.
        """
        try:
            left = await self._take_all() if self._lease.acquire() else await self._wait_for_holder()
            self._refused = None
            return left
        except OSError as error:
            if self._refused != str(error):
                _log.error("nothing can be taken in: %s", error)
            self._refused = str(error)
            return 0

    def lacking(self) -> tuple[str, ...]:
        """What answers lack of what programs recorded, as far as the last look told, a sentence each that says what to do."""
        refused = () if self._refused is None else (f"{_REFUSED}: {self._refused}. This answer has what was taken in before.",)
        return (*refused, *self._passed_over.lacking())

    def left_lying(self) -> tuple[str, ...]:
        """What lies among the recordings and is in nobody's way, a sentence each."""
        return self._passed_over.left_lying()

    def close(self) -> None:
        """Close all files and give the lease back."""
        for file in self._files.values():
            file.close()
        self._files.clear()
        self._lease.release()

    async def _try_turn(self) -> bool:
        """One turn of the loop; a failure is kept in the status and tried again. True when something was taken."""
        try:
            if not self._lease.acquire():
                return False
            took = await self._take_turn()
            self.status.problem = None
            return took
        except (TracerError, OSError) as error:
            if self.status.problem != str(error):
                _log.error("ingest stopped for now: %s", error)
            self.status.problem = str(error)
            self._forget_files()
            return False

    async def _take_turn(self) -> bool:
        """Take everything that is new; finish the files whose writers are gone. True when something was taken."""
        async with self._turn:
            await self._discover()
            took = False
            for file in list(self._files.values()):
                took |= await self._follow_or_set_aside(file)
            self.status.files = len(self._files)
            return took

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

    async def _follow_or_set_aside(self, file: SpoolFile) -> bool:
        """One file that cannot be taken must not keep the others from being taken."""
        try:
            return await self._follow(file)
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

    async def _follow(self, file: SpoolFile) -> bool:
        gone = await anyio.to_thread.run_sync(file.writer_is_gone)
        took = await self._take(file, final=False)
        if not gone or not file.is_settled():
            return took
        await self._take(file, final=True)
        await self._store.finish(file.name, killed=not file.ended)
        self._files.pop(file.name).close()
        await self._take_away(file.path, Why.UNDELETABLE)
        return True

    async def _take(self, file: SpoolFile, final: bool) -> bool:
        took = False
        while (batch := await anyio.to_thread.run_sync(file.next_batch, final, self._batch_records)) is not None:
            await self._store.append([batch])
            file.taken(batch)
            self._count(batch)
            took = True
        return took

    def _count(self, batch: SpoolBatch) -> None:
        self.status.records += len(batch.records)
        self.status.damaged_chunks += batch.damaged
        if batch.damaged:
            _log.warning("%s: passed over %d damaged chunks", batch.source.name, batch.damaged)
        if self._on_batch is not None:
            self._on_batch(batch)

    def _forget_files(self) -> None:
        """Open them again next time, at the positions that the store says."""
        for file in self._files.values():
            file.close()
        self._files.clear()

    async def _take_all(self) -> int:
        try:
            await self._take_turn()
        except UserError:  # the store is at other places than the files: it may have set a damaged part aside
            async with self._turn:
                self._forget_files()
            await self._take_turn()
        return 0

    async def _wait_for_holder(self) -> int:
        """What the holder of the lease has not taken of what is there now, when patience ends."""
        paths = await anyio.to_thread.run_sync(spool_files, self._spool)
        positions = [(path, await self._store.position(path.name)) for path in paths]
        wanted, unread = await anyio.to_thread.run_sync(reached, positions)
        self._passed_over.are_there(unread)
        for name, (why, reason) in unread.items():
            self._passed_over.note(name, why, reason)
        with anyio.move_on_after(_READER_PATIENCE_S):
            while wanted := await self._untaken(wanted):
                await anyio.sleep(0.02)
        return len(wanted)

    async def _untaken(self, wanted: dict[Path, SpoolPosition]) -> dict[Path, SpoolPosition]:
        """The files that weren't taken up to these places yet; one that is gone was."""
        left: dict[Path, SpoolPosition] = {}
        for path, place in wanted.items():
            at = await self._store.position(path.name)
            if (at.slot_offset, at.records) < (place.slot_offset, place.records) and path.exists():
                left[path] = place
        return left
