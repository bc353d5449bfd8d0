"""Whether durations changed or only vary: Mann–Whitney's test, with what all functions have in common (see `drift`) taken out first."""

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
LEAST_CALL_NS, LEAST_ALL_NS = 20_000, 50_000_000
"""What probes, clock and caches do to a call differs by microseconds from one process to the next: a difference counts that is larger for
each call, or that all calls together make large."""
PROBE_NS = 2_000
"""What recording a call takes of its caller's own time, about: it differs from process to process, too."""

Samples = Sequence[float]


def mann_whitney(before: Samples, after: Samples) -> float:
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


def changed(before: Samples, after: Samples, common: float, tests: int, probes: float = 0) -> tuple[bool, float]:
    """(whether it is a change, p), beyond the `common` drift, at 1 % over all `tests` together, and of a size that matters.

    `probes`: how many recorded calls each makes.
    """
    if len(before) < FEWEST or len(after) < FEWEST:
        return False, 1.0
    scaled = [value * common for value in before]
    p = mann_whitney(scaled, after)
    return p * max(1, tests) < 0.01 and matters(median(scaled), median(after), min(len(before), len(after)), probes), p


def matters(before_ns: float, after_ns: float, calls: int, probes: float = 0) -> bool:
    """Whether such a difference of a call is large enough: as a ratio, and beyond what tracing and clocks make."""
    ratio, apart = ratio_of([before_ns], [after_ns]), abs(after_ns - before_ns) - probes * PROBE_NS
    return max(ratio, 1 / ratio) >= LEAST_RATIO and (apart >= LEAST_CALL_NS or apart * calls >= LEAST_ALL_NS)


def ratio_of(before: Samples, after: Samples) -> float:
    """By how much the median call became slower."""
    return max(1.0, median(after)) / max(1.0, median(before))
