"""Error bursts: one function fails the same way many times within a short time."""

from __future__ import annotations

import numpy as np

from mcp_tracer.analysis.patterns.groups import finding, groups
from mcp_tracer.model.calls import Calls
from mcp_tracer.model.patterns import Finding, Thresholds


def error_bursts(calls: Calls, thresholds: Thresholds) -> list[Finding]:
    """Counts errors where they were born: callers that they only passed through don't count."""
    rows = calls.rows
    failed = rows["err"] > 0
    passed = calls.callers[failed & (calls.callers >= 0)]
    born = failed & ~calls.of_kind("call", "await", "test")
    born[passed[rows["err"][passed] > 0]] = False
    found: list[Finding] = []
    for same in groups(np.flatnonzero(born), thresholds.errors, rows["run"], rows["fn"], rows["err"]):
        densest = _densest(rows["start"][same], thresholds.errors_within_ns)
        if densest[1] - densest[0] >= thresholds.errors:
            found.append(_finding(calls, [same[at] for at in np.argsort(rows["start"][same], kind="stable")[slice(*densest)]]))
    return found


def _densest(starts: np.ndarray[tuple[int], np.dtype[np.int64]], within_ns: int) -> tuple[int, int]:
    """The bounds, in order of start, of the most that began within the time."""
    ordered = np.sort(starts)
    ends = np.searchsorted(ordered, ordered + within_ns, side="right")
    first = int(np.argmax(ends - np.arange(len(ordered))))
    return first, int(ends[first])


def _finding(calls: Calls, rows: list[int]) -> Finding:
    error, starts = calls.errors[int(calls.rows["err"][rows[0]])], calls.rows["start"][rows]
    took = (int(starts.max()) - int(starts.min())) / 1e9
    sentence = f"{calls.name(rows[0])} failed {len(rows)} times with {error} within {took:.3g} s."
    return finding(calls, "error-burst", f"{calls.name(rows[0])} {error}", sentence, rows, rows)
