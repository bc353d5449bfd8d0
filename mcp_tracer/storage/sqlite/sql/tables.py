"""The other views of a query's private database: traces, runs, events."""

from __future__ import annotations

import shlex
import sqlite3
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from typing import Any, Final

from mcp_tracer.model.span import Run
from mcp_tracer.model.sql import BY_NAME, Scope
from mcp_tracer.storage.sqlite import definitions, events, runs
from mcp_tracer.storage.sqlite.sections import event_values
from mcp_tracer.storage.sqlite.snapshot import Segment, Snapshot
from mcp_tracer.storage.sqlite.spans import span_id
from mcp_tracer.storage.sqlite.sql import statistics
from mcp_tracer.storage.sqlite.sql.guard import Patience
from mcp_tracer.storage.sqlite.sql.spans import Loaded
from mcp_tracer.storage.sqlite.sql.values import as_json
from mcp_tracer.storage.sqlite.traces import open_until

MOST_EVENTS: Final = 300_000
_MOST_RUNS: Final = 10_000
_TRACE: Final = "trace_id, n, errs, start, end, src, root_fn, root_start, test_id, definition"


def load(db: sqlite3.Connection, snapshot: Snapshot, scope: Scope, used: dict[str, set[str]], patience: Patience) -> Loaded:
    """Make the views of this module that are used, as tables. Gives the events that were loaded."""
    for name in _ROWS.keys() & used.keys():
        _create(db, name, _ROWS[name](snapshot, scope), patience)
    if "events" not in used:
        return Loaded()
    taken, left_out = _event_frames(snapshot, scope)
    with_values = "variables" in used["events"]
    rows = (row for segment, frame in taken for row in _events(snapshot, segment, frame, with_values))
    return Loaded(_create(db, "events", rows, patience), left_out)


def _create(db: sqlite3.Connection, name: str, rows: Iterator[tuple[Any, ...]], patience: Patience) -> int:
    columns = [column.name for column in BY_NAME[name].columns]
    db.execute(f"CREATE TABLE {name}({', '.join(columns)})")
    db.execute("BEGIN")
    done = db.executemany(f"INSERT INTO {name} VALUES({','.join('?' * len(columns))})", _watched(rows, patience)).rowcount
    db.execute("COMMIT")
    return max(0, done)


def _watched(rows: Iterator[tuple[Any, ...]], patience: Patience) -> Iterator[tuple[Any, ...]]:
    for number, row in enumerate(rows):
        if number % 512 == 0:
            patience.check()
        yield row


def _runs(snapshot: Snapshot, scope: Scope) -> Iterator[tuple[Any, ...]]:
    found = [runs.run_by_id(snapshot, scope.run_id)] if scope.run_id else runs.page_of_runs(snapshot, _MOST_RUNS, None).rows
    return (_run(one) for one in found)


def _run(run: Run) -> tuple[Any, ...]:
    took = None if run.end_ns is None else (run.end_ns - run.start_ns) / 1e6
    return (
        run.run_id, run.parent_run_id, shlex.join(run.argv), run.cwd, run.language, run.version, run.pid, iso(run.start_ns), took,
        run.state, run.exit_code, run.git_commit, run.spans, run.errors, run.dropped, run.damaged, run.expired,
    )  # fmt: skip


def _traces(snapshot: Snapshot, scope: Scope) -> Iterator[tuple[Any, ...]]:
    """One row a trace, from what the segments know of it; a scope's run is the one in which it began."""
    rows: dict[bytes, list[tuple[Any, ...]]] = {}
    for segment in snapshot.segments:
        for row in segment.db.execute(f"SELECT {_TRACE} FROM trace WHERE start IS NOT NULL"):
            rows.setdefault(row[0], []).append(row)
    opened = open_until(snapshot)
    wanted = None if scope.trace_id is None else bytes.fromhex(scope.trace_id)
    for trace_id, parts in rows.items():
        if wanted in (None, trace_id):
            made = _trace(snapshot, parts, opened.get(trace_id, 0))
            if scope.run_id in (None, made[1]) and _is_within(min(part[3] for part in parts), scope):
                yield made


def _is_within(start: int, scope: Scope) -> bool:
    return (scope.start_ns is None or start >= scope.start_ns) and (scope.end_ns is None or start < scope.end_ns)


def _trace(snapshot: Snapshot, parts: list[tuple[Any, ...]], open_until: int) -> tuple[Any, ...]:
    start, end = min(part[3] for part in parts), max(open_until, max(part[4] or part[3] for part in parts))
    root = min((part for part in parts if part[7] is not None), key=lambda part: part[7], default=parts[0])
    function = "" if root[6] is None else snapshot.names.functions[int(root[6])].name
    definition = definitions.of_trace((part[9] for part in parts), root[5])
    test = definition.get("testId")
    name = definitions.name_of(definition) or function
    return (
        parts[0][0].hex(), snapshot.names.source(root[5]).run_id, str(definition.get("type", "call")), name, test,
        definition.get("method"), definition.get("url"), definition.get("statusCode"), iso(start), (end - start) / 1e6,
        sum(part[1] for part in parts), sum(part[2] for part in parts),
    )  # fmt: skip


def _event_frames(snapshot: Snapshot, scope: Scope) -> tuple[list[tuple[Segment, int]], int]:
    """(segment, frame) of the newest events, oldest first; and how many older ones are left out. Of the scope the run counts."""
    sources = None if scope.run_id is None else set(snapshot.names.sources_of(scope.run_id))
    taken: list[tuple[Segment, int]] = []
    room, left_out = MOST_EVENTS, 0
    for segment in reversed(snapshot.segments):
        for frame, source, n in segment.db.execute("SELECT id, src, n FROM event_frame ORDER BY id DESC"):
            if sources is not None and source not in sources:
                continue
            room -= n
            if room < 0:
                left_out += n
            else:
                taken.append((segment, frame))
    return taken[::-1], left_out


def _events(snapshot: Snapshot, segment: Segment, frame: int, with_values: bool) -> Iterator[tuple[Any, ...]]:
    source_id, n, blob = segment.db.execute("SELECT src, n, z FROM event_frame WHERE id=?", (frame,)).fetchone()
    source, found = snapshot.names.source(source_id), events.unpacked(n, blob)
    for (seq, number, at, fn, _), payload in zip(found.rows.tolist(), found.payloads, strict=True):
        function = snapshot.names.functions[int(fn)]
        values = as_json(dict(event_values(payload))) if with_values else None
        yield span_id(source, seq), source.run_id, number, function.kind, function.file, function.line, at, values


def iso(ns: int) -> str:
    """An instant in ISO 8601, UTC, milliseconds."""
    return datetime.fromtimestamp(ns / 1e9, timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


_ROWS: Final[dict[str, Callable[[Snapshot, Scope], Iterator[tuple[Any, ...]]]]] = {
    "runs": _runs,
    "traces": _traces,
    "functions": statistics.by_function,
    "hours": statistics.by_hour,
}
