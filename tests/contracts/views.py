"""The documented views of SQL as rows of the reference, and how a store's row is compared with one."""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from mcp_tracer.model import spool
from mcp_tracer.model.json_text import json_text
from mcp_tracer.model.span import Run, TraceSummary, Values
from mcp_tracer.model.sql import Scope
from mcp_tracer.model.values import jsonable
from tests.contracts import statistics, summaries
from tests.contracts.recording import Row
from tests.contracts.reference import Reference
from tests.contracts.span_store import is_near
from tests.contracts.statistics import HOUR_NS, Stats


@dataclass(frozen=True)
class Instant:
    """ISO 8601, within a millisecond."""

    ns: int


@dataclass(frozen=True)
class Percentile:
    """Milliseconds, within the sketch's error."""

    ns: int


KEYS = {"events": (0, 2, 6, 5), "functions": (0, 1, 2, 4), "hours": (0, 1, 2, 3, 4)}


def in_order(view: str, rows: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """By what tells rows of a view apart."""
    return sorted(rows, key=lambda row: tuple(row[at] for at in KEYS.get(view, (0,))))


def is_same(found: Any, expected: Any) -> bool:
    """A cell."""
    if isinstance(expected, Instant):
        return abs(datetime.fromisoformat(found.replace("Z", "+00:00")).timestamp() * 1e9 - expected.ns) < 1.1e6
    if isinstance(expected, Percentile):
        return is_near(found * 1e6, expected.ns)
    if isinstance(expected, float):
        return isinstance(found, float) and math.isclose(found, expected, rel_tol=1e-9, abs_tol=1e-9)
    return type(found) is type(expected) and found == expected


def rows_of(view: str, reference: Reference, scope: Scope) -> list[tuple[Any, ...]]:
    """All rows of a view."""
    makers = {"spans": span_cells, "errors": _error, "statements": _statement}
    if view in makers:
        chosen = [row for row in reference.rows if fits(row, scope)]
        wanted = {
            "spans": chosen,
            "errors": [row for row in chosen if row.error],
            "statements": [row for row in chosen if row.kind == "db"],
        }
        return [makers[view](row) for row in wanted[view]]
    if view == "events":
        return _events(reference, scope)
    if view == "traces":
        return [_trace(reference, one) for one in summaries.traces_of(reference.recordings) if _holds(one, scope)]
    if view == "runs":
        return [_run(one) for one in summaries.runs_of(reference.recordings) if scope.run_id in (None, one.run_id)]
    return list(_functions(reference, scope) if view == "functions" else _hours(reference, scope))


def fits(row: Row, scope: Scope) -> bool:
    """Whether a span is in the scope."""
    return (
        scope.run_id in (None, row.run_id)
        and scope.trace_id in (None, row.trace_id)
        and (scope.start_ns is None or row.start_ns >= scope.start_ns)
        and (scope.end_ns is None or row.start_ns < scope.end_ns)
    )


def span_cells(row: Row) -> tuple[Any, ...]:
    """A row of `spans`."""
    values = row.values or Values()
    return (
        row.span_id, row.trace_id, row.parent_span_id, row.run_id, row.function, row.file, row.line, row.kind, Instant(row.start_ns),
        row.start_ns, row.duration_ns / 1e6, row.self_ns / 1e6, row.depth, row.thread, row.error, int(row.finished), row.count,
        _json(values.params), json_text(jsonable(values.returned)) if values.has_return else None,
        values.error.message if values.error else None, _json(values.attributes or None),
    )  # fmt: skip


def _error(row: Row) -> tuple[Any, ...]:
    values = row.values or Values()
    raised = values.error.stack[-1] if values.error and values.error.stack else (None, None)
    return (
        row.span_id, row.trace_id, row.parent_span_id, row.run_id, row.function, row.file, row.line, Instant(row.start_ns),
        row.duration_ns / 1e6, row.depth, row.error, values.error.message if values.error else None, *raised[:2], _json(values.params),
    )  # fmt: skip


def _statement(row: Row) -> tuple[Any, ...]:
    said = (row.values or Values()).attributes
    return (
        row.span_id, row.parent_span_id, row.trace_id, row.run_id, said.get("db.system.name"), said.get("db.query.text"),
        _json(said.get("db.query.parameters")), said.get("db.response.returned_rows"), Instant(row.start_ns), row.duration_ns / 1e6,
        row.error,
    )  # fmt: skip


def _events(reference: Reference, scope: Scope) -> list[tuple[Any, ...]]:
    return [
        (one.span_id, row.run_id, one.number, one.kind, one.file, one.line, one.at_ns, _json(one.values))
        for one, row in reference.events
        if scope.run_id in (None, row.run_id)
    ]


def _holds(trace: TraceSummary, scope: Scope) -> bool:
    """A trace is in the scope with its start, and belongs to the run in which it began."""
    inside = (scope.start_ns is None or trace.start_ns >= scope.start_ns) and (scope.end_ns is None or trace.start_ns < scope.end_ns)
    return inside and scope.run_id in (None, trace.run_id) and scope.trace_id in (None, trace.trace_id)


def _trace(reference: Reference, one: TraceSummary) -> tuple[Any, ...]:
    said = one.attributes
    counted = [row for row in reference.rows if row.trace_id == one.trace_id and row.counted]
    return (
        one.trace_id, one.run_id, one.type, one.name, said.get("testId"), said.get("method"), said.get("url"), said.get("statusCode"),
        Instant(one.start_ns), (one.end_ns - one.start_ns) / 1e6, len(counted), one.errors,
    )  # fmt: skip


def _run(run: Run) -> tuple[Any, ...]:
    return (
        run.run_id, run.parent_run_id, shlex.join(run.argv), run.cwd, run.language, run.version, run.pid, Instant(run.start_ns),
        None if run.end_ns is None else (run.end_ns - run.start_ns) / 1e6, run.state, run.exit_code, run.git_commit, run.spans, run.errors,
        run.dropped, run.damaged, run.expired,
    )  # fmt: skip


def _functions(reference: Reference, scope: Scope) -> Iterator[tuple[Any, ...]]:
    """The line is that of the newest version that is known, whether the run called that or an older one."""
    known = [one.definitions for one in reference.recordings]
    lines = {
        (said["file"], said["name"], said["kind"]): said["line"]
        for one in known
        for (class_, _), said in one.items()
        if class_ == spool.DEF_FUNCTION
    }
    for run_id in _runs(reference, scope):
        for one in reference.stats(run_id).values():
            file, function, kind = one.key
            times = (one.total_ns, one.self_ns, one.total_ns / one.calls, one.min_ns, one.max_ns)
            percentiles = (Percentile(one.percentile(percent)) for percent in (50, 95, 99))
            counts = (one.calls, one.errors, *(time / 1e6 for time in times))
            yield run_id, function, file, lines[one.key], kind, *counts, *percentiles


def _hours(reference: Reference, scope: Scope) -> Iterator[tuple[Any, ...]]:
    """A scope's times hold whole hours."""
    for run_id in _runs(reference, scope):
        for hour in {one.at_ns // HOUR_NS for one in reference.calls}:
            begins = hour * HOUR_NS
            if (scope.start_ns is None or hour >= scope.start_ns // HOUR_NS) and (scope.end_ns is None or begins < scope.end_ns):
                calls = statistics.within(reference.calls, run_id, begins, begins + HOUR_NS)
                yield from (_hour(begins, run_id, one) for one in statistics.added_up(calls).values())


def _hour(begins: int, run_id: str, one: Stats) -> tuple[Any, ...]:
    file, function, kind = one.key
    hour = datetime.fromtimestamp(begins // 10**9, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    times = (one.total_ns / 1e6, one.self_ns / 1e6, one.max_ns / 1e6, Percentile(one.percentile(95)))
    return hour, run_id, function, file, kind, one.calls, one.errors, *times


def _runs(reference: Reference, scope: Scope) -> list[str]:
    return [one.run_id for one in reference.recordings if scope.run_id in (None, one.run_id)]


def _json(value: Any) -> str | None:
    return None if value is None else json_text(jsonable(value))
