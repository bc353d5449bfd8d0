"""Slow queries: statements that took long."""

from __future__ import annotations

from typing import Final

import numpy as np

from mcp_tracer.analysis.patterns.groups import finding, shown, statement_of
from mcp_tracer.model.calls import Calls
from mcp_tracer.model.patterns import Finding, Thresholds

MOST_DECODED: Final = 500


def slow_queries(calls: Calls, thresholds: Thresholds) -> list[Finding]:
    """One finding a statement and run."""
    durations = calls.rows["dur"]
    slow = np.flatnonzero(calls.of_kind("db") & (durations >= thresholds.slow_query_ns))
    rows: list[int] = slow[np.argsort(-durations[slow], kind="stable")][:MOST_DECODED].tolist()
    same: dict[tuple[str, str], list[int]] = {}
    for row, values in zip(rows, calls.values(rows), strict=True):
        same.setdefault((calls.run_id(row), statement_of(values) or calls.name(row)), []).append(row)
    return [_finding(calls, text, chosen, thresholds) for (_, text), chosen in same.items()]


def _finding(calls: Calls, text: str, rows: list[int], thresholds: Thresholds) -> Finding:
    most, mean = calls.rows["dur"][rows[0]] / 1e6, float(calls.rows["dur"][rows].mean()) / 1e6
    times = f"{len(rows)} times" if len(rows) > 1 else "once"
    sentence = f"{shown(text)} took {thresholds.slow_query_ns / 1e6:g} ms or more {times}: {mean:.3g} ms on average, {most:.3g} ms at most."
    return finding(calls, "slow-database-query", text, sentence, rows, rows)
