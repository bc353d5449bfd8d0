"""A progress bar on stderr for a person who watches; files and pipes get nothing of it."""

from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from mcp_tracer.faces.cli.showing import visible
from mcp_tracer.service.context import Progress
from mcp_tracer.service.service import no_progress

if TYPE_CHECKING:
    from rich.progress import Progress as Bar
    from rich.progress import TaskID

MESSAGE_WIDTH = 60


@contextmanager
def watched() -> Generator[Progress]:
    """A receiver of progress. The bar appears with the first step of several, and leaves nothing behind."""
    if not sys.stderr.isatty():
        yield no_progress
        return
    shown = _Shown()
    try:
        yield shown.tell
    finally:
        shown.close()


class _Shown:
    """The bar, once there is something to show."""

    def __init__(self) -> None:
        self._bar: tuple[Bar, TaskID] | None = None

    async def tell(self, done: int, total: int, message: str) -> None:
        """Show how far it is."""
        if total > 2:
            bar, task = self._bar or self._opened(total)
            bar.update(task, completed=done, total=total, message=visible(message)[-MESSAGE_WIDTH:])

    def close(self) -> None:
        """Take it away."""
        if self._bar is not None:
            self._bar[0].stop()

    def _opened(self, total: int) -> tuple[Bar, TaskID]:
        from rich.console import Console  # a tenth of a second, and only people want it
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

        columns = (BarColumn(), TaskProgressColumn(), TimeRemainingColumn(), TextColumn("{task.fields[message]}", markup=False))
        bar = Progress(*columns, console=Console(stderr=True), transient=True)
        bar.start()
        self._bar = bar, bar.add_task("", total=total, message="")
        return self._bar
