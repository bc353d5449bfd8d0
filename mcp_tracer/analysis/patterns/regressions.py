"""Function regressions: slower in this run than in the one before it of the same command."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import ceil, comb
from typing import Final

from mcp_tracer.model.patterns import Thresholds
from mcp_tracer.model.span import FunctionStats

CERTAIN: Final = 0.003
"""How often chance alone may make something look like a regression: once in so many comparisons of two runs, over all their functions."""
_ENOUGH: Final = 200
"""More calls of a side than these make nothing surer that counts."""
_ESTIMATES: Final = 0.05
"""Of a function with more calls of estimated time than this share nothing is claimed."""


def regressions(
    before: Iterable[FunctionStats], after: Iterable[FunctionStats], thresholds: Thresholds
) -> Iterator[tuple[FunctionStats, str]]:
    """(the function now, sentence), the costliest first. Its median must lie above what 95 % of the calls took before: no mere noise."""
    known = {(one.file, one.function, one.kind): one for one in before if one.function and _is_measured(one, thresholds)}
    pairs = [
        (known[one.file, one.function, one.kind], one)
        for one in sorted(after, key=lambda one: -one.total_ns)
        if (one.file, one.function, one.kind) in known and _is_measured(one, thresholds)
    ]
    for then, now in pairs:
        slower = now.p50_ns >= thresholds.regression_times * then.p50_ns and now.p50_ns > then.p95_ns
        if slower and now.p50_ns - then.p50_ns >= thresholds.regression_ns and _chance(then, now) * len(pairs) < CERTAIN:
            where = f" ({now.file}:{now.line})" if now.file else ""
            medians = f"{now.p50_ns / 1e6:.3g} ms in {now.calls} calls, {then.p50_ns / 1e6:.3g} ms in {then.calls} calls of the run before"
            times = now.p50_ns / max(then.p50_ns, 1)
            yield now, f"{now.function}{where} became {times:.3g} times as slow: median {medians} (95 % within {then.p95_ns / 1e6:.3g} ms)."


def _is_measured(one: FunctionStats, thresholds: Thresholds) -> bool:
    """Whether enough calls were timed, and so nearly all of them that estimates do not move the median."""
    return one.calls - one.estimated >= thresholds.regression_calls and one.estimated <= one.calls * _ESTIMATES


def _chance(then: FunctionStats, now: FunctionStats) -> float:
    """How likely calls of one distribution part as much as what is known of these: Fisher's exact test of those above and below a duration.

    Of few calls, 95 % is nearly all of them, and half of as many others lie above the longest one often enough among many functions.
    """
    n, m = min(then.calls, _ENOUGH), min(now.calls, _ENOUGH)
    chances = [_tail(n, ceil(0.05 * n), m, m // 2)]  # half of the calls now took longer than 95 % of those before
    if now.min_ns > then.p50_ns:
        chances.append(_tail(n, n // 2, m, m))
    if now.min_ns > then.max_ns:
        chances.append(_tail(n, 0, m, m))
    return min(1.0, len(chances) * min(chances))


def _tail(n: int, above_then: int, m: int, above_now: int) -> float:
    """That so many or more of `m` lie above, where `above_then` of `n` and `above_now` of `m` do: the hypergeometric tail."""
    above = above_then + above_now
    ways = sum(comb(m, k) * comb(n, above - k) for k in range(above_now, min(m, above) + 1))
    return ways / comb(n + m, above)
