"""The views `functions` and `hours`: rollups as rows, however many spans they stand for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timezone
from typing import Any

import numpy as np

from mcp_tracer.model.sql import Scope
from mcp_tracer.storage.sqlite import rollup
from mcp_tracer.storage.sqlite.names import Function
from mcp_tracer.storage.sqlite.rollup import HOUR_NS, Rollup
from mcp_tracer.storage.sqlite.snapshot import Snapshot


def by_function(snapshot: Snapshot, scope: Scope) -> Iterator[tuple[Any, ...]]:
    """Rows of `functions`. Of the scope the run counts."""
    whole, functions, runs = _collected(snapshot, scope, hourly=False)
    if not len(whole.keys):
        return
    percentiles = _milliseconds(whole, (0.5, 0.95, 0.99))
    for row, (key, sums) in enumerate(zip(whole.keys.tolist(), whole.sums.tolist(), strict=True)):
        _, run, group = key
        calls, errors, total, own, least, most, _ = sums
        one = functions[int(group)]
        times = (total / 1e6, own / 1e6, total / max(calls, 1) / 1e6, least / 1e6, most / 1e6)
        yield (runs[run], one.name, one.file, one.line, one.kind, calls, errors, *times, *percentiles[row])


def by_hour(snapshot: Snapshot, scope: Scope) -> Iterator[tuple[Any, ...]]:
    """Rows of `hours`. Of the scope the run counts, and the times, by whole hours."""
    whole, functions, runs = _collected(snapshot, scope, hourly=True)
    if not len(whole.keys):
        return
    percentiles = _milliseconds(whole, (0.95,))
    for row, (key, sums) in enumerate(zip(whole.keys.tolist(), whole.sums.tolist(), strict=True)):
        hour, run, group = key
        calls, errors, total, own, _, most, _ = sums
        one = functions[int(group)]
        yield (_hour(hour), runs[run], one.name, one.file, one.kind, calls, errors, total / 1e6, own / 1e6, most / 1e6, *percentiles[row])


def _hour(hour: int) -> str:
    return datetime.fromtimestamp(hour * 3600, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def _milliseconds(whole: Rollup, fractions: Sequence[float]) -> list[tuple[float, ...]]:
    rows = np.arange(len(whole.keys))
    columns: list[list[float]] = [(rollup.percentile(whole, rows, fraction) / 1e6).tolist() for fraction in fractions]
    return list(zip(*columns, strict=True))


def _collected(snapshot: Snapshot, scope: Scope, hourly: bool) -> tuple[Rollup, list[Function], dict[int, str]]:
    """Statistics by (hour or 0, run, group of function versions), what the groups are called, and the runs' ids."""
    parts = [part for segment in snapshot.segments for part in _stored(segment.db, segment.sealed and not hourly)]
    part = rollup.merged(parts)
    keep = np.ones(len(part.keys), np.bool_)
    if scope.run_id is not None:
        keep &= part.keys["run"] == (snapshot.names.run_of(scope.run_id) or 0)
    if hourly and scope.start_ns is not None:
        keep &= part.keys["hour"] >= scope.start_ns // HOUR_NS
    if hourly and scope.end_ns is not None:
        keep &= part.keys["hour"] < -(-scope.end_ns // HOUR_NS)
    part = rollup.kept(part, keep)
    groups, functions = _groups(snapshot.names.functions)
    keys = np.zeros(len(part.keys), rollup.KEYS)
    keys["run"], keys["fn"] = part.keys["run"], groups[part.keys["fn"]]
    keys["hour"] = part.keys["hour"] if hourly else 0
    return (
        rollup.regrouped(Rollup(keys, part.sums, part.hist)),
        functions,
        {row[0]: row[1] for row in snapshot.all("SELECT id, run_id FROM run")},
    )


def _stored(db: Any, whole: bool) -> Iterator[Rollup]:
    for row in db.execute("SELECT keys, sums, hist FROM rollup WHERE whole=?", (int(whole),)):
        yield rollup.decode(*row)


def _groups(known: Sequence[Function]) -> tuple[Any, list[Function]]:
    """Versions of one function are one: its group by id, and the newest version of each group."""
    numbers: dict[tuple[str, str, str], int] = {}
    newest: list[Function] = []
    of = np.zeros(len(known), np.int64)
    for one in known:
        of[one.id] = group = numbers.setdefault((one.file, one.name, one.kind), len(numbers))
        newest[group : group + 1] = [one]
    return of, newest
