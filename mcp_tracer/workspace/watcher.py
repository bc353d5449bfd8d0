"""See source files change: an async iterator of batches, for automatic instrumentation."""

from __future__ import annotations

import errno
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from math import inf
from pathlib import Path

import anyio
from anyio import from_thread
from anyio.lowlevel import EventLoopToken, current_token
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver

from mcp_tracer.model.errors import Unavailable
from mcp_tracer.workspace.discovery import is_skipped_folder, language_of
from mcp_tracer.workspace.ignoring import Ignoring
from mcp_tracer.workspace.project import Project

_CHANGES = ("created", "modified", "moved", "deleted")


@asynccontextmanager
async def watching(
    project: Project, suffixes: Mapping[str, str], *, quiet_s: float = 0.2, node_modules: bool = False
) -> AsyncGenerator[AsyncGenerator[frozenset[str]]]:
    """Watch while the block runs; yields an iterator of sets of changed, new or removed source files, relative to the root.

    Changes are gathered until none has come for `quiet_s` seconds. Ignored folders and `.ai-agents` are not seen. Our own writes are seen:
    the taker asks `Workspace.state`. Raises Unavailable where the system grants no more watches.
    """
    send, receive = anyio.create_memory_object_stream[Path](inf)
    observer = Observer()
    handler = _Handler(project, observer, send, current_token(), node_modules)
    try:
        await anyio.to_thread.run_sync(handler.watch_all)
        observer.start()
        yield _batches(project, suffixes, receive, quiet_s)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EMFILE):
            raise
        raise Unavailable("the system grants no more file watches: raise fs.inotify.max_user_watches or max_user_instances.") from error
    finally:
        await send.aclose()
        await receive.aclose()
        if observer.is_alive():
            observer.stop()
            await anyio.to_thread.run_sync(observer.join)


class _Handler(FileSystemEventHandler):
    """Runs on watchdog's threads: passes paths on, and watches top-level folders as they appear.

    Each top-level folder that is not ignored is watched as a tree of its own, so that node_modules costs no watches.
    """

    def __init__(
        self, project: Project, observer: BaseObserver, send: MemoryObjectSendStream[Path], token: EventLoopToken, node_modules: bool
    ) -> None:
        self._project = project
        self._observer = observer
        self._send = send
        self._token = token
        self._node_modules = node_modules
        self._trees: set[Path] = set()

    def watch_all(self) -> None:
        self._observer.schedule(self, str(self._project.root), recursive=False)
        for folder in sorted(self._project.root.iterdir()):
            self._watch_tree(folder)

    def on_any_event(self, event: FileSystemEvent) -> None:
        if event.event_type not in _CHANGES:
            return
        for name in (event.src_path, event.dest_path):
            if name:
                self._pass_on(Path(str(name)), event.is_directory)

    def _pass_on(self, path: Path, is_folder: bool) -> None:
        if is_folder:
            if path.parent == self._project.root and path.is_dir():
                self._watch_tree(path)
            return
        try:
            from_thread.run_sync(self._send.send_nowait, path, token=self._token)
        except (anyio.BrokenResourceError, anyio.ClosedResourceError, RuntimeError):
            # The taker has gone, or its loop has: there is nobody to tell.
            return

    def _watch_tree(self, folder: Path) -> None:
        if folder in self._trees or folder.is_symlink() or not folder.is_dir():
            return
        if is_skipped_folder(folder, node_modules=self._node_modules):
            return
        if Ignoring.at(self._project.root, self._project.root).ignores(folder, is_folder=True):
            return
        self._trees.add(folder)
        self._observer.schedule(self, str(folder), recursive=True)
        for path in folder.rglob("*"):
            # What was written before the watch stood would else be missed.
            if self._observer.is_alive() and path.is_file():
                self._pass_on(path, False)


async def _batches(
    project: Project, suffixes: Mapping[str, str], receive: MemoryObjectReceiveStream[Path], quiet_s: float
) -> AsyncGenerator[frozenset[str]]:
    while True:
        paths = {await receive.receive()}
        while True:
            with anyio.move_on_after(quiet_s) as scope:
                paths.add(await receive.receive())
            if scope.cancelled_caught:
                break
        files = frozenset(project.relative(path) for path in paths if _matters(project, path, suffixes))
        if files:
            yield files


def _matters(project: Project, path: Path, suffixes: Mapping[str, str]) -> bool:
    if language_of(path.name, suffixes) is None or not path.is_relative_to(project.root):
        return False
    folders = [parent for parent in path.parents if parent != project.root and parent.is_relative_to(project.root)]
    if any(is_skipped_folder(folder) for folder in folders):
        return False
    ignored_folder = any(Ignoring.at(project.root, folder.parent).ignores(folder, is_folder=True) for folder in folders)
    return not ignored_folder and not Ignoring.at(project.root, path.parent).ignores(path, is_folder=False)
