"""The ingester: follows all spool files of a project and gives what they hold to the store."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Final

import anyio
import anyio.to_thread

from mcp_tracer.ingest.folder import sizes, spool_files
from mcp_tracer.ingest.lease import Lease
from mcp_tracer.ingest.passed_over import PassedOver
from mcp_tracer.ingest.reader import MAX_RECORDS
from mcp_tracer.ingest.spool_file import reached
from mcp_tracer.ingest.taking import Taker
from mcp_tracer.ingest.turn import Turn
from mcp_tracer.model.batch import SpoolBatch, SpoolPosition
from mcp_tracer.model.errors import TracerError, UserError
from mcp_tracer.storage.port import SpanWriter

Progress = Callable[[int, int, str], Awaitable[None]]

_log: Final = logging.getLogger(__name__)

BUSY_S: Final = 0.2
IDLE_S: Final = 0.5  # well below a reader's patience: what another process follows late, a reader would not see
_READER_PATIENCE_S: Final = 2.0
_TURN_S: Final = 0.5
_BACKLOG: Final = "taking in what programs have recorded"
_REFUSED: Final = "New recordings cannot be taken in now"


async def _silent(done: int, total: int, message: str) -> None:
    """Progress that nobody wants to see."""


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
        self._passed_over = PassedOver(spool)
        self._taker = Taker(spool, store, self._passed_over, on_batch, batch_records)
        self._refused: str | None = None
        self._runs = False
        self.status = self._taker.status

    async def run(self) -> None:
        """Ingest until cancelled. The lease is given back at the end."""
        pause, self._runs = BUSY_S, True
        try:
            while True:
                turn = await self._try_turn()
                if turn.behind:
                    continue  # whoever asks meanwhile comes before the next turn
                pause = BUSY_S if turn.took else min(IDLE_S, pause * 1.5)
                await anyio.sleep(BUSY_S if self.status.files else pause)
        finally:
            self._runs = False
            self.close()

    async def catch_up(self, progress: Progress = _silent) -> int:
        """Return when everything is in the store that the files hold now, after 2 s at the latest; gives how many files hold more then.

        Where no `run` goes on with it, what ended programs have left is taken however long that takes, and `progress` told of it.
        What the machine refuses is no failure, `lacking` says it.
        """
        try:
            left = await self._take_all(progress) if self._lease.acquire() else await self._wait_for_holder()
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
        self._taker.close()
        self._lease.release()

    async def _try_turn(self) -> Turn:
        """One short turn; a failure is kept in the status and tried again."""
        turn = Turn(time.monotonic() + _TURN_S)
        try:
            if self._lease.acquire():
                await self._taker.take(turn)
                self.status.problem = None
            return turn
        except (TracerError, OSError) as error:
            if self.status.problem != str(error):
                _log.error("ingest stopped for now: %s", error)
            self.status.problem = str(error)
            return Turn()

    async def _take_all(self, progress: Progress) -> int:
        goals = await anyio.to_thread.run_sync(sizes, self._spool)
        try:
            return await self._take_in_time(goals, progress)
        except UserError:  # the store is at other places than the files: it may have set a damaged part aside
            return await self._take_in_time(goals, progress)

    async def _take_in_time(self, goals: Mapping[str, int], progress: Progress) -> int:
        left = await self._take_for(_READER_PATIENCE_S, goals)
        if left and not self._runs:
            left -= await self._take_from_the_dead(goals, left, progress)
        return len(left)

    async def _take_for(self, seconds: float, goals: Mapping[str, int]) -> set[str]:
        """Take files up to their goals while there is time, in short turns, so that each comes into its own. Gives those that hold more."""
        until = time.monotonic() + seconds
        while True:
            turn = Turn(min(until, time.monotonic() + _TURN_S), goals)
            await self._taker.take(turn, until)
            if not turn.behind or time.monotonic() >= until:
                return turn.behind

    async def _take_from_the_dead(self, goals: Mapping[str, int], names: set[str], progress: Progress) -> set[str]:
        """Take wholly what ended programs have left: they write no more. Gives which that were."""
        files = await self._taker.left_by_the_dead(names)
        left, total = set(files), sum(goals[name] for name in files)
        while left:
            await progress(sum(file.position.slot_offset for file in files.values()), total, _BACKLOG)
            left = await self._take_for(_TURN_S, {name: goals[name] for name in left})
        return set(files)

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
