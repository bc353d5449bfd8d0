"""Keeps a copy of each source file that ran, as soon as a recording names it and for as long as the store knows the recording."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from typing import Protocol

import anyio.to_thread

from mcp_tracer.model import spool
from mcp_tracer.model.batch import SpoolBatch, SpoolPosition
from mcp_tracer.model.errors import TracerError
from mcp_tracer.storage.port import SpanStore, SpanWriter
from mcp_tracer.workspace.sources import Sources

_log = logging.getLogger(__name__)


class WholeStore(SpanWriter, SpanStore, Protocol):
    """Both sides of a store."""


class SourceKeeping:
    """The write side of a store, which also keeps the sources of what is written."""

    def __init__(self, store: WholeStore, sources: Sources) -> None:
        self._store, self._sources = store, sources

    async def position(self, spool_name: str) -> SpoolPosition:
        """See the port."""
        return await self._store.position(spool_name)

    async def append(self, batches: Sequence[SpoolBatch]) -> None:
        """See the port. A source that cannot be kept is said in the log: the recording counts."""
        await self._store.append(batches)
        files = list(_files_in(batches))
        if files:
            await anyio.to_thread.run_sync(self._keep, files)

    async def finish(self, spool_name: str, killed: bool) -> None:
        """See the port."""
        await self._store.finish(spool_name, killed)

    async def retain(self, older_than_ns: int | None, max_bytes: int | None) -> int:
        """See the port. Sources that no recording names any more go, too."""
        deleted = await self._store.retain(older_than_ns, max_bytes)
        known = frozenset(await self._store.source_hashes())
        await anyio.to_thread.run_sync(self._sources.retain, known)
        return deleted

    def _keep(self, files: Sequence[tuple[str, str]]) -> None:
        for file, digest in files:
            try:
                if not self._sources.keep(file, digest):
                    _log.info("%s changed before its source could be kept", file)
            except (TracerError, OSError) as error:
                _log.warning("the source of %s could not be kept: %s", file, error)


def _files_in(batches: Iterable[SpoolBatch]) -> Iterable[tuple[str, str]]:
    """(path, sha256) of the files that the batches define."""
    for batch in batches:
        for kind, _, content in batch.definitions:
            if kind == spool.DEF_FILE and content.get("path") and content.get("sha256"):
                yield str(content["path"]), str(content["sha256"])
