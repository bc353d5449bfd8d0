"""Noticing patterns as recordings come in: what is new is looked at, what is found is kept, and told to OpenMemory once."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace

import anyio

from mcp_tracer.analysis.patterns import find
from mcp_tracer.analysis.patterns.regressions import regressions
from mcp_tracer.memory.port import Memory
from mcp_tracer.model.errors import TracerError
from mcp_tracer.model.patterns import TAGS, Finding, Thresholds
from mcp_tracer.model.query import SpanQuery
from mcp_tracer.model.span import Run
from mcp_tracer.service.operations.levels import level_of
from mcp_tracer.settings.file import LoadedSettings
from mcp_tracer.storage.port import PatternStore

_log = logging.getLogger(__name__)

EVERY_S = 1.0
RUNS_COMPARED = 20
LEVELS_COMPARED = 5
MOST_REGRESSIONS = 10


class PatternWatcher:
    """Looks at the recordings of one project. Only the process that holds the ingest lease does."""

    def __init__(self, store: PatternStore, memory: Memory, project_name: str, settings: Callable[[], LoadedSettings]) -> None:
        self._store, self._memory, self._project_name, self._settings = store, memory, project_name, settings
        self._turn = anyio.Lock()

    async def run(self, may_write: Callable[[], bool]) -> None:
        """Look again and again until cancelled, while this process is the one that writes."""
        problem = ""
        while True:
            try:
                if may_write():
                    await self.look()
                problem = ""
            except TracerError as error:
                if str(error) != problem:
                    _log.error("patterns are not looked for now: %s", error)
                problem = str(error)
            await anyio.sleep(EVERY_S)

    async def look(self) -> None:
        """Look at everything that has come in since the last time."""
        async with self._turn:
            looked = await self._store.looked()
            place, thresholds = looked.place, self._thresholds()
            while True:
                found, reached = await self._store.scan(place, lambda calls: find(calls, thresholds))
                if reached == place:
                    break
                place = reached
                await self._keep(found, place=place)
            await self._compare(looked.compared, thresholds)

    def _thresholds(self) -> Thresholds:
        """The settings' limits where they have one: a recursion as deep as is recorded is told of."""
        return Thresholds(deepest=self._settings().settings.max_depth)

    async def _keep(self, found: list[Finding], place: str | None = None, compared: tuple[str, ...] = ()) -> None:
        for one in await self._store.keep_findings(found, place, compared):
            await self._memory.record_pattern(self._project_name, one.kind, one.sentence, TAGS[one.kind], ", ".join(one.span_ids))

    async def _compare(self, compared: frozenset[str], thresholds: Thresholds) -> None:
        """Compare each run that has ended with the one before it of the same command, traced at the same level, once."""
        runs = (await self._store.runs(limit=RUNS_COMPARED)).rows
        for at, run in enumerate(runs):
            if run.state == "running" or run.run_id in compared:
                continue
            before = await self._alike(run, [one for one in runs[at + 1 :] if one.argv == run.argv and one.state == "ended"])
            found = [] if before is None else await self._regressions(before, run, thresholds)
            await self._keep(found, compared=(run.run_id,))

    async def _alike(self, run: Run, earlier: list[Run]) -> Run | None:
        """The first of the runs that was traced at the level of this one: recording takes the more time, the more it records."""
        level = await level_of(self._store, SpanQuery(run_id=run.run_id)) if earlier else None
        for one in earlier[:LEVELS_COMPARED] if level else []:
            if await level_of(self._store, SpanQuery(run_id=one.run_id)) == level:
                return one
        return None

    async def _regressions(self, before: Run, run: Run, thresholds: Thresholds) -> list[Finding]:
        then = await self._store.function_stats(run_id=before.run_id)
        now = await self._store.function_stats(run_id=run.run_id)
        found: list[Finding] = []
        for stats, sentence in list(regressions(then, now, thresholds))[:MOST_REGRESSIONS]:
            calls = SpanQuery(file=stats.file or None, function=stats.function, run_id=run.run_id)
            if await level_of(self._store, calls) != await level_of(self._store, replace(calls, run_id=before.run_id)):
                continue
            spans = (await self._store.search(replace(calls, order="duration", limit=3, values=False))).rows
            ids, subject = tuple(span.span_id for span in spans), f"{stats.function} ({stats.file}:{stats.line})"
            end = run.end_ns or run.start_ns
            found.append(Finding("function-regression", subject, run.run_id, sentence, ids, stats.calls, run.start_ns, end))
        return found
