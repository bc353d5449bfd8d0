"""Call trees of realistic shape: heavy-tailed sizes, a few hot functions, durations that add up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

FUNCTIONS: Final = 2_000
DEEPEST: Final = 24
ERROR_SHARE: Final = 0.005

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Tree:
    """One trace's spans in the order in which they end. `number` and `parent` count from 1 in the order in which they start, 0 = none;
    times are ns after the trace's start."""

    number: Ints
    parent: Ints
    depth: Ints
    function: Ints
    start: Ints
    duration: Ints
    own: Ints
    failed: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.number)


def sizes(rng: np.random.Generator, total: int) -> Ints:
    """How many spans each trace has, `total` together: a Pareto tail from 5 spans to 20,000."""
    drawn = np.minimum(5 + rng.pareto(1.05, total // 20 + 10) * 20, 20_000).astype(np.int64)
    until = int(np.searchsorted(np.cumsum(drawn), total))
    kept = drawn[: until + 1].copy()
    kept[-1] -= kept.sum() - total
    return kept[kept > 0]


def grow(rng: np.random.Generator, size: int) -> Tree:
    """A tree of `size` spans: a walk that goes one deeper or returns some levels, as calls do."""
    depth, parent = _walk(rng.geometric(0.55, size).tolist(), size)
    function = np.minimum(rng.zipf(1.25, size), FUNCTIONS).astype(np.int64)
    own = rng.lognormal(8.5, 1.6, size).astype(np.int64) + 200
    total = own.copy()
    for level in range(int(depth.max()), 0, -1):  # what children took belongs to their parents, too
        of_level = np.flatnonzero(depth == level)
        np.add.at(total, parent[of_level] - 1, total[of_level])
    start = np.cumsum(own) - own
    order = np.lexsort((-depth, start + total))
    failed = rng.random(size) < ERROR_SHARE
    numbers = np.arange(1, size + 1)
    return Tree(*(column[order] for column in (numbers, parent, depth, function, start, total, own, failed)))


def _walk(steps: list[int], size: int) -> tuple[Ints, Ints]:
    depths, parents, path = [0] * size, [0] * size, [1]
    for index in range(1, size):
        depth = max(1, min(len(path) + 1, DEEPEST) - steps[index] + 1)
        del path[depth:]
        depths[index], parents[index] = len(path), path[-1]
        path.append(index + 1)
    return np.array(depths), np.array(parents)
