"""Unbounded recursion: a few functions call each other down to the depth at which recording stops, or until the language ends it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice, takewhile
from typing import Final

import numpy as np

from mcp_tracer.analysis.patterns.groups import finding
from mcp_tracer.model.calls import SITES, Calls
from mcp_tracer.model.patterns import Finding, Thresholds

CYCLE: Final = 3
LOOKED_AT: Final = 20
MOST_ROWS: Final = 100
_ENDED_BY: Final = ("RecursionError",)


def unbounded_recursion(calls: Calls, thresholds: Thresholds) -> list[Finding]:
    """One finding a set of functions and run."""
    rows = calls.rows
    ended = np.array([error in _ENDED_BY for error in calls.errors], np.bool_)[rows["err"]]
    deep = np.flatnonzero(((rows["depth"] >= thresholds.deepest) | ended) & ~calls.of_kind(*SITES))
    deep = deep[np.argsort(-rows["depth"][deep], kind="stable")][:MOST_ROWS]
    found: dict[tuple[str, str], Finding] = {}
    for row in deep.tolist():
        names = _cycle(calls, row)
        subject = ", ".join(sorted(names))
        if names and (calls.run_id(row), subject) not in found:
            found[calls.run_id(row), subject] = _finding(calls, row, names, bool(ended[row]), thresholds)
    return list(found.values())


def _cycle(calls: Calls, row: int) -> set[str]:
    """The functions that come again and again among the nearest callers; empty where the way up is an ordinary one."""
    names = [calls.name(each) for each in islice(_way_up(calls, row), LOOKED_AT)]
    again = [*takewhile(lambda name: names.count(name) > 1, names)]
    return set(again) if len(again) >= LOOKED_AT // 2 and len(set(again)) <= CYCLE else set()


def _way_up(calls: Calls, row: int) -> Iterator[int]:
    """The row, its caller, and so on."""
    while row >= 0:
        yield row
        row = int(calls.callers[row])


def _finding(calls: Calls, row: int, names: set[str], ended: bool, thresholds: Thresholds) -> Finding:
    subject, whom = ", ".join(sorted(names)), "itself" if len(names) == 1 else "each other"
    way = [*takewhile(lambda each: calls.name(each) in names, _way_up(calls, row))]
    is_cut = int(calls.rows["depth"][row]) >= thresholds.deepest - len(SITES)
    least = f" or more (below {thresholds.deepest} levels, TRACING_MAX_DEPTH, calls are only counted)" if is_cut else ""
    how = ", until RecursionError" if ended else ""
    came_back = not ended and calls.rows["err"][way[-1]] == 0
    check = "it came back; check that there is a bound" if came_back else "check what ends the recursion"
    sentence = f"{subject} called {whom} {len(way)} calls deep{least}{how}: {check}."
    return finding(calls, "unbounded-recursion", subject, sentence, [row], [way[-1], row])
