"""Retry storms: one call makes the same failing call, with the same arguments, over and over."""

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
    """One finding a caller."""
    rows, callers = calls.rows, calls.callers
    failed = np.flatnonzero((rows["err"] > 0) & (callers >= 0) & ~calls.of_kind("call", "await"))
    found: list[Finding] = []
    for attempts in groups(failed, thresholds.retries, callers, rows["fn"]):
        same: dict[str, list[int]] = {}
        for row, values in zip(attempts[:MOST_DECODED], calls.values(attempts[:MOST_DECODED]), strict=True):
            same.setdefault(_asked(values), []).append(row)
        found += [_finding(calls, int(callers[one[0]]), one) for one in same.values() if len(one) >= thresholds.retries]
    return found


def _asked(values: Values | None) -> str:
    """What was asked for, as text to compare."""
    if values is None:
        return ""
    return without_addresses(repr((values.params, [values.attributes.get(name) for name in _SAME])))


def _finding(calls: Calls, caller: int, rows: list[int]) -> Finding:
    name, error = calls.name(rows[0]), calls.errors[int(calls.rows["err"][rows[-1]])]
    starts = calls.rows["start"][rows]
    took = (int(starts.max()) - int(starts.min())) / 1e6
    sentence = (
        f"{calls.name(caller)} called {name} {len(rows)} times with the same arguments in one call, and each failed ({error}), "
        f"within {took:.3g} ms: retry less often, or not at all where it cannot succeed."
    )
    return finding(calls, "retry-storm", f"{calls.name(caller)} {name}", sentence, rows, [caller, *rows])
