"""Whether durations changed or only vary: Mann–Whitney's test, with what all functions have in common taken out first."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median

import numpy as np
from numpy.typing import NDArray

FEWEST = 5
"""So many calls on each side, at least, before a difference can be told from chance."""
LEAST_RATIO = 1.2
"""What is less than a fifth apart is not worth a reader's time, however certain."""


def mann_whitney(before: Sequence[float], after: Sequence[float]) -> float:
    """Two-sided p of the hypothesis that both come from one distribution: normal approximation, corrected for ties and continuity."""
    n, m = len(before), len(after)
    if not n or not m:
        return 1.0
    values: NDArray[np.float64] = np.concatenate([np.asarray(before, np.float64), np.asarray(after, np.float64)])
    unique, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[places]
    u = float(ranks[:n].sum()) - n * (n + 1) / 2
    ties = float((counts.astype(np.float64) ** 3 - counts).sum())
    total = n + m
    variance = n * m / 12 * ((total + 1) - ties / (total * (total - 1)))
    if variance <= 0 or len(unique) == 1:
        return 1.0
    z = max(0.0, abs(u - n * m / 2) - 0.5) / math.sqrt(variance)
    return math.erfc(z / math.sqrt(2))


def drift(pairs: Sequence[tuple[Sequence[float], Sequence[float]]]) -> float:
    """By how much everything became slower together: the median of the functions' ratios, 1 where too few say so.

    A machine that is busier slows all functions; that is nobody's regression.
    """
    ratios = [_ratio(before, after) for before, after in pairs if len(before) >= FEWEST and len(after) >= FEWEST]
    return median(ratios) if len(ratios) >= FEWEST else 1.0


def changed(before: Sequence[float], after: Sequence[float], common: float, tests: int) -> tuple[bool, float]:
    """(whether it is a change, p), beyond the `common` drift, at 1 % over all `tests` together."""
    if len(before) < FEWEST or len(after) < FEWEST:
        return False, 1.0
    scaled = [value * common for value in before]
    p = mann_whitney(scaled, after)
    ratio = _ratio(scaled, after)
    return p * max(1, tests) < 0.01 and max(ratio, 1 / ratio) >= LEAST_RATIO, p


def _ratio(before: Sequence[float], after: Sequence[float]) -> float:
    return max(1.0, median(after)) / max(1.0, median(before))
