"""Repeated pure calls: a function gives the same result for the same arguments many times in one trace, and takes time for it."""

from __future__ import annotations

from typing import Final

import numpy as np

from mcp_tracer.analysis.alike import without_addresses
from mcp_tracer.analysis.patterns.groups import finding, groups, shown
from mcp_tracer.analysis.text import arguments
from mcp_tracer.model.calls import Calls
from mcp_tracer.model.patterns import Finding, Thresholds
from mcp_tracer.model.span import Values
from mcp_tracer.model.values import Mark, Obj

MOST_DECODED: Final = 300
MOST_GROUPS: Final = 20
_OUTSIDE: Final = ("db", "http-client", "http-server")


def repeated_pure_calls(calls: Calls, thresholds: Thresholds) -> list[Finding]:
    """Functions whose every recorded call with equal arguments returned equal values, and that asked nothing outside."""
    rows = calls.rows
    impure = _functions_that_ask_outside(calls)
    candidates = np.flatnonzero(calls.of_kind("function", "method", "coroutine") & (rows["err"] == 0) & ~np.isin(rows["fn"], impure))
    by_cost = [(int(rows["dur"][one].sum()), one) for one in groups(candidates, thresholds.repeats, rows["trace"], rows["fn"])]
    found: list[Finding] = []
    for _, same in sorted(by_cost, reverse=True)[:MOST_GROUPS]:
        if int(rows["dur"][same].sum()) >= thresholds.repeats_ns:
            found += _repeats(calls, same[:MOST_DECODED], thresholds)
    return found


def _functions_that_ask_outside(calls: Calls) -> list[int]:
    """The functions above a statement or a request, as far up as the rows go; each row is looked at once."""
    callers, seen = calls.callers, np.zeros(len(calls.rows), np.bool_)
    above = callers[calls.of_kind(*_OUTSIDE)]
    while len(above := np.unique(above[above >= 0])):
        above = above[~seen[above]]
        seen[above] = True
        above = callers[above]
    return np.unique(calls.rows["fn"][seen]).tolist()


def _repeats(calls: Calls, rows: list[int], thresholds: Thresholds) -> list[Finding]:
    by_arguments: dict[str, tuple[set[str], list[int], Values]] = {}
    for row, values in zip(rows, calls.values(rows), strict=True):
        if values is None or not values.params or not values.has_return or not _is_told(values):
            return []
        results, same, _ = by_arguments.setdefault(repr(values.params), (set(), [], values))
        results.add(without_addresses(repr(values.returned)))
        same.append(row)
    if any(len(results) > 1 for results, _, _ in by_arguments.values()):
        return []
    _, most, values = max(by_arguments.values(), key=lambda one: len(one[1]))
    took = int(calls.rows["dur"][most].sum())
    if len(most) < thresholds.repeats or took < thresholds.repeats_ns:
        return []
    called = shown(calls.functions[int(calls.rows["fn"][most[0]])].name + arguments(values, 40))
    times = f"{len(most)} times with the same result in one trace, {took / 1e6:.3g} ms in all"
    sentence = f"{called} was computed {times}: keep the result, if it does nothing else."
    return [finding(calls, "repeated-pure-call", calls.name(most[0]), sentence, most, most)]


def _is_told(values: Values) -> bool:
    """Whether equal texts mean equal values: an object of which only the type is known may be any, and a function without result acts."""
    if values.returned is None:
        return False
    return not any(isinstance(one, Mark) or (isinstance(one, Obj) and one.content is None) for one in (values.params or {}).values())
