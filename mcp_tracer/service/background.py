"""Long work on a thread, so that the service answers others meanwhile; its progress is told, and it ends soon once nobody wants it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

import anyio

from mcp_tracer.service.context import Progress

T = TypeVar("T")
TOLD_EVERY_S = 0.1
"""Thousands of files would else flood the caller."""


class Stopped(Exception):
    """The caller went away; raised in the thread, where `Steps.report` is called."""


class Steps:
    """How far the work is: written by its thread, read by the loop."""

    def __init__(self) -> None:
        self.now = (0, 0, "")
        self.is_stopping = False

    def report(self, done: int, total: int, message: str) -> None:
        """Tell how far the work is. Raises Stopped where it shall end: the state must be a consistent one."""
        if self.is_stopping:
            raise Stopped
        self.now = (done, total, message)


async def in_thread(work: Callable[[Steps], T], progress: Progress) -> T:
    """Run `work` on a thread and tell its progress, the last step always. A cancelled caller waits until the thread has ended."""
    steps, told = Steps(), (0, 0, "")
    task = asyncio.ensure_future(asyncio.to_thread(work, steps))
    try:
        while not task.done():
            await asyncio.wait({task}, timeout=TOLD_EVERY_S)
            if steps.now != told:
                told = steps.now
                await progress(*told)
    except BaseException:
        steps.is_stopping = True
        with anyio.CancelScope(shield=True):
            await asyncio.wait({task})
        task.exception()  # the caller's own failure is the one to tell
        raise
    return task.result()
