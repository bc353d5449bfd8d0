"""The read side: the reference's answers in pages."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from mcp_tracer.model import cursor as cursors
from mcp_tracer.model import words
from mcp_tracer.model.errors import NotFound, UserError
from mcp_tracer.model.query import Page, Scan, SpanQuery
from mcp_tracer.model.span import CallPath, Event, FunctionStats, Run, Span, TraceSummary
from tests.contracts import statistics, summaries
from tests.contracts.in_memory.paths import paths_of
from tests.contracts.in_memory.patterns import InMemoryPatterns
from tests.contracts.in_memory.writing import InMemorySpanWriter
from tests.contracts.recording import FIELDS, Happened, Row

T = TypeVar("T")


class InMemorySpanStore(InMemoryPatterns, InMemorySpanWriter):
    """Everything of the port but SQL, which needs an engine."""

    def __init__(self, segment_spans: int = 1_000_000) -> None:
        InMemorySpanWriter.__init__(self, segment_spans)
        InMemoryPatterns.__init__(self)

    async def aclose(self) -> None:
        """Nothing is open."""

    async def runs(self, limit: int = 20, cursor: str | None = None) -> Page[Run]:
        return _page("runs", [self._expired_of(one) for one in summaries.runs_of(self.reference.recordings)], limit, cursor)

    async def run(self, run_id: str) -> Run:
        runs = [self._expired_of(one) for one in summaries.runs_of(self.reference.recordings)]
        word = words.word(run_id, words.RUNS)
        found = [summaries.chosen_run(runs, word)] if word else _with_prefix(run_id, {one.run_id: one for one in runs}, "run")
        if found[0] is None:
            raise NotFound(f"There is no {word} run.")
        return found[0]

    async def traces(self, run_id: str | None = None, limit: int = 20, cursor: str | None = None) -> Page[TraceSummary]:
        return _page("traces", summaries.traces_of(self.reference.recordings, run_id and (await self.run(run_id)).run_id), limit, cursor)

    async def trace(self, trace_id: str) -> TraceSummary:
        traces = summaries.traces_of(self.reference.recordings)
        word = words.word(trace_id, ("last", "last-failed"))
        if word is None:
            return _with_prefix(trace_id, {one.trace_id: one for one in traces}, "trace")[0]
        found = [one for one in traces if word == "last" or one.errors]
        if not found:
            raise NotFound(f"There is no {word} trace.")
        return found[0]

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
        rows = self.reference.trace_spans((await self.trace(trace_id)).trace_id, max_depth, under)
        if whole and len(rows) > limit:
            return Page((), None, len(rows))
        return _page("trace", [_span(row, values) for row in rows], limit, cursor)

    async def call_paths(self, trace_id: str, least_share: float = 0.0) -> tuple[CallPath, ...]:
        return paths_of(self.reference.trace_spans((await self.trace(trace_id)).trace_id), self.reference.counted, least_share)

    async def call_paths_of_run(self, run_id: str, least_share: float = 0.0) -> tuple[CallPath, ...]:
        chosen = (await self.run(run_id)).run_id
        return paths_of([row for row in self.reference.rows if row.run_id == chosen], self.reference.counted, least_share)

    async def span(self, span_id: str) -> Span:
        return _span(self._row(span_id))

    async def spans(self, span_ids: Sequence[str]) -> tuple[Span, ...]:
        known = {row.span_id: row for row in self.reference.rows}
        return tuple(_span(known[one]) for one in span_ids if one in known)

    async def callers(self, spans: Sequence[Span], known: Collection[str] = ()) -> tuple[Span, ...]:
        return tuple(_span(row) for row in self.reference.callers([one.span_id for one in spans], known))

    async def births(self, trace_id: str, *, start_ns: int | None = None, limit: int = 20) -> tuple[Span, ...]:
        return tuple(_span(row) for row in self.reference.births((await self.trace(trace_id)).trace_id, start_ns)[:limit])

    async def events(self, span_id: str, limit: int = 10_000) -> tuple[Event, ...]:
        return tuple(_event(one) for one in self.reference.events_of(self._row(span_id).span_id)[:limit])

    async def find_events(self, query: SpanQuery, *, seconds: float = 2.0) -> Scan[Event]:
        found = [_event(one) for one in self.reference.find_events(query)]
        return Scan(tuple(found[: query.limit]), len(found) <= query.limit)

    async def source_hashes(self, span_id: str | None = None) -> tuple[str, ...]:
        return self.reference.source_hashes(None if span_id is None else self._row(span_id))

    async def search(self, query: SpanQuery) -> Page[Span]:
        if query.limit < 1 or query.order not in ("time", "duration"):
            raise UserError("The limit is at least 1, the order time or duration.")
        found = self.reference.search(query)
        return _page(f"search-{query.order}-{query.descending}", [_span(row, query.values) for row in found], query.limit, query.cursor)

    async def function_stats(
        self, file: str | None = None, function: str | None = None, run_id: str | None = None
    ) -> tuple[FunctionStats, ...]:
        return tuple(one.told() for one in self.reference.function_stats(file, function, run_id and (await self.run(run_id)).run_id))

    async def hotspots(
        self, *, by: str = "self", run_id: str | None = None, start_ns: int | None = None, end_ns: int | None = None, limit: int = 20
    ) -> tuple[FunctionStats, ...]:
        if by not in ("self", "total"):
            raise UserError("by is self or total.")
        found = self.reference.stats(run_id and (await self.run(run_id)).run_id, start_ns, end_ns)
        return tuple(one.told() for one in statistics.ranked(found, by, limit))

    async def self_time(self, run_id: str | None = None) -> int:
        return sum(one.self_ns for one in await self.function_stats(run_id=run_id))

    async def call_count(self, run_id: str | None = None) -> int:
        return sum(one.calls for one in await self.function_stats(run_id=run_id))

    async def names(self, kind: str, prefix: str, limit: int = 100) -> tuple[str, ...]:
        reference = self.reference
        known = {
            "trace": [one.trace_id for one in summaries.traces_of(reference.recordings)],
            "run": [one.run_id for one in summaries.runs_of(reference.recordings)],
            "function": sorted(name for name in reference.names() if prefix.lower() in name.lower()),
            "file": sorted(reference.files()),
        }
        if kind not in known:
            raise UserError("kind is file, function, trace or run.")
        return tuple(name for name in known[kind] if kind == "function" or name.startswith(prefix))[:limit]

    async def size(self) -> tuple[int, int]:
        return self.bytes_of(self.arrived), len(self.reference.rows)

    async def lacking(self) -> tuple[str, ...]:
        return ()

    async def expired(self) -> tuple[int, int]:
        left = {one.run_id for one in self.reference.recordings}
        return len(self.deleted), len({run for _, run in self.deleted} & left)

    def _expired_of(self, run: Run) -> Run:
        return replace(run, expired=sum(one == run.run_id for _, one in self.deleted))

    def _row(self, span_id: str) -> Row:
        found = [row for row in self.reference.rows if row.span_id == span_id.lower()]
        if not found:
            raise NotFound(f"There is no span {span_id!r}.")
        return found[0]


def _span(row: Row, values: bool = True) -> Span:
    fields: dict[str, Any] = {name: getattr(row, name) for name in FIELDS}
    return Span(key=row.source << 32 | row.seq, values=row.values if values else None, **fields)


def _event(one: Happened) -> Event:
    return Event(one.span_id, one.number, one.at_ns, one.kind, one.line, one.values, one.column)


def _page(kind: str, rows: Sequence[T], limit: int, cursor: str | None) -> Page[T]:
    """Rows of a list that nothing is added to: a cursor is how many came before."""
    first = (cursors.decode(cursor, kind, int) or (0,))[0]
    more = cursors.encode(kind, first + limit) if len(rows) > first + limit else None
    return Page(tuple(rows[first : first + limit]), more, len(rows))


def _with_prefix(text: str, known: dict[str, T], what: str) -> list[T]:
    """What has an id that begins so, with at least 6 digits."""
    found = [one for id_, one in known.items() if id_.startswith(text.lower())] if text else []
    if len(found) == 1 and len(text) >= 6:
        return found
    if found:
        raise UserError(f"{text!r} is too short for the id of a {what}, or the beginning of several.")
    raise NotFound(f"There is no {what} {text!r}: there are {', '.join(known)}.")
