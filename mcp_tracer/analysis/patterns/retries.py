"""Retry storms: one call makes the same failing call, with the same arguments, over and over, with no success between."""

from __future__ import annotations

from typing import Final

import numpy as np

from mcp_tracer.analysis.alike import without_addresses
from mcp_tracer.analysis.patterns.groups import finding, groups
from mcp_tracer.model.calls import Calls
from mcp_tracer.model.patterns import Finding, Thresholds
from mcp_tracer.model.span import Values

MOST_DECODED: Final = 200
_SAME: Final = ("db.query.text", "db.query.parameters", "http.request.method", "url.full")


def retry_storms(calls: Calls, thresholds: Thresholds) -> list[Finding]:
    """One finding a caller: attempts that failed one after another, and the one that ended them where it did not."""
    rows, callers = calls.rows, calls.callers
    failed = (rows["err"] > 0) & (callers >= 0) & ~calls.of_kind("call", "await")
    failing = np.isin(rows["fn"], np.unique(rows["fn"][failed])) & np.isin(callers, np.unique(callers[failed]))
    found: list[Finding] = []
    for attempts in groups(np.flatnonzero(failing), thresholds.retries, callers, rows["fn"]):
        if int(np.count_nonzero(failed[attempts])) >= thresholds.retries:
            found += _of_caller(calls, _around_failures(calls, attempts), thresholds.retries)
    return found


def _around_failures(calls: Calls, attempts: list[int]) -> list[int]:
    """As many attempts, one after another, as are decoded: those among which most failed, and what came after these."""
    if len(attempts) <= MOST_DECODED:
        return attempts
    rows = np.array(attempts)[np.argsort(calls.rows["start"][attempts], kind="stable")]
    failed = np.concatenate(([0], np.cumsum(calls.rows["err"][rows] > 0)))
    among = failed[MOST_DECODED:] - failed[:-MOST_DECODED]
    first = int(np.flatnonzero(among == among.max())[-1])
    return rows[first : first + MOST_DECODED].tolist()


def _of_caller(calls: Calls, attempts: list[int], least: int) -> list[Finding]:
    same: dict[str, list[int]] = {}
    for row, values in zip(attempts, calls.values(attempts), strict=True):
        same.setdefault(_asked(values), []).append(row)
    streaks = (_longest(calls, one) for one in same.values())
    return [_finding(calls, int(calls.callers[failed[0]]), failed, after) for failed, after in streaks if len(failed) >= least]


def _longest(calls: Calls, rows: list[int]) -> tuple[list[int], int | None]:
    """The most calls in a row that failed, in order of time, and the one after them, which did not."""
    best: tuple[list[int], int | None] = ([], None)
    streak: list[int] = []
    for row in (*sorted(rows, key=lambda each: int(calls.rows["start"][each])), None):
        if row is not None and calls.rows["err"][row]:
            streak.append(row)
            continue
        best = max(best, (streak, row), key=lambda one: len(one[0]))
        streak = []
    return best


def _asked(values: Values | None) -> str:
    """What was asked for, as text to compare."""
    if values is None:
        return ""
    return without_addresses(repr((values.params, [values.attributes.get(name) for name in _SAME])))


def _finding(calls: Calls, caller: int, rows: list[int], after: int | None) -> Finding:
    name, error = calls.name(rows[0]), calls.errors[int(calls.rows["err"][rows[-1]])]
    starts = calls.rows["start"][rows]
    took = (int(starts.max()) - int(starts.min())) / 1e6
    more = " or more" if len(rows) == MOST_DECODED else ""
    succeeded = "the next succeeded; pause longer between attempts, or find what they wait for"
    ended = "retry less often, or not at all where it cannot succeed" if after is None else succeeded
    sentence = (
        f"{calls.name(caller)} called {name} {len(rows)} times{more} with the same arguments in one call, and each failed ({error}), "
        f"within {took:.3g} ms: {ended}."
    )
    return finding(calls, "retry-storm", f"{calls.name(caller)} {name}", sentence, rows, [caller, *rows])
