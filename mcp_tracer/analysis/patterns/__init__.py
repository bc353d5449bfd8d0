"""Patterns in recorded calls, one file each: pure functions from calls to findings. The same finding may be made of overlapping calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from mcp_tracer.analysis.patterns.bursts import error_bursts
from mcp_tracer.analysis.patterns.n_plus_one import n_plus_one_queries
from mcp_tracer.analysis.patterns.pure import repeated_pure_calls
from mcp_tracer.analysis.patterns.recursion import unbounded_recursion
from mcp_tracer.analysis.patterns.retries import retry_storms
from mcp_tracer.analysis.patterns.slow_queries import slow_queries
from mcp_tracer.model.calls import Calls
from mcp_tracer.model.patterns import Finding, Thresholds

DETECTORS: Final[tuple[Callable[[Calls, Thresholds], list[Finding]], ...]] = (
    n_plus_one_queries,
    slow_queries,
    error_bursts,
    retry_storms,
    unbounded_recursion,
    repeated_pure_calls,
)


def find(calls: Calls, thresholds: Thresholds) -> list[Finding]:
    """Everything that all detectors find."""
    return [finding for detect in DETECTORS for finding in detect(calls, thresholds)] if len(calls.rows) else []
