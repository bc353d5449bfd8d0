"""Statistics of functions as pure functions over rows and counts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from mcp_tracer.model.span import FunctionStats
from tests.contracts.recording import Counted, Row

Key = tuple[str, str, str]
HOUR_NS = 3600 * 10**9


@dataclass(frozen=True)
class Stats:
    """A function's (or a file's) calls added up; `durations` of all, ascending."""

    key: Key
    line: int
    calls: int
    errors: int
    total_ns: int
    self_ns: int
    min_ns: int
    max_ns: int
    estimated: int
    durations: tuple[int, ...]

    def percentile(self, percent: int) -> int:
        """The duration that so many of a hundred do not exceed."""
        return self.durations[max(0, -(-len(self.durations) * percent // 100) - 1)]

    def told(self) -> FunctionStats:
        """As a store tells it, with percentiles that are exact."""
        sums = (self.calls, self.errors, self.total_ns, self.self_ns, self.min_ns, self.max_ns)
        file, function, kind = self.key
        return FunctionStats(file, function, self.line, kind, *sums, *map(self.percentile, (50, 95, 99)), self.estimated)


def as_counted(row: Row) -> Counted:
    """A span as one call."""
    numbers = (1, int(row.error is not None), row.duration_ns, row.self_ns, row.duration_ns, row.duration_ns)
    return Counted((row.file, row.function, row.kind), row.line, row.run_id, row.start_ns, row.source, *numbers)


def within(calls: Iterable[Counted], run_id: str | None, start_ns: int | None, end_ns: int | None) -> list[Counted]:
    """Those of a run and a time window."""
    return [
        one
        for one in calls
        if run_id in (None, one.run_id) and (start_ns is None or one.at_ns >= start_ns) and (end_ns is None or one.at_ns < end_ns)
    ]


def matching(calls: Iterable[Counted], file: str | None, function: str | None) -> list[Counted]:
    """Those of the functions that match; with function '' all of the file."""
    return [
        one
        for one in calls
        if (file is None or fnmatchcase(one.key[0], file) or fnmatchcase(one.key[0], f"*/{file}"))
        and (not function or any(fnmatchcase(name, function) for name in (one.key[1], one.key[1].split(".")[-1])))
    ]


def added_up(calls: Iterable[Counted], by_file: bool = False) -> dict[Key, Stats]:
    """One a function, all its versions together (the line is the newest's), or one a file."""
    groups: dict[Key, list[Counted]] = {}
    for one in calls:
        groups.setdefault((one.key[0], "", "file") if by_file else one.key, []).append(one)
    return {
        key: Stats(
            key,
            0 if by_file else max(group, key=lambda one: one.source).line,
            *(sum(getattr(one, name) for one in group) for name in ("calls", "errors", "total_ns", "self_ns")),
            min(one.min_ns for one in group),
            max(one.max_ns for one in group),
            sum(one.estimated for one in group),
            tuple(sorted(duration for one in group for duration in [one.total_ns // max(1, one.calls)] * one.calls)),
        )
        for key, group in groups.items()
    }


def ranked(found: dict[Key, Stats], by: str = "total", limit: int | None = None) -> list[Stats]:
    """Those of most total or self time first; equal ones by file, function and kind."""
    return sorted(found.values(), key=lambda one: (-(one.total_ns if by == "total" else one.self_ns), one.key))[:limit]
