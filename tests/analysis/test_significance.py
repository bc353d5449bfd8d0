"""What is a change in durations, and what is only noise."""

from __future__ import annotations

import random

import pytest

from mcp_tracer.analysis.drift import Drift
from mcp_tracer.analysis.significance import changed, mann_whitney
from mcp_tracer.analysis.times import time_changes
from mcp_tracer.model.span import Span

from .span_factory import span


def test_mann_whitney_gives_the_textbook_value() -> None:
    assert mann_whitney([19, 22, 16, 29, 24], [20, 11, 17, 12]) == pytest.approx(0.11134688653314041)


def test_mann_whitney_says_nothing_of_equal_or_missing_samples() -> None:
    assert (mann_whitney([1, 1, 1], [1, 1, 1]), mann_whitney([], [1]), mann_whitney([1, 2, 3], [1, 2, 3])) == (1.0, 1.0, 1.0)


def test_noise_is_no_change_and_a_real_one_is() -> None:
    chance = random.Random(7)

    def sample(scale: float) -> list[float]:
        return [scale * chance.lognormvariate(10, 0.8) for _ in range(60)]

    assert sum(changed(sample(1), sample(1), 1.0, 50)[0] for _ in range(300)) == 0
    assert sum(changed(sample(1), sample(3), 1.0, 50)[0] for _ in range(50)) >= 45


def test_a_slower_machine_is_nobodys_regression() -> None:
    chance = random.Random(3)

    def side(factor: float, slow: float) -> list[Span]:
        factors = [factor * (slow if number == 4 else 1) for number in range(8)]
        return [
            span(number * 100 + call, f"f{number}", call, chance.uniform(0.9, 1.1) * own)
            for number, own in enumerate(factors)
            for call in range(30)
        ]

    times = time_changes(side(1, 1), side(1.7, 4))
    assert times.drift == pytest.approx(1.7, rel=0.05)
    assert [one.key[1] for one in times.changed] == ["f4"]


def drift(*pairs: tuple[list[float], list[float]]) -> float:
    return Drift(dict(enumerate(pairs))).of_all


def test_few_functions_or_tiny_ones_are_not_everything() -> None:
    tiny, large = ([100.0] * 60, [180.0] * 60), ([300_000.0] * 180, [540_000.0] * 180)
    assert drift(*[tiny] * 20, large, large, large) == 1.0
    assert drift(*[tiny] * 20, large, large, large, large) == pytest.approx(1.8)
    assert drift(([2e6] * 60, [8e6] * 60), *[([1e5] * 60, [1e5] * 60)] * 4) == 1.0  # one large regression is not everything, either


def test_tiny_functions_that_make_much_of_the_time_tell_of_the_machine() -> None:
    assert drift(*[([10_000.0] * 6000, [15_000.0] * 6000)] * 4) == pytest.approx(1.5)


def test_what_is_judged_does_not_speak_for_the_machine() -> None:
    def side(query: float, trifle: float) -> list[Span]:
        owns = {"query": query, "handle": 0.03 * trifle, "steady": 0.05, **dict.fromkeys("abcdefg", 0.0003 * trifle)}
        return [
            span(n * 1000 + call, name, call, own * (1 + call / 3000)) for n, (name, own) in enumerate(owns.items()) for call in range(100)
        ]

    times = time_changes(side(1.0, 1), side(1.4, 1.4))
    assert ([(one.key[1], one.calls) for one in times.changed], times.sure) == ([("query", (100, 100))], False)


def test_what_only_waits_did_not_become_faster_on_a_slower_machine() -> None:
    def side(factor: float) -> list[Span]:
        owns = {"sleep": 2.0, **{f"f{number}": factor for number in range(6)}}
        return [
            span(n * 1000 + call, name, call, own * (1 + call / 3000)) for n, (name, own) in enumerate(owns.items()) for call in range(50)
        ]

    times = time_changes(side(1), side(1.5))
    assert (times.changed, times.drift) == ((), pytest.approx(1.5))


@pytest.mark.parametrize(
    ("before_us", "after_us", "calls", "expected"),
    [(300, 301, 1000, False), (13, 2, 800, False), (300, 400, 60, True), (13, 2, 10_000, True), (1000, 1100, 10_000, False)],
)
def test_a_difference_must_be_of_a_size_that_matters(before_us: float, after_us: float, calls: int, expected: bool) -> None:
    assert changed([before_us * 1000] * calls, [after_us * 1000] * calls, 1.0, 1)[0] is expected


def test_few_calls_are_not_judged() -> None:
    times = time_changes([span(1, "f", 0, 1, self_ns=10)], [span(2, "f", 0, 1, self_ns=10**9)])
    assert (times.changed, times.tested, times.too_few) == ((), 0, 1)
