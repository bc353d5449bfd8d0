"""Composition root: the only file that names concrete adapters."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from copy import copy
from functools import cache

from mcp_tracer.ingest.lease import Lease
from mcp_tracer.ingest.tail import Ingester
from mcp_tracer.languages.port import Language
from mcp_tracer.memory.outbox import Outbox
from mcp_tracer.model.errors import TracerError, Unavailable, UserError
from mcp_tracer.model.plan import FunctionInfo, InstrumentRequest, Plan
from mcp_tracer.service.approvals import Approvals
from mcp_tracer.service.context import Tools
from mcp_tracer.service.operations import OPERATIONS
from mcp_tracer.service.patterns import PatternWatcher
from mcp_tracer.service.retention import keep_clean
from mcp_tracer.service.service import Service
from mcp_tracer.service.source_keeping import SourceKeeping
from mcp_tracer.settings.file import LoadedSettings, load
from mcp_tracer.settings.overrides import Overrides
from mcp_tracer.storage.sqlite import Limits, SqliteSpanStore
from mcp_tracer.workspace.initialise import refresh_runtime
from mcp_tracer.workspace.project import Project
from mcp_tracer.workspace.workspace import Workspace

_log = logging.getLogger(__name__)


class OnDemand:
    """A language whose parser (half a second for Python's) is loaded when source is looked at: asking what ran needs none."""

    def __init__(self, name: str, suffixes: tuple[str, ...], load: Callable[[], Language]) -> None:
        self.name, self.suffixes = name, suffixes
        self._load = cache(load)

    def __reduce__(self) -> tuple[Callable[[Language], Language], tuple[Language]]:
        """Processes that plan get the language itself: they load nothing else of the house."""
        return copy, (self._load(),)

    def functions(self, source: bytes, path: str) -> tuple[FunctionInfo, ...]:
        """See the port."""
        return self._load().functions(source, path)

    def plan(self, source: bytes, request: InstrumentRequest) -> Plan:
        """See the port."""
        return self._load().plan(source, request)

    def is_instrumented(self, source: bytes) -> bool:
        """See the port."""
        return self._load().is_instrumented(source)

    def strip(self, source: bytes) -> bytes:
        """See the port."""
        return self._load().strip(source)


def _python() -> Language:
    from mcp_tracer.languages.python import PythonLanguage

    return PythonLanguage()


def _javascript() -> Language:
    from mcp_tracer.languages.javascript import javascript

    return javascript()


def _typescript() -> Language:
    from mcp_tracer.languages.javascript import typescript

    return typescript()


LANGUAGES: tuple[tuple[str, tuple[str, ...], Callable[[], Language]], ...] = (
    ("python", (".py", ".pyw"), _python),
    ("javascript", (".js", ".jsx", ".mjs", ".cjs"), _javascript),
    ("typescript", (".ts", ".tsx", ".mts", ".cts"), _typescript),
)
"""Every language that can be instrumented: its name, its file endings and its adapter. Adding one is adding it here."""


def languages() -> tuple[Language, ...]:
    """One adapter a language, none of them loaded yet."""
    return tuple(OnDemand(name, suffixes, load) for name, suffixes, load in LANGUAGES)


def load_settings(project: Project) -> LoadedSettings:
    """The humans' settings as they are on disk now."""
    return load(project.env_file)


class CurrentSettings:
    """The humans' settings, read again whenever the file is another one or was written to."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._stamp: tuple[int, ...] = ()
        self._loaded: LoadedSettings | None = None

    def __call__(self) -> LoadedSettings:
        """What the file says now."""
        stamp = self._look()
        if self._loaded is None or stamp != self._stamp or not stamp:
            # The stamp is older than the reading: a write in between is noticed at the next call.
            self._loaded, self._stamp = load_settings(self._project), stamp
        return self._loaded

    def _look(self) -> tuple[int, ...]:
        """Time of writing, of any change, size and inode; () where there is no file."""
        with suppress(OSError):
            seen = self._project.env_file.stat()
            return (seen.st_mtime_ns, seen.st_ctime_ns, seen.st_size, seen.st_ino)
        return ()


def check_initialised(project: Project) -> None:
    """Raise UserError with the command to run where `init` has not been here."""
    if not project.is_initialised:
        raise UserError(f"{project.root} is not set up: run `mcp-tracer init --project {project.root}` once.", "not_initialised")


@asynccontextmanager
async def open_service(project: Project, ingest: bool) -> AsyncGenerator[Service]:
    """The service of a project, with `ingest` taking recordings in as they are written (if no other process does).

    Raises UserError for a project that is not initialised, Unavailable where its store cannot be used.
    """
    check_initialised(project)
    async with AsyncExitStack() as opened:
        settings = CurrentSettings(project)
        workspace = Workspace(project, languages())
        memory = Outbox(project.state_file)
        await memory.open()
        opened.push_async_callback(memory.close)
        limits = Limits.within(round(settings().settings.max_storage_gb * 1e9))
        store = SqliteSpanStore(project.traces_dir, compress=settings().settings.compress_traces, limits=limits)
        opened.push_async_callback(store.aclose)
        lease = Lease(project.home / "ingest.lock")
        writer = SourceKeeping(store, workspace.sources)
        ingester = Ingester(project.spool_dir, writer, lease)
        opened.callback(ingester.close)
        watcher = PatternWatcher(store, memory, project.name, settings)
        if ingest or _was_interrupted(project):
            await asyncio.to_thread(_repair, workspace)
        if ingest:
            refresh_runtime(project)
            for name, work in (
                ("ingest", ingester.run()),
                ("retention", keep_clean(writer, settings, lambda: lease.held)),
                ("patterns", watcher.run(lambda: lease.held)),
            ):
                task = asyncio.create_task(work, name=name)
                task.add_done_callback(_tell_failure)
                opened.push_async_callback(_stopped, task)
        yield Service(
            Tools(
                project=project,
                workspace=workspace,
                store=store,
                memory=memory,
                approvals=Approvals(project.state_file),
                settings=settings,
                overrides=lambda: Overrides.load(project.overrides_file),
                catch_up=ingester.catch_up,
                not_taken_in=ingester.lacking,
                left_lying=ingester.left_lying,
                ingesting=lambda: lease.held,
                look_for_patterns=watcher.look,
            ),
            OPERATIONS,
        )


def _was_interrupted(project: Project) -> bool:
    """Whether a change of source files was begun and not finished, by a process that may be gone."""
    return project.pending_dir.is_dir() and any(project.pending_dir.iterdir())


def _repair(workspace: Workspace) -> None:
    for sentence in workspace.recover():
        _log.warning("after an interruption: %s", sentence)


async def _stopped(task: asyncio.Task[None]) -> None:
    """Cancel the task and wait until it has cleaned up. How it ended is not ours: `_tell_failure` has said it."""
    task.cancel()
    await asyncio.wait({task})


def _tell_failure(task: asyncio.Task[None]) -> None:
    """Nobody awaits a background task while it runs: without this, its failure would first be seen at shutdown."""
    if not task.cancelled() and (error := task.exception()):
        _log.error("%s ended: questions still take recordings in, restart the server to follow them again", task.get_name(), exc_info=error)


@asynccontextmanager
async def live_service(project: Project) -> AsyncGenerator[Callable[[], Awaitable[Service]]]:
    """For servers: gives a provider of the service, which is opened when the project is initialised, be it later, and closed at the end."""
    owner = _Owner(project)
    running = asyncio.create_task(owner.run(), name="service")
    running.add_done_callback(_tell_failure)
    try:
        yield owner.provide
    finally:
        owner.close()
        await asyncio.wait({running})


class _Owner:
    """Opens and closes the service in one task, as what it holds demands, on behalf of calls that run in others."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._wanted, self._closing = asyncio.Event(), asyncio.Event()
        self._opening: asyncio.Future[Service] = asyncio.get_running_loop().create_future()
        if project.is_initialised:
            self._wanted.set()

    async def provide(self) -> Service:
        """The service. Raises what opening it raised; the next call tries again."""
        check_initialised(self._project)
        self._wanted.set()
        return await asyncio.shield(self._opening)

    def close(self) -> None:
        """Have `run` close the service and end. Cancelling it instead could hit a connection that is just being opened, which then
        keeps a thread, and the process, forever."""
        self._closing.set()
        self._wanted.set()

    async def run(self) -> None:
        """Open at the first wish and stay open until `close`."""
        while not self._closing.is_set():
            await self._wanted.wait()
            self._wanted.clear()
            if self._closing.is_set():
                return
            try:
                async with open_service(self._project, ingest=True) as service:
                    self._opening.set_result(service)
                    await self._closing.wait()
            except TracerError as error:
                self._fail(error)
            except Exception as error:
                _log.exception("the service of %s failed", self._project.root)
                self._fail(Unavailable(f"the recordings of {self._project.root} cannot be opened ({type(error).__name__}): see the log."))

    def _fail(self, error: TracerError) -> None:
        failed, self._opening = self._opening, asyncio.get_running_loop().create_future()
        if not failed.done():
            failed.set_exception(error)
        # Nobody may be waiting (a server that opens at its start); the next call will meet the same error.
        failed.exception()
