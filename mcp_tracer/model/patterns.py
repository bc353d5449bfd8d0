"""What is noticed in recordings without being asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Kind = Literal[
    "n-plus-one-query",
    "slow-database-query",
    "error-burst",
    "function-regression",
    "retry-storm",
    "unbounded-recursion",
    "repeated-pure-call",
]
TAGS: Final[dict[str, tuple[str, ...]]] = {
    "n-plus-one-query": ("performance", "database"),
    "slow-database-query": ("performance", "database"),
    "error-burst": ("errors",),
    "function-regression": ("performance", "regression"),
    "retry-storm": ("errors", "retries"),
    "unbounded-recursion": ("errors", "recursion"),
    "repeated-pure-call": ("performance", "caching"),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding in one run. `subject` tells findings of a kind apart: the same one in another run has the same subject.

    `count`: of queries, errors, calls, … as the sentence says. `span_ids` are evidence, the most telling first. `runs`: in how many it was
    found, where findings of several are told as one.
    """

    kind: Kind
    subject: str
    run_id: str
    sentence: str
    span_ids: tuple[str, ...]
    count: int
    first_ns: int
    last_ns: int
    runs: int = 1


@dataclass(frozen=True, slots=True)
class Thresholds:
    """From where on something is a pattern. `deepest` is TRACING_MAX_DEPTH."""

    queries: int = 10
    slow_query_ns: int = 100_000_000
    errors: int = 10
    errors_within_ns: int = 10_000_000_000
    retries: int = 4
    deepest: int = 50
    repeats: int = 20
    repeats_ns: int = 5_000_000
    regression_calls: int = 10
    regression_times: float = 1.5
    regression_ns: int = 1_000_000


@dataclass(frozen=True, slots=True)
class Looked:
    """How far recordings were looked at: a store's own place, and the runs that were compared with the one before."""

    place: str | None = None
    compared: frozenset[str] = frozenset()
