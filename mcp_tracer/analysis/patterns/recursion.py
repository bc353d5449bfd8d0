"""Unbounded recursion: a few functions call each other down to the depth at which recording stops, or until the language ends it."""

from __future__ import annotations

from typing import Final

import numpy as np

from mcp_tracer.analysis.patterns.groups import finding
from mcp_tracer.model.calls import Calls
from mcp_tracer.model.patterns import Finding, Thresholds

CYCLE: Final = 3
LOOKED_AT: Final = 20
MOST_ROWS: Final = 100
_ENDED_BY: Final = ("RecursionError",)


def unbounded_recursion(calls: Calls, thresholds: Thresholds) -> list[Finding]:
    """One finding a set of functions and run."""
    rows = calls.rows
    ended = np.array([error in _ENDED_BY for error in calls.errors], np.bool_)[rows["err"]]
    deep = np.flatnonzero((rows["depth"] >= thresholds.deepest) | ended)
    deep = deep[np.argsort(-rows["depth"][deep], kind="stable")][:MOST_ROWS]
    found: dict[tuple[str, str], Finding] = {}
    for row in deep.tolist():
        names = _cycle(calls, row)
        if names:
            subject = ", ".join(sorted(names))
            found.setdefault((calls.run_id(row), subject), _finding(calls, row, subject, bool(ended[row])))
    return list(found.values())


def _cycle(calls: Calls, row: int) -> set[str]:
    """The functions among the nearest callers where they are few; empty where the way up is an ordinary one."""
    names: list[str] = []
    while row >= 0 and len(names) < LOOKED_AT:
        names.append(calls.name(row))
        row = int(calls.callers[row])
    return set(names) if len(names) >= LOOKED_AT // 2 and len(set(names)) <= CYCLE else set()


def _finding(calls: Calls, row: int, subject: str, ended: bool) -> Finding:
    depth = int(calls.rows["depth"][row])
    how = "until RecursionError" if ended else "and deeper calls were not recorded"
    sentence = (
        f"{subject} called {'itself' if ', ' not in subject else 'each other'} {depth} calls deep, {how}: check what ends the recursion."
    )
    return finding(calls, "unbounded-recursion", subject, sentence, [row], [row])
