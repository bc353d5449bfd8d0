"""The SpanStore on SQLite. Methods are coroutines; numpy, zstd and sqlite3 work in worker threads."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from threading import Event as Flag
from typing import TypeVar

import anyio.to_thread

from mcp_tracer.model.batch import SpoolBatch, SpoolPosition
from mcp_tracer.model.calls import Calls
from mcp_tracer.model.patterns import Finding, Looked
from mcp_tracer.model.query import Page, Scan, SpanQuery
from mcp_tracer.model.span import CallPath, Event, FunctionStats, Run, Span, TraceSummary
from mcp_tracer.model.sql import SqlAnswer, SqlQuery
from mcp_tracer.storage.sqlite import (
    event_search,
    expired,
    failures,
    filters,
    findings,
    listing,
    one_span,
    paths,
    runs,
    scan,
    search,
    segments,
    sql,
    stats,
    trace_list,
    traces,
    volatile,
)
from mcp_tracer.storage.sqlite.files import Files
from mcp_tracer.storage.sqlite.snapshot import Snapshot
from mcp_tracer.storage.sqlite.writer import Limits, Writer

T = TypeVar("T")


class SqliteSpanStore:
    """Spans below one folder (`.ai-agents/logging/traces`). Several processes may read it; one, with the ingest lease, writes it.

    `compress` is TRACING_COMPRESS_TRACES: whether captured values are compressed (columns always are). `clock` gives wall ns. Without
    a folder (TRACING_STORE_TRACES=false) spans live in a private folder, in memory where the system has one there, that is deleted at the
    end; then at most the newest `max_traces` traces are kept (TRACING_MAX_TRACES_MEMORY).
    """

    def __init__(
        self,
        folder: Path | None,
        *,
        compress: bool = True,
        limits: Limits | None = None,
        max_traces: int | None = None,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        self._volatile = volatile.folder() if folder is None else None
        self._folder = Path(self._volatile.name) if self._volatile is not None else folder or Path()
        self._clock, self._max_traces = clock, max_traces
        self._files = Files(self._folder, compress)
        self._writer = Writer(self._folder, compress, limits or volatile.limits(max_traces), self._files.damages)
        self._has_written = False

    async def position(self, spool_name: str) -> SpoolPosition:
        """How far a spool file has been taken; the start for an unknown one."""
        return await self._files.read(lambda snapshot: listing.position(snapshot, spool_name))

    async def append(self, batches: Sequence[SpoolBatch]) -> None:
        """Take the batches and their positions in one transaction. A batch that was taken before changes nothing."""
        became_full = await self._files.write(lambda: self._writer.append(batches, self._clock()))
        if self._max_traces is not None:
            await self._files.write(self._forget_oldest)
        elif became_full or not self._has_written:  # the first time for what an earlier process left unsealed
            self._files.seal_soon()
        self._has_written = True

    async def finish(self, spool_name: str, killed: bool) -> None:
        """The writer is gone: keep its open spans as unfinished and close its run."""
        await self._files.write(lambda: self._writer.finish(spool_name, killed, self._clock()))

    async def retain(self, older_than_ns: int | None, max_bytes: int | None) -> int:
        """Delete whole segments that ended before `older_than_ns`, and the oldest until below `max_bytes`. Returns spans deleted."""
        return await self._files.write(lambda: self._writer.retain(older_than_ns, max_bytes, self._clock()), sealing=False)

    async def seal(self) -> None:
        """Seal all full segments and return when it is done; `append` does it by itself in the background."""
        await anyio.to_thread.run_sync(self._files.seal_pending)

    async def aclose(self) -> None:
        """Finish sealing and close all files."""
        await anyio.to_thread.run_sync(self._files.end_sealing)
        await self._files.write(self._writer.drop)
        self._files.close()
        if self._volatile is not None:
            self._volatile.cleanup()

    async def keep_findings(self, found: Sequence[Finding], place: str | None = None, compared: Sequence[str] = ()) -> tuple[Finding, ...]:
        """Keep findings and how far was looked; gives those of which nothing was known from any run."""
        return await self._files.write(lambda: self._writer.keep(found, place, compared))

    async def runs(self, limit: int = 20, cursor: str | None = None) -> Page[Run]:
        """Runs, newest first."""
        return await self._files.read(lambda snapshot: runs.page_of_runs(snapshot, limit, cursor))

    async def run(self, run_id: str) -> Run:
        """One run by id, unique prefix, `last`, `previous` or `last-failed`."""
        return await self._files.read(lambda snapshot: runs.run_by_id(snapshot, run_id))

    async def traces(self, run_id: str | None = None, limit: int = 20, cursor: str | None = None) -> Page[TraceSummary]:
        """Traces, newest first."""
        return await self._files.read(lambda snapshot: trace_list.page_of_traces(snapshot, _sources(snapshot, run_id), limit, cursor))

    async def trace(self, trace_id: str) -> TraceSummary:
        """One trace's summary by id, unique prefix, `last` or `last-failed`."""
        return await self._files.read(lambda snapshot: traces.summary_of(snapshot, trace_list.trace_by_id(snapshot, trace_id)))

    async def trace_spans(
        self,
        trace_id: str,
        *,
        max_depth: int | None = None,
        under: str | None = None,
        limit: int = 5000,
        cursor: str | None = None,
        values: bool = True,
        whole: bool = False,
    ) -> Page[Span]:
        """The spans of a trace, or of it the span `under` and all below, by start time (parents before children), `total` exact.

        `whole`: none where there are more than the limit.
        """
        part, wanted = traces.Part(max_depth, under), traces.Wanted(limit, cursor, values, whole)
        return await self._files.read(
            lambda snapshot: traces.spans_of_trace(snapshot, trace_list.trace_by_id(snapshot, trace_id), part, wanted)
        )

    async def call_paths(self, trace_id: str, least_share: float = 0.0) -> tuple[CallPath, ...]:
        """All spans of a trace added up by call path, callers before what they call; without those below a share of the whole."""
        return await self._files.read(
            lambda snapshot: paths.paths_of_trace(snapshot, trace_list.trace_by_id(snapshot, trace_id), least_share)
        )

    async def call_paths_of_run(self, run_id: str, least_share: float = 0.0) -> tuple[CallPath, ...]:
        """The same of all spans of a run."""
        return await self._files.read(lambda snapshot: paths.paths_of_sources(snapshot, _sources(snapshot, run_id) or [], least_share))

    async def span(self, span_id: str) -> Span:
        """One span with its values."""
        return await self._files.read(lambda snapshot: one_span.span_by_id(snapshot, span_id))

    async def spans(self, span_ids: Sequence[str]) -> tuple[Span, ...]:
        """Those of some spans that exist, with their values."""
        return await self._files.read(lambda snapshot: one_span.spans_by_id(snapshot, span_ids))

    async def callers(self, spans: Sequence[Span], known: Collection[str] = ()) -> tuple[Span, ...]:
        """What led to some spans, up to the roots or to spans of which the ids are known."""
        return await self._files.read(lambda snapshot: one_span.callers_of(snapshot, spans, known))

    async def births(self, trace_id: str, *, start_ns: int | None = None, limit: int = 20) -> tuple[Span, ...]:
        """Failed calls of a trace that called nothing that failed so: of each type and function the first, then the second, and so on."""
        return await self._files.read(
            lambda snapshot: failures.births_of_trace(snapshot, trace_list.trace_by_id(snapshot, trace_id), start_ns, limit)
        )

    async def events(self, span_id: str, limit: int = 10_000) -> tuple[Event, ...]:
        """Lines, checkpoints and variables of a span, in order."""
        return await self._files.read(lambda snapshot: one_span.events_of_span(snapshot, span_id, limit))

    async def find_events(self, query: SpanQuery, *, seconds: float = 2.0) -> Scan[Event]:
        """Events whose values hold `text` within file, function, times, run and trace; ends after `limit` events or so many seconds."""
        return await self._files.read(lambda snapshot: _find_events(snapshot, query, seconds))

    async def source_hashes(self, span_id: str | None = None) -> tuple[str, ...]:
        """sha256 of the versions of its file that the span's process loaded (else its run); without a span, of all files that ran."""
        return await self._files.read(lambda snapshot: one_span.source_hashes(snapshot, span_id))

    async def search(self, query: SpanQuery) -> Page[Span]:
        """Spans that match every part of the query."""
        return await self._files.read(lambda snapshot: _search(snapshot, query))

    async def function_stats(
        self, file: str | None = None, function: str | None = None, run_id: str | None = None
    ) -> tuple[FunctionStats, ...]:
        """Statistics of every function that matches, largest total first; of files for function ''."""
        return await self._files.read(lambda snapshot: stats.function_stats(snapshot, file, function, _run(snapshot, run_id)))

    async def hotspots(
        self, *, by: str = "self", run_id: str | None = None, start_ns: int | None = None, end_ns: int | None = None, limit: int = 20
    ) -> tuple[FunctionStats, ...]:
        """The functions that cost most, by `self` or `total` time; a call counts in the window in which it started."""
        window = stats.Window(start_ns, end_ns)
        return await self._files.read(lambda snapshot: stats.hotspots(snapshot, by, _run(snapshot, run_id), window, limit))

    async def self_time(self, run_id: str | None = None) -> int:
        """The time in ns that all functions took themselves."""
        return await self._files.read(lambda snapshot: stats.self_time(snapshot, _run(snapshot, run_id)))

    async def call_count(self, run_id: str | None = None) -> int:
        """How many calls there were."""
        return await self._files.read(lambda snapshot: stats.call_count(snapshot, _run(snapshot, run_id)))

    async def names(self, kind: str, prefix: str, limit: int = 100) -> tuple[str, ...]:
        """Known `file`, `function`, `trace` or `run` names, for completion."""
        return await self._files.read(lambda snapshot: listing.names(snapshot, kind, prefix, limit))

    async def scan(self, place: str | None, look: Callable[[Calls], T], limit: int = 100_000) -> tuple[T, str | None]:
        """Look, in a worker thread, at about the next `limit` calls by arrival; gives what `look` gives, and the place behind them."""

        def work(snapshot: Snapshot) -> tuple[T, str | None]:
            calls, reached = scan.next_calls(snapshot, place, limit)
            return look(calls), reached

        return await self._files.read(work)

    async def looked(self) -> Looked:
        """How far was looked, as it was kept last."""
        return await self._files.read(findings.looked)

    async def findings(
        self, run_id: str | None = None, kind: str | None = None, limit: int = 20, cursor: str | None = None
    ) -> Page[Finding]:
        """What was found, the last first; of one run or kind."""
        return await self._files.read(lambda snapshot: findings.page(snapshot, run_id, kind, limit, cursor))

    async def size(self) -> tuple[int, int]:
        """(bytes on disk, spans)."""
        return await self._files.read(lambda snapshot: (self._bytes(), listing.span_count(snapshot)))

    async def lacking(self) -> tuple[str, ...]:
        """What all answers lack: a sentence for each damaged part of the store that is left out."""
        return await anyio.to_thread.run_sync(self._files.damages.sentences)

    async def expired(self) -> tuple[int, int]:
        """(spans that retention deleted in all, runs of which some were and some are left)."""
        return await self._files.read(expired.of_store)

    async def sql(self, query: SqlQuery) -> SqlAnswer:
        """The first rows of a SELECT over the documented views; its thread ends soon after the caller is cancelled."""
        given_up = Flag()
        try:
            return await self._files.read(lambda snapshot: sql.answer(snapshot, query, given_up), abandoned=True)
        finally:
            given_up.set()

    def _forget_oldest(self) -> None:
        for number in volatile.surplus(self._folder, self._max_traces or 0)[-1:]:
            self._writer.delete_until(number)

    def _bytes(self) -> int:
        return segments.bytes_of(self._folder) if self._folder.is_dir() else 0


def _run(snapshot: Snapshot, run_id: str | None) -> int | None:
    return None if run_id is None else snapshot.names.run_of(runs.run_by_id(snapshot, run_id).run_id)


def _sources(snapshot: Snapshot, run_id: str | None) -> list[int] | None:
    return None if run_id is None else snapshot.names.sources_of(runs.run_by_id(snapshot, run_id).run_id)


def _find_events(snapshot: Snapshot, query: SpanQuery, seconds: float) -> Scan[Event]:
    trace = None if query.trace_id is None else trace_list.trace_by_id(snapshot, query.trace_id)
    return event_search.EventSearch(snapshot, query, _sources(snapshot, query.run_id), trace).found(seconds)


def _search(snapshot: Snapshot, query: SpanQuery) -> Page[Span]:
    found = None if query.trace_id is None else [trace_list.trace_by_id(snapshot, query.trace_id)]
    if query.test_id is not None:
        of_test = listing.traces_of_test(snapshot, query.test_id)
        found = of_test if found is None else [one for one in found if one in of_test]
    chosen = filters.build(query, snapshot.names, _sources(snapshot, query.run_id), found)
    return search.find_by_query(snapshot, query, chosen)
