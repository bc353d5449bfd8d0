"""Work on a store's files, in worker threads: reading in a snapshot, writing, sealing; again without what is found to be damaged."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from threading import Lock
from typing import TypeVar

import anyio.to_thread

from mcp_tracer.storage.sqlite import seal
from mcp_tracer.storage.sqlite.damage import Damages
from mcp_tracer.storage.sqlite.readers import Readers
from mcp_tracer.storage.sqlite.schema import translated
from mcp_tracer.storage.sqlite.segments import SegmentFile
from mcp_tracer.storage.sqlite.snapshot import Snapshot

T = TypeVar("T")
_log = logging.getLogger(__name__)


class Files:
    """A store's folder. One thread writes at a time, one seals, any number read. `compress`: whether captured values are compressed."""

    def __init__(self, folder: Path, compress: bool) -> None:
        self._folder, self._compress = folder, compress
        self.damages = Damages(folder)
        self._readers = Readers(folder, self.damages)
        self._writing, self._sealing = Lock(), Lock()
        self._sealer = ThreadPoolExecutor(1, thread_name_prefix="mcp-tracer-seal")

    async def read(self, answer: Callable[[Snapshot], T], *, abandoned: bool = False) -> T:
        """What `answer` makes of a snapshot. `abandoned`: a cancelled caller leaves at once, and the work notices it by itself.

        Raises Unavailable for what SQLite says, and whatever `answer` raises.
        """

        def work() -> T:
            with translated(self._folder):
                return self._despite_damage(lambda: self._answered(answer))

        return await anyio.to_thread.run_sync(work, abandon_on_cancel=abandoned)

    async def write(self, change: Callable[[], T], *, sealing: bool = True) -> T:
        """What `change` gives, with nobody else writing, and without `sealing` nobody sealing either. Raises Unavailable as `read` does."""

        def work() -> T:
            with ExitStack() as held:
                if not sealing:
                    held.enter_context(self._sealing)
                held.enter_context(self._writing)
                held.enter_context(translated(self._folder))
                return self._despite_damage(change)

        return await anyio.to_thread.run_sync(work)

    def seal_soon(self) -> None:
        """Seal what is full, in the background."""
        self._sealer.submit(self.seal_pending)

    def seal_pending(self) -> None:
        """Seal what is full. A segment that cannot be sealed now stays as it is, slower to read, until the next one is full."""
        with self._sealing:
            with self._writing:
                waiting = self.damages.sound(seal.pending(self._folder))
            for one in waiting:
                self._seal(one)

    def end_sealing(self) -> None:
        """Wait for what seals in the background; nothing is sealed there any more."""
        self._sealer.shutdown()

    def close(self) -> None:
        """Close what was opened for reading."""
        self._readers.close()

    def _seal(self, one: SegmentFile) -> None:
        found = self.damages.found
        try:
            written = seal.write(self._folder, one, self._compress)
            with self._writing:  # the writer may be about to open the file that goes
                seal.swap(self._folder, one, written)
        except Exception as error:
            if not self.damages.explains(error, found):  # which says so itself
                _log.exception("could not seal %s", one.path)

    def _answered(self, answer: Callable[[Snapshot], T]) -> T:
        with self._readers.snapshot() as snapshot:
            return answer(snapshot)

    def _despite_damage(self, work: Callable[[], T]) -> T:
        """Again without the segments that are found to be damaged where it fails."""
        while True:
            found = self.damages.found
            try:
                return work()
            except Exception as error:
                if not self.damages.explains(error, found):
                    raise
                self._readers.close()
