"""By how much the machine, not the code, made everything slower or faster between two sets of recordings."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from statistics import median
from typing import Generic, NamedTuple, TypeVar

from mcp_tracer.analysis.significance import FEWEST, LEAST_ALL_NS, LEAST_CALL_NS, Samples, ratio_of

Key = TypeVar("Key", bound=Hashable)
Pair = tuple[Samples, Samples]

FEWEST_WITNESSES = 3
"""So many functions must speak for a drift, the one that is judged not among them."""
MOST_WITNESSES = 64


class _Witness(NamedTuple):
    """By how much a function became slower, and what its calls take in all, on both sides."""

    ratio: float
    time: float


class Drift(Generic[Key]):
    """What functions say of the machine whose calls take long enough to be measured; a few microseconds differ from process to process.

    Most of them must say so, and those that take most of the time: many small ones are not everything, and no more is a large one alone.
    """

    def __init__(self, pairs: Mapping[Key, Pair]) -> None:
        found = {key: _Witness(ratio_of(*pair), _time(*pair)) for key, pair in pairs.items() if _is_measured(pair)}
        longest = sorted(found, key=lambda key: -found[key].time)[:MOST_WITNESSES]
        self._witnesses = {key: found[key] for key in longest}
        self.of_all = _common(list(self._witnesses.values()), FEWEST_WITNESSES + 1)

    def of(self, key: Key) -> float:
        """By how much everything else became slower, 1 where too few say so: what is judged doesn't speak for the machine."""
        if key not in self._witnesses:
            return self.of_all
        return _common([one for other, one in self._witnesses.items() if other != key], FEWEST_WITNESSES)

    def is_known(self, key: Key) -> bool:
        """Whether enough others could tell a slower machine."""
        return len(self._witnesses.keys() - {key}) >= FEWEST_WITNESSES + (key not in self._witnesses)


def _is_measured(pair: Pair) -> bool:
    return min(map(len, pair)) >= FEWEST and all(median(side) >= LEAST_CALL_NS or sum(side) >= LEAST_ALL_NS for side in pair)


def _common(witnesses: Sequence[_Witness], fewest: int) -> float:
    if len(witnesses) < fewest:
        return 1.0
    by_number = median(one.ratio for one in witnesses)
    by_time = _weighted_median(witnesses)
    if (by_number > 1) != (by_time > 1):
        return 1.0
    return min(by_number, by_time, key=lambda ratio: abs(math.log(ratio)))


def _weighted_median(witnesses: Sequence[_Witness]) -> float:
    half, passed = sum(one.time for one in witnesses) / 2, 0.0
    for one in sorted(witnesses):
        passed += one.time
        if passed >= half:
            return one.ratio
    return max(witnesses).ratio


def _time(before: Samples, after: Samples) -> float:
    """What a function's calls take in all, on either side; by the median, so that one call that had to wait does not count for all."""
    return median(before) * len(before) + median(after) * len(after)
