"""A call over its source, as data and as text."""

from __future__ import annotations

from typing import Any

from mcp_tracer.analysis.annotated import annotated, runs_of
from mcp_tracer.analysis.inspection import Inspection, bodies, extent_of, inspect, raised_at
from mcp_tracer.model.plan import FunctionInfo
from mcp_tracer.model.span import Event, RaisedError, Span, Values

from .span_factory import span

SOURCE = [
    "def total(items):",
    "    result = 0",
    "    for item in items:",
    "        result += price(item)",
    "    return result",
    "",
    "x = 1",
]


def events(*rows: tuple[str, int, dict[str, Any]]) -> list[Event]:
    return [Event("", number, number, kind, line, values) for number, (kind, line, values) in enumerate(rows, 1)]


def looped(count: int) -> list[Event]:
    rows: list[tuple[str, int, dict[str, Any]]] = [("line", 2, {}), ("variable", 2, {"result": 0}), ("line", 3, {})]
    for number in range(count):
        rows += [("checkpoint", 3, {"item": number}), ("line", 4, {}), ("variable", 4, {"result": number * 10})]
    return events(*rows, ("line", 5, {}))


def total(count: int, below: list[Span] | None = None, **more: Any) -> Inspection:
    return inspect(span(1, "total", 0, 9, **more), looped(count), below or [], SOURCE, (1, 5))


def test_lines_have_their_hits_and_the_values_taken_there() -> None:
    lines = total(3).lines
    assert [(line.number, line.hits) for line in lines] == [(1, 0), (2, 1), (3, 3), (4, 3), (5, 1)]
    assert [(one.name, one.values) for line in lines for one in line.taken] == [
        ("result", (0,)), ("item", (0, 1, 2)), ("result", (0, 10, 20)),
    ]  # fmt: skip


def test_a_while_runs_as_often_as_what_it_begins_and_a_walrus_takes_values_within_one_run() -> None:
    source = ["def f(x):", "    while x < 3:  # up", "        # more", "        x += 1", "    a = [y := n for n in [1, 2, x]]"]
    rows: list[tuple[str, int, dict[str, Any]]] = [("line", 2, {})]
    for number in range(3):
        rows += [("line", 4, {}), ("variable", 4, {"x": number + 1})]
    rows += [("line", 5, {}), *(("variable", 5, {"y": number}) for number in (1, 2, 3))]
    lines = inspect(span(1, "f", 0, 9), events(*rows), [], source, (1, 5)).lines
    assert [line.hits for line in lines] == [0, 3, 0, 3, 1]


def test_calls_stand_at_the_line_of_their_expression_as_what_was_called() -> None:
    sites = [span(number, "price", number, 1, parent=1, depth=1, kind="call") for number in (4, 104)]
    calls = [
        span(number + 1, "price", number, 1, parent=number, depth=2, values=Values(returned=number, has_return=True)) for number in (4, 104)
    ]
    other = span(9, "log", 9, 1, parent=1, depth=1)
    made = total(2, [*sites[:1], calls[0], other])
    (called,) = made.lines[3].called
    assert (called.name, called.spans) == ("price", (calls[0],))
    assert [(one.name, one.spans) for one in made.elsewhere] == [("log", (other,))]


def test_an_expression_gives_its_own_value_where_what_ran_inside_is_no_call_of_its_name() -> None:
    inner = {"next": "generator", "max": "function", "price": "generator"}
    sites = [span(4 + n, name, n, 1, parent=1, depth=1, kind="call") for n, name in enumerate(inner)]
    ran = [span(20 + n, "price", n, 9, parent=4 + n, depth=2, kind=kind) for n, kind in enumerate(inner.values())]
    called = [one for line in total(2, [*sites, *ran]).lines for one in line.called] + list(total(2, [*sites, *ran]).elsewhere)
    assert sorted(one.spans[0].span_id for one in called) == sorted(site.span_id for site in sites)


def test_an_exception_is_at_the_line_where_it_left_this_call() -> None:
    error = RaisedError("ValueError", "no", (("src/shop.py", 4, "total"), ("src/shop.py", 30, "price")))
    failed = span(1, "total", 0, 9, values=Values(error=error))
    assert raised_at(failed, (1, 5)) == 4
    assert raised_at(failed, (10, 20)) is None


def test_a_javascript_stack_holds_callers_too() -> None:
    error = RaisedError("TypeError", "no", (("src/shop.py", 2, "main"), ("src/shop.py", 4, "Cart.total"), ("src/shop.py", 30, "price")))
    assert raised_at(span(1, "total", 0, 9, values=Values(error=error)), (1, 5)) == 4


def test_the_extent_is_the_function_that_lies_nearest() -> None:
    functions = [FunctionInfo("total", 3, 9, "function"), FunctionInfo("total", 40, 49, "function")]
    assert extent_of(span(41, "total", 0, 1), functions, 100) == (40, 49)
    assert extent_of(span(1, "<module>", 0, 1, kind="module"), functions, 100) == (1, 100)
    assert extent_of(span(7, "price", 0, 1, kind="call"), functions, 100) == (7, 7)
    assert extent_of(span(7, "unknown", 0, 1), functions, 100) == (7, 47)
    assert bodies(functions[:1]) == {4, 5, 6, 7, 8, 9}


def test_few_values_are_all_shown() -> None:
    assert annotated(total(3), 500) == [
        "1    def total(items):",
        "2 ×1     result = 0  <- result=0",
        "3 ×3     for item in items:  <- item=0, 1, 2",
        "4 ×3         result += price(item)  <- result=0, 10, 20",
        "5 ×1     return result",
    ]


def test_of_many_values_the_first_the_last_their_number_and_range_are_shown() -> None:
    assert annotated(total(50), 500)[3] == "4 ×50         result += price(item)  <- result=0, 10, … 490 (50 values, 0 to 490)"


def test_equal_neighbours_are_one_but_true_is_not_one() -> None:
    assert runs_of([1, 1, True, 1.0, "a", "a"]) == [(1, 2), (True, 1), (1.0, 1), ("a", 2)]


def test_a_large_function_is_told_within_the_budget_with_the_failure_in_it() -> None:
    source = [f"line_{number} = {number}" for number in range(1, 2001)]
    error = RaisedError("ValueError", "no", (("src/shop.py", 1500, "total"),))
    failed = span(1, "total", 0, 9, error="ValueError", values=None)
    object.__setattr__(failed, "values", Values(error=error))
    every = [("line", number, {}) for number in range(1, 1501)]
    for happened in (every, [("line", 1500, {})]):
        told = annotated(inspect(failed, events(*happened), [], source, (1, 2000)), 300)
        assert sum(len(line) + 1 for line in told) < 300 * 3.5 + 150
        assert any(line.startswith("1500 ×1 line_1500 = 1500  <- ✗ ValueError: no") for line in told)
        assert any("…" in line for line in told)


def test_source_that_is_not_known_gives_no_lines() -> None:
    made = inspect(span(1, "total", 0, 9), looped(2), [], (), (1, 0))
    assert (made.lines, annotated(made, 500)) == ((), [])
