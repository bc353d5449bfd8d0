"""Old and excess recordings go: TRACING_RETENTION_DAYS, TRACING_MAX_STORAGE_GB, TRACING_AUTO_CLEANUP."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

import anyio

from mcp_tracer.model.errors import Unavailable
from mcp_tracer.settings.file import LoadedSettings
from mcp_tracer.storage.port import SpanWriter

_log = logging.getLogger(__name__)

EVERY_S = 60
UNTIL_LEASED_S = 1.0


async def clean_up(store: SpanWriter, settings: LoadedSettings, now_ns: int) -> int:
    """Delete what is older or more than the settings allow. Returns how many spans went."""
    oldest = now_ns - round(settings.settings.retention_days * 86_400e9)
    return await store.retain(oldest, round(settings.settings.max_storage_gb * 1e9))


async def keep_clean(store: SpanWriter, settings: Callable[[], LoadedSettings], may_write: Callable[[], bool]) -> None:
    """Clean up now and every minute until cancelled, while TRACING_AUTO_CLEANUP is on and this process is the one that writes."""
    while True:
        while not may_write():
            await anyio.sleep(UNTIL_LEASED_S)
        if settings().settings.auto_cleanup:
            try:
                deleted = await clean_up(store, settings(), time.time_ns())
                if deleted:
                    _log.info("deleted %d spans past their retention", deleted)
            except Unavailable as error:
                _log.error("old recordings could not be deleted: %s", error)
        await anyio.sleep(EVERY_S)
