"""The SpanStore port. One contract suite (tests/contracts) runs on every adapter.

Answers are consistent with one moment of the store. Ids are lower-case hex as in the vocabulary. An unknown id raises NotFound with the
nearest things that exist. Rows of one list are unique and stay in the same order while spans are added.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Protocol, TypeVar

from mcp_tracer.model.batch import SpoolBatch, SpoolPosition
from mcp_tracer.model.calls import Calls
from mcp_tracer.model.patterns import Finding, Looked
from mcp_tracer.model.query import Page, Scan, SpanQuery
from mcp_tracer.model.span import CallPath, Event, FunctionStats, Run, Span, TraceSummary
from mcp_tracer.model.sql import SqlAnswer, SqlQuery

T = TypeVar("T")


class SpanWriter(Protocol):
    """The write side. Only the process that holds the project's ingest lease uses it."""

    async def position(self, spool_name: str) -> SpoolPosition:
        """How far a spool file has been taken; the start for an unknown one."""
        ...

    async def append(self, batches: Sequence[SpoolBatch]) -> None:
        """Take the batches and their positions in one transaction. A batch that was taken before changes nothing."""
        ...

    async def finish(self, spool_name: str, killed: bool) -> None:
        """The writer is gone and everything was taken: close its run; with `killed`, keep its open spans as unfinished."""
        ...

    async def retain(self, older_than_ns: int | None, max_bytes: int | None) -> int:
        """Delete whole segments that ended before `older_than_ns`, and the oldest until below `max_bytes`. Returns spans deleted."""
        ...


class SpanStore(Protocol):
    """The read side."""

    async def runs(self, limit: int = 20, cursor: str | None = None) -> Page[Run]:
        """Runs, newest first."""
        ...

    async def run(self, run_id: str) -> Run:
        """One run. `last`, `previous` and `last-failed` are accepted for an id, and so is a unique prefix of at least 6 digits."""
        ...

    async def traces(self, run_id: str | None = None, limit: int = 20, cursor: str | None = None) -> Page[TraceSummary]:
        """Traces, newest first."""
        ...

    async def trace(self, trace_id: str) -> TraceSummary:
        """One trace's summary. `last` and `last-failed` are accepted for an id, and so is a unique prefix of at least 6 digits."""
        ...

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
        ...

    async def call_paths(self, trace_id: str, least_share: float = 0.0) -> tuple[CallPath, ...]:
        """All spans of a trace added up by call path, callers before what they call.

        Paths below `least_share` of the time of the trace's roots are left out, with all below them, unless a call failed there; where
        hundreds failed, a choice of them keeps its paths.
        A span whose parent is in another process begins a path.
        """
        ...

    async def call_paths_of_run(self, run_id: str, least_share: float = 0.0) -> tuple[CallPath, ...]:
        """The same of all spans of a run, its traces added up."""
        ...

    async def span(self, span_id: str) -> Span:
        """One span with its values."""
        ...

    async def spans(self, span_ids: Sequence[str]) -> tuple[Span, ...]:
        """Those of some spans that exist, with their values, in the order of the ids."""
        ...

    async def callers(self, spans: Sequence[Span], known: Collection[str] = ()) -> tuple[Span, ...]:
        """What led to some spans, with their values, up to the roots or to spans of which the ids are known."""
        ...

    async def births(self, trace_id: str, *, start_ns: int | None = None, limit: int = 20) -> tuple[Span, ...]:
        """Failed calls of a trace (that started at `start_ns` or later) in which an error was born, with their values.

        That is: they called nothing in their process that failed with the same type. Of each type and function the first, by start,
        then of each the second, and so on. A very large trace is looked through only where each type occurs first.
        """
        ...

    async def events(self, span_id: str, limit: int = 10_000) -> tuple[Event, ...]:
        """Lines, checkpoints and variables of a span, in order."""
        ...

    async def find_events(self, query: SpanQuery, *, seconds: float = 2.0) -> Scan[Event]:
        """Events whose values hold `text` (all without one) within file, function, times, run and trace, by time.

        It ends after `limit` events or so many seconds; processes are then seen newest or oldest first, as the query says.
        """
        ...

    async def source_hashes(self, span_id: str | None = None) -> tuple[str, ...]:
        """sha256 of the versions of its file that the span's process loaded (else its run); without a span, of all files that ran."""
        ...

    async def search(self, query: SpanQuery) -> Page[Span]:
        """Spans that match every part of the query."""
        ...

    async def function_stats(
        self, file: str | None = None, function: str | None = None, run_id: str | None = None
    ) -> tuple[FunctionStats, ...]:
        """Statistics of every function that matches (file path or glob, function name or glob), largest total first; for '' of files.

        Versions of a function are added up, and the line is the newest's. Equal ones come by file, function and kind.
        """
        ...

    async def hotspots(
        self, *, by: str = "self", run_id: str | None = None, start_ns: int | None = None, end_ns: int | None = None, limit: int = 20
    ) -> tuple[FunctionStats, ...]:
        """The functions that cost most, by `self` or `total` time; for the whole store, a run or a time window. Equal ones as above."""
        ...

    async def self_time(self, run_id: str | None = None) -> int:
        """The time in ns that all functions took themselves, over all runs or in one."""
        ...

    async def call_count(self, run_id: str | None = None) -> int:
        """How many calls there were, over all runs or in one; those included that were only counted."""
        ...

    async def names(self, kind: str, prefix: str, limit: int = 100) -> tuple[str, ...]:
        """Known `file`, `function`, `trace` or `run` names that start with (functions: contain) `prefix`, for completion."""
        ...

    async def sql(self, query: SqlQuery) -> SqlAnswer:
        """The first rows of one SELECT over the views of `model.sql`, read-only by the engine. A cancelled caller ends it.

        Raises UserError for what is no such SELECT, and for one that takes longer than it may.
        """
        ...

    async def findings(
        self, run_id: str | None = None, kind: str | None = None, limit: int = 20, cursor: str | None = None
    ) -> Page[Finding]:
        """What was found, the last first, with the exact total: in one run, or the newest of each finding of all runs.

        Findings go with the recordings that they are about.
        """
        ...

    async def size(self) -> tuple[int, int]:
        """(bytes on disk, spans)."""
        ...

    async def lacking(self) -> tuple[str, ...]:
        """What all answers lack, a sentence each that says what to do; nothing where the store is whole."""
        ...

    async def expired(self) -> tuple[int, int]:
        """(spans that retention deleted in all, runs of which some were and some are left)."""
        ...


class PatternStore(SpanStore, Protocol):
    """What noticing patterns needs besides. Only the process that holds the project's ingest lease uses it."""

    async def scan(self, place: str | None, look: Callable[[Calls], T], limit: int = 100_000) -> tuple[T, str | None]:
        """Look at about the next `limit` calls after a place, by arrival, with some before it once more; off the event loop.

        Returns what `look` returns, and the place behind them: the same place where nothing is new.
        """
        ...

    async def looked(self) -> Looked:
        """How far was looked, as it was kept last."""
        ...

    async def keep_findings(self, found: Sequence[Finding], place: str | None = None, compared: Sequence[str] = ()) -> tuple[Finding, ...]:
        """Keep findings, how far was looked and which runs were compared, in one transaction.

        One that is known of the run is replaced only by one that counts more. Returns those of which nothing was known from any run.
        """
        ...
