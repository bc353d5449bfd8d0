"""Patterns: each is found where it is, and not where something alike is no pattern."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from calls_factory import calls_of
from hypothesis import given
from hypothesis import strategies as st
from span_factory import MS, span

from mcp_tracer.analysis.patterns import find
from mcp_tracer.analysis.patterns.groups import groups, statement_of
from mcp_tracer.analysis.patterns.regressions import regressions
from mcp_tracer.model.patterns import Finding, Thresholds
from mcp_tracer.model.span import FunctionStats, Span, Values
from mcp_tracer.model.values import Cut, Obj

LIMITS = Thresholds()


def call(number: int, name: str, parent: int | None = None, depth: int = 0, start: float = 0, length: float = 1, **more: Any) -> Span:
    """A call at line 7 whatever its number, so that calls of one name are of one function."""
    return replace(span(number, name, start, length, parent=parent, depth=depth, **more), line=7)


def query(number: int, parent: int, text: str = "SELECT * FROM item WHERE id = 5", length: float = 1, **more: Any) -> Span:
    """A statement."""
    values = Values(attributes={"db.query.text": text, "db.query.parameters": [number]})
    return call(number, "execute", parent, 2, number, length, kind="db", values=values, **more)


def found(spans: list[Span], kind: str, thresholds: Thresholds = LIMITS) -> list[Finding]:
    """The findings of one kind, which must be the only kind."""
    findings = find(calls_of(spans), thresholds)
    assert {one.kind for one in findings} <= {kind}
    return findings


def test_a_statement_in_a_loop_is_an_n_plus_one() -> None:
    spans = [call(1, "orders", length=100), *(query(number, 1, f"SELECT * FROM item WHERE id = {number}") for number in range(2, 14))]
    (one,) = found(spans, "n-plus-one-query")
    assert one.sentence == (
        "orders (src/shop.py:7) sent SELECT * FROM item WHERE id = ? 12 times in one call, 12 ms in all: fetch them with one query."
    )
    assert (one.count, one.span_ids) == (12, (f"{1:016x}", f"{2:016x}", f"{3:016x}"))
    assert found(spans, "n-plus-one-query", replace(LIMITS, queries=13)) == []


@pytest.mark.parametrize(
    ("statement", "advice"),
    [
        ("INSERT INTO item VALUES (5)", "insert them with one statement of many rows, or in one batch (executemany)"),
        ("update item SET n = 5", "change them with one statement, or in one batch (executemany)"),
        ("PRAGMA table_info(item)", "send them as one statement"),
    ],
)
def test_the_advice_fits_what_the_statement_does(statement: str, advice: str) -> None:
    (one,) = found([call(1, "orders", length=100), *(query(number, 1, statement) for number in range(2, 14))], "n-plus-one-query")
    assert one.sentence.endswith(f" in all: {advice}.")


def test_an_n_plus_one_through_a_function_and_call_sites_names_the_loop() -> None:
    spans = [call(1, "orders", length=500)]
    for number in range(10):
        first = 100 * (number + 1)
        spans += [
            call(first, "item()", 1, 1, kind="call"),
            call(first + 1, "item", first, 2),
            call(first + 2, "run()", first + 1, 3, kind="await"),
        ]
        spans.append(query(first + 3, first + 2))
    (one,) = found(spans, "n-plus-one-query")
    assert one.sentence.startswith("orders (src/shop.py:7) sent SELECT")


def repeated(text: str, first: int = 2) -> list[Span]:
    return [query(number, 1, text) for number in range(first, first + 20)]


def test_different_statements_and_different_calls_are_no_n_plus_one() -> None:
    tables = [query(number, 1, f"SELECT * FROM t{chr(97 + number)}") for number in range(2, 22)]
    assert found([call(1, "report", length=100), *tables], "") == []
    assert found([call(1, "report", length=100), *repeated("SELECT * FROM item ORDER BY id LIMIT 20 OFFSET 20")], "") == []
    assert found([call(1, "report", length=100), *repeated("select * from item where id > ? order by id limit ?")], "") == []
    assert found([call(1, "save", length=100), *repeated("BEGIN IMMEDIATE"), *repeated("COMMIT", 40)], "") == []
    apart = [one for number in range(1, 40, 2) for one in (call(number, "page"), query(number + 1, number))]
    assert found(apart, "") == []


def test_slow_statements_are_told_with_their_times() -> None:
    (one,) = found([query(1, 0, length=120), query(2, 0, length=280), query(3, 0, length=5)], "slow-database-query")
    assert one.sentence == "SELECT * FROM item WHERE id = ? took 100 ms or more 2 times: 200 ms on average, 280 ms at most."
    assert (one.subject, one.span_ids[0], one.count) == ("SELECT * FROM item WHERE id = ?", f"{2:016x}", 2)
    assert found([query(1, 0, length=120)], "", replace(LIMITS, slow_query_ns=130 * MS)) == []


def test_errors_close_together_are_a_burst_counted_where_they_were_born() -> None:
    spans = []
    for number in range(12):
        outer, inner = 2 * number + 1, 2 * number + 2
        spans += [call(outer, f"handle{number}", start=number, error="KeyError"), call(inner, "load", outer, 1, number, error="KeyError")]
    (one,) = found(spans, "error-burst")
    assert one.sentence == "load (src/shop.py:7) failed 12 times with KeyError within 0.011 s."
    assert found(spans, "", replace(LIMITS, errors=13)) == []
    apart = [call(number, "load", start=number * 2000, error="KeyError") for number in range(1, 30)]
    assert found(apart, "") == []
    assert len(found(apart, "error-burst", replace(LIMITS, errors_within_ns=60_000 * MS))) == 1


def test_failing_again_with_the_same_arguments_is_a_retry_storm() -> None:
    def attempts(arguments: list[int]) -> list[Span]:
        tries = [call(at + 2, "send", 1, 1, at, error="OSError") for at in range(len(arguments))]
        told = [replace(one, values=Values(params={"to": to})) for one, to in zip(tries, arguments, strict=True)]
        return [call(1, "notify", length=100), *told]

    (one,) = found(attempts([7] * 5), "retry-storm")
    assert one.sentence.startswith("notify (src/shop.py:7) called send (src/shop.py:7) 5 times with the same arguments in one call")
    assert one.span_ids[0] == f"{1:016x}"
    assert found(attempts([1, 2, 3, 4, 5]), "") == []
    assert found(attempts([7] * 3), "") == []
    assert len(found(attempts([7] * 3), "retry-storm", replace(LIMITS, retries=3))) == 1


def polled(outcomes: str) -> list[Span]:
    """Attempts in order of time, x failed."""
    tries = [call(at + 2, "poll", 1, 1, at, error="OSError" if one == "x" else None) for at, one in enumerate(outcomes)]
    return [call(1, "consume", length=100), *(replace(one, values=Values(params={"queue": "q"})) for one in tries)]


def test_failures_between_successes_are_no_retry_storm_and_a_success_after_one_is_told() -> None:
    assert found(polled("..x..xx...xxx..x"), "") == []
    (one,) = found(polled("x..xxxx.x"), "retry-storm")
    assert "called poll (src/shop.py:7) 4 times with the same arguments in one call, and each failed (OSError), within 3 ms" in one.sentence
    assert one.sentence.endswith(": the next succeeded; pause longer between attempts, or find what they wait for.")
    assert one.span_ids[:2] == (f"{1:016x}", f"{5:016x}")


@pytest.mark.parametrize(
    ("outcomes", "times"), [("." * 250 + "x" * 30 + ".", "30 times"), ("xx" + "." * 250 + "x" * 400, "200 times or more")]
)
def test_failures_behind_many_successes_are_a_retry_storm(outcomes: str, times: str) -> None:
    (one,) = found(polled(outcomes), "retry-storm", replace(LIMITS, errors=1000))
    assert f"called poll (src/shop.py:7) {times} with the same" in one.sentence
    assert one.sentence.endswith("find what they wait for.") is (times == "30 times")


def deep(names: list[str], error: str | None = None) -> list[Span]:
    """A chain of calls."""
    calls = [call(at + 1, name, at or None, at, at, 1000 - at) for at, name in enumerate(names)]
    return [*calls[:-1], replace(calls[-1], error=error)]


def test_recursion_down_to_the_recorded_depth_is_told() -> None:
    (one,) = found(deep(["main", *["walk"] * 51]), "unbounded-recursion")
    assert one.sentence == (
        "walk (src/shop.py:7) called itself 51 calls deep or more (below 50 levels, TRACING_MAX_DEPTH, calls are only counted): "
        "it came back; check that there is a bound."
    )
    failing = [replace(span, error="RangeError") for span in deep(["walk"] * 55)]
    (one,) = found(failing, "unbounded-recursion")
    assert one.sentence.endswith(": check what ends the recursion.")
    assert found(deep(["main", *["walk"] * 51]), "", replace(LIMITS, deepest=60)) == []
    (one,) = found(deep(["even", "odd"] * 30), "unbounded-recursion")
    assert one.span_ids == (f"{1:016x}", f"{60:016x}")
    assert one.sentence.startswith("even (src/shop.py:7), odd (src/shop.py:7) called each other")
    assert found(deep([f"layer{number}" for number in range(60)]), "") == []


def test_a_recursion_that_the_language_ended_is_told_at_any_depth() -> None:
    (one,) = found(deep(["walk"] * 20, "RecursionError"), "unbounded-recursion")
    assert "until RecursionError" in one.sentence


def test_one_recursion_is_one_finding_and_its_caller_is_no_part_of_it() -> None:
    spans = [call(1, "main", length=1000)]
    for level in range(1, 19):
        site, inside = 2 * level, 2 * level + 1
        spans.append(replace(call(site, "walk", site - 1, site - 1, level, 900 - site, kind="call", error="RecursionError"), line=9))
        spans.append(call(inside, "walk", site, site, level, 899 - site, error="RecursionError"))
    (one,) = found(spans, "unbounded-recursion")
    assert one.sentence == "walk (src/shop.py:7) called itself 18 calls deep, until RecursionError: check what ends the recursion."


def test_a_result_that_differs_only_by_an_address_is_the_same() -> None:
    assert len(found(priced([f"<Price at 0x7f{number:010x}>" for number in range(30)]), "repeated-pure-call")) == 1


def priced(results: list[object], params: dict[str, object] | None = None, kind: str = "function") -> list[Span]:
    """Calls of one function with these results."""
    values = [Values(params={"sku": "A"} if params is None else params, returned=result, has_return=True) for result in results]
    return [call(1, "cart", length=1000), *(call(at + 2, "price", 1, 1, at, 1, values=one, kind=kind) for at, one in enumerate(values))]


def test_the_same_result_again_and_again_is_a_repeated_pure_call() -> None:
    (one,) = found(priced([12.5] * 30), "repeated-pure-call")
    times = "30 times with the same result in one trace, 30 ms in all"
    assert one.sentence == f'price(sku="A") was computed {times}: keep the result, if it does nothing else.'
    assert found(priced([12.5] * 30), "", replace(LIMITS, repeats=31)) == []
    assert found(priced([12.5] * 30), "", replace(LIMITS, repeats_ns=31 * MS)) == []


@pytest.mark.parametrize(
    "spans",
    [
        priced([*[12.5] * 29, 13.0]),
        priced([None] * 30),
        priced([12.5] * 30, {}),
        priced([12.5] * 30, {"cart": Obj("Cart")}),
        [*priced([12.5] * 30), query(99, 2)],
        [one for at, one in enumerate(priced([12.5] * 30)) for one in [replace(one, trace_id=f"{at:032x}")]],
    ],
    ids=["another result", "no result", "no arguments", "an object unseen", "asks a database", "other traces"],
)
def test_what_may_depend_on_more_than_its_arguments_is_not_pure(spans: list[Span]) -> None:
    assert found(spans, "") == []


def stats(p50: float, p95: float, calls: int = 50) -> FunctionStats:
    """Statistics of one function in ms."""
    return FunctionStats("a.py", "load", 3, "function", calls, 0, round(p50 * calls * MS), 0, 0, 0, round(p50 * MS), round(p95 * MS), 0)


def test_a_median_above_nearly_all_calls_before_is_a_regression() -> None:
    ((now, sentence),) = regressions([stats(10, 12)], [stats(30, 40)], LIMITS)
    assert now.function == "load"
    assert sentence == (
        "load (a.py:3) became 3 times as slow: median 30 ms in 50 calls, 10 ms in 50 calls of the run before (95 % within 12 ms)."
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [(stats(10, 40), stats(30, 40)), (stats(10, 11), stats(14, 15)), (stats(10, 12, 5), stats(30, 40)), (stats(0.1, 0.2), stats(0.5, 1))],
    ids=["within what was usual", "hardly slower", "few calls", "below a millisecond"],
)
def test_noise_is_no_regression(before: FunctionStats, after: FunctionStats) -> None:
    assert list(regressions([before], [after], LIMITS)) == []


def test_nothing_is_claimed_from_estimated_times() -> None:
    sides = stats(10, 12), stats(30, 40)
    for estimated, expected in ((2, 1), (20, 0)):
        assert len(list(regressions([sides[0]], [replace(sides[1], estimated=estimated)], LIMITS))) == expected
        assert len(list(regressions([replace(sides[0], estimated=estimated)], [sides[1]], LIMITS))) == expected


def measured(name: str, durations: Sequence[float]) -> FunctionStats:
    """Statistics of calls that took so many ns."""
    whole = sorted(map(round, durations))
    at = [whole[min(len(whole) - 1, int(share * len(whole)))] for share in (0.5, 0.95, 0.99)]
    return FunctionStats("a.py", name, 3, "function", len(whole), 0, sum(whole), 0, whole[0], whole[-1], *at)


@pytest.mark.parametrize("seed", range(8))
def test_among_many_functions_of_which_each_varies_a_lot_only_what_became_slower_is_told(seed: int) -> None:
    varying = random.Random(seed)

    def run(slower: float) -> list[FunctionStats]:
        found = [measured(f"f{n}", [varying.lognormvariate(14, 2.5) for _ in range(10 + n % 10)]) for n in range(1000)]
        return [*found, measured("slow", [20 * MS * slower * varying.uniform(0.9, 1.1) for _ in range(12)])]

    assert [now.function for now, _ in regressions(run(1), run(3), LIMITS)] == ["slow"]
    assert list(regressions(run(1), run(1), LIMITS)) == []


def test_statements_are_alike_without_their_literals() -> None:
    def of(text: Any) -> str:
        return statement_of(Values(attributes={"db.query.text": text}))

    assert of("SELECT *\n FROM t WHERE a = 'it''s' AND b IN (1, 2,3)") == "SELECT * FROM t WHERE a = ? AND b IN (?)"
    assert of("SELECT t1.x FROM t1 WHERE id IN (?, ?)") == "SELECT t1.x FROM t1 WHERE id IN (?)"
    assert of(Cut(9000, "SELECT 1")) == "SELECT ?"
    assert statement_of(None) == of(None) == ""


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2)), max_size=40), st.integers(1, 5))
def test_groups_are_those_of_a_dictionary(keys: list[tuple[int, int]], least: int) -> None:
    import numpy as np

    first, second = (np.array([key[at] for key in keys], np.int64) for at in (0, 1))
    expected: dict[tuple[int, int], list[int]] = {}
    for row, key in enumerate(keys):
        expected.setdefault(key, []).append(row)
    got = list(groups(np.arange(len(keys)), least, first, second))
    assert sorted(got) == sorted(rows for rows in expected.values() if len(rows) >= least)


def test_finding_nothing_in_nothing() -> None:
    assert find(calls_of([]), LIMITS) == []
