"""Two sides next to each other: what counts as a difference, and what is only noise."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mcp_tracer.analysis.alike import key, same
from mcp_tracer.analysis.comparison import call_changes, counts_of_spans, result_changes
from mcp_tracer.analysis.divergence import divergences
from mcp_tracer.analysis.failures import error_changes
from mcp_tracer.model.span import RaisedError, Span, Values
from mcp_tracer.model.values import Cut, Mark, Obj, Sequence

from .span_factory import span, tree


def gave(returned: Any, **params: Any) -> Values:
    return Values(params=params or None, returned=returned, has_return=True)


def with_values(spans: list[Span], **values: Values) -> list[Span]:
    return [replace(one, line=1, values=values.get(one.function, one.values)) for one in spans]


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("<function consume at 0x7f01>", "<function consume at 0x7f99ab>", True),
        (Obj("Cart", "<Cart at 0x7f01>"), Obj("Cart", "<Cart at 0x7e02>"), True),
        ({"call": [Mark("function", "<lambda> at 0x1f")]}, {"call": [Mark("function", "<lambda> at 0x2f")]}, True),
        (Cut(90, "<Cart at 0x7f01> and m"), Cut(90, "<Cart at 0x7e0122> and more"), True),
        ("<Cart at 0x7f01>", "<Basket at 0x7f01>", False),
        ("0x7f01", "0x7f02", False),
    ],
)
def test_addresses_in_memory_are_no_difference(one: Any, other: Any, expected: bool) -> None:
    assert (same(one, other), key(one) == key(other)) == (expected, expected and not isinstance(one, Cut))


def test_an_error_whose_message_differs_only_by_an_address_is_no_divergence() -> None:
    def failing(address: str) -> list[Span]:
        return [span(1, "check", 0, 1, error="AssertionError", message=f"assert <Cart at {address}> == 9")]

    assert divergences(failing("0x7f01"), failing("0x7e02")) == []
    assert (
        result_changes(
            with_values([span(1, "make", 0, 1)], make=gave("<Cart at 0x7f01>", a=1)),
            with_values([span(1, "make", 0, 1)], make=gave("<Cart at 0x7e02>", a=1)),
        )
        == []
    )


def test_errors_of_several_runs_are_compared_by_a_runs_average() -> None:
    fails = tree(*[("deep", n, 1, [], "ValueError") for n in range(8)])
    assert error_changes(fails, fails[:4], (2, 1)) == []
    (one,) = error_changes(fails, fails[:4], (4, 1))
    assert (one.before, one.after) == (2, 4)


def test_functions_of_one_side_come_before_other_numbers_of_calls() -> None:
    before = counts_of_spans(tree(("main", 0, 9, [("load", 0, 1, []), ("old", 1, 1, [])])))
    after = counts_of_spans(tree(("main", 0, 9, [("load", 0, 1, []), ("load", 1, 1, []), ("load", 2, 1, []), ("new", 3, 1, [])])))
    changes = [(one.key[1], one.before, one.after) for one in call_changes(before, after)]
    assert sorted(changes[:2]) == [("new", 0, 1), ("old", 1, 0)]
    assert changes[2:] == [("load", 1, 3)]
    assert call_changes(before, {key: replace(one, calls=2 * one.calls) for key, one in before.items()}, (1, 2)) == []


def test_call_expressions_count_only_where_both_sides_recorded_them() -> None:
    def side(*names: str) -> list[Span]:
        sites = [span(number, name, 0, 1, kind="call") for number, name in enumerate(names, 2)]
        return [span(1, "main", 0, 9), *sites]

    assert call_changes(counts_of_spans(side()), counts_of_spans(side("json.loads"))) == []
    changes = call_changes(counts_of_spans(side("json.loads", "app.main")), counts_of_spans(side("json.dumps")))
    assert {one.key[1] for one in changes} == {"json.loads", "json.dumps"}


def test_new_errors_come_first_each_with_an_example() -> None:
    old, new = span(1, "load", 0, 1, error="KeyError"), span(2, "save", 0, 1, error="ValueError")
    assert [(one.type, one.before, one.after, one.example) for one in error_changes([old, old], [old, new])] == [
        ("ValueError", 0, 1, new), ("KeyError", 2, 1, old),
    ]  # fmt: skip


def test_another_result_for_the_same_arguments_counts_where_each_side_is_steady() -> None:
    def calls(*rows: tuple[str, int, Any]) -> list[Span]:
        return [span(number, name, number, 1, values=gave(result, n=n)) for number, (name, n, result) in enumerate(rows, 1)]

    before = calls(("tax", 1, 10), ("tax", 2, 20), ("random", 1, 5), ("random", 1, 6), ("same", 1, 1))
    after = calls(("tax", 1, 11), ("tax", 3, 30), ("random", 1, 7), ("random", 1, 8), ("same", 1, 1))
    assert [(one.before.function, one.before.values, one.after.values) for one in result_changes(before, after)] == [
        ("tax", gave(10, n=1), gave(11, n=1))
    ]


def test_a_call_that_fails_only_now_is_told_besides_one_that_failed_before() -> None:
    def side(failing: int) -> list[Span]:
        error = RaisedError("KeyError", f"k{failing}")
        gone = {"error": "KeyError", "values": Values(params={"i": failing}, error=error)}
        return [replace(span(i, "fails", i, 1, values=gave(None, i=i)), **(gone if i == failing else {})) for i in range(6)]

    found = result_changes(side(4), side(3))
    assert [(one.before.error, one.after.error, one.after.values and one.after.values.params) for one in found] == [
        (None, "KeyError", {"i": 3}), ("KeyError", None, {"i": 4}),
    ]  # fmt: skip


def test_single_results_of_what_was_only_partly_recorded_are_not_compared() -> None:
    def side(*results: int) -> list[Span]:
        return [
            span(number, "next_id", number, 1, values=Values(params={}, returned=one, has_return=True))
            for number, one in enumerate(results)
        ]

    partly = {("src/shop.py", "next_id", "function")}
    assert (len(result_changes(side(7), side(300))), result_changes(side(7), side(300), partly)) == (1, [])
    assert len(result_changes(side(7, 7), side(8, 8), partly)) == 1


SHOP = ("total", 0, 9, [("discount", 1, 1, []), ("tax", 3, 2, [("round", 3, 1, [])])])


def test_equal_traces_do_not_part() -> None:
    assert divergences(tree(SHOP), tree(SHOP)) == []


def test_traces_part_first_where_the_innermost_call_gave_something_else() -> None:
    before = with_values(tree(SHOP), total=gave(15), tax=gave(2.47, amount=13), round=gave(2.47))
    after = with_values(tree(SHOP), total=gave(14), tax=gave(2.34, amount=13), round=gave(2.34))
    found = divergences(before, after)
    assert [(one.kind, one.span_after.function if one.span_after else "", one.before, one.after) for one in found] == [
        ("return", "round", "2.47", "2.34"), ("return", "tax", "2.47", "2.34"), ("return", "total", "15", "14"),
    ]  # fmt: skip


def test_a_parameter_parts_before_what_is_called_with_it() -> None:
    before, after = (with_values(tree(SHOP), discount=gave(1, price=3), tax=gave(tax, amount=amount)) for amount, tax in ((13, 2), (14, 3)))
    (first, _) = divergences(before, after)
    assert (first.kind, first.name, first.before, first.after) == ("parameter", "amount", "13", "14")


def test_the_comparison_goes_on_past_another_structure() -> None:
    after = tree(("total", 0, 9, [("discount", 1, 1, [("log", 1, 1, [])]), ("audit", 2, 1, []), ("audit", 2.5, 1, []), ("tax", 3, 2, [])]))
    assert [(one.kind, one.before, one.after) for one in divergences(tree(SHOP), after)] == [
        ("structure", "discount ended", "log was called"),
        ("structure", "tax was called", "audit was called ×2"),
        ("structure", "round was called", "tax ended"),
    ]
    (end,) = divergences(tree(SHOP), [*tree(SHOP), span(99, "extra", 50, 1)])
    assert (end.before, end.after, end.span_before) == ("nothing more", "extra was called", None)


def noisy(number: int, price: int, *more: tuple[Any, ...]) -> list[Span]:
    """Orders with noise in each: of one, the price may be another."""
    turns = [("order", turn * 10, 9, [("rnd", turn * 10, 1, []), ("tax", turn * 10 + 2, 1, [])]) for turn in range(4)]
    spans = tree(("main", 0, 99, [*turns, *more]))
    found: list[Span] = []
    for at, one in enumerate(spans):
        turn = at // 3
        gives = {
            "rnd": gave(0.5 + number + turn / 7),
            "tax": gave(price if turn == 2 else 5, p=turn),
            "order": gave([turn, number], i=turn),
        }
        found.append(replace(one, line=1, values=gives.get(one.function)))
    return found


def test_what_is_unsteady_within_a_side_is_passed_over_and_what_came_of_it_is_told_last() -> None:
    found = divergences(noisy(1, 5), noisy(2, 7, ("order", 50, 9, [])))
    assert [(one.kind, one.spans[-1].function, one.after, one.is_sure) for one in found] == [
        ("return", "tax", "7", True), ("structure", "order", "order was called", True), ("return", "order", "[0, 2]", False),
    ]  # fmt: skip


def test_what_a_function_gave_that_was_given_nothing_may_be_noise() -> None:
    sides = [
        with_values(tree(("now", 0, 1, []), ("load", 2, 1, [])), now=gave(now), load=gave(loaded, n=1)) for now, loaded in ((1, 2), (3, 4))
    ]
    assert [(one.spans[0].function, one.is_sure) for one in divergences(*sides)] == [("load", True), ("now", False)]
    assert [one.spans[0].function for one in divergences(*sides, known={("src/shop.py", "now", "function")})] == ["load"]


def test_what_depends_on_what_was_done_before_is_no_noise() -> None:
    def cart(last: int) -> list[Span]:
        spans = tree(*[("size", turn, 1, []) for turn in range(6)])
        return [replace(one, line=1, values=gave(last if at == 5 else at, self="<Cart>")) for at, one in enumerate(spans)]

    assert [(one.spans[0].function, one.before, one.after) for one in divergences(cart(5), cart(50))] == [("size", "5", "50")]


def run_with(arg: Any, *more: tuple[Any, ...]) -> list[Span]:
    """A program that hands its argument down, and calls more."""
    spans = tree(("main", 0, 99, [("parse", 1, 9, [("term", 2, 1, [])]), *more]))
    return with_values(spans, main=gave(0, arg=arg), parse=gave([arg], text=arg), term=gave(arg, text=arg), rnd=gave(arg))


def ranked(before: list[Span], after: list[Span], *, is_same: bool = True) -> list[tuple[str, str, str]]:
    """Kind, function, and what it is, of each difference."""
    found = divergences(before, after, is_same=is_same)
    return [(one.kind, one.spans[-1].function, "chance" if not one.is_sure else "follows" if one.follows else "sure") for one in found]


def test_what_a_root_was_given_comes_first_and_what_follows_is_told_as_such() -> None:
    assert ranked(run_with("3"), run_with("4", ("broken", 20, 1, []))) == [
        ("parameter", "main", "sure"), ("structure", "broken", "sure"), ("parameter", "parse", "follows"),
        ("parameter", "term", "follows"), ("return", "term", "follows"), ("return", "parse", "follows"),
    ]  # fmt: skip


def test_what_a_call_of_nothing_came_to_follows_from_what_was_done_otherwise_in_it() -> None:
    before, after = (with_values(tree(("check", 0, 9, [("tax", 1, 1, [])])), check=gave(tax), tax=gave(tax, price=1)) for tax in (1, 2))
    assert ranked(before, after) == [("return", "tax", "sure"), ("return", "check", "follows")]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("id 0b54cbd2-9a3f-4d5e-8f0a-1c2d3e4f5a6b", "id 77e1cbd2-1111-4d5e-8f0a-1c2d3e4f5a6c"), (1763949012.25, 1763949999.5),
        ("/tmp/pytest-1/x", "/tmp/pytest-22/x"), ({"at": "2026-11-24T01:02:03Z"}, {"at": "2026-11-25T09:08:07Z"}),
        (0.1234567890123456, 0.65432109876543),
    ],
)  # fmt: skip
def test_clocks_and_ids_that_a_root_was_given_may_be_chance(one: Any, other: Any) -> None:
    assert {rank for *_, rank in ranked(run_with(one), run_with(other))} == {"chance"}


def test_what_a_root_was_given_may_be_chance_where_traces_are_paired_by_guess_or_noise_came_before() -> None:
    assert {rank for *_, rank in ranked(run_with("3"), run_with("4"), is_same=False)} == {"chance"}
    before, after = ([*with_values([span(99, "rnd", 0, 1)], rnd=gave(arg)), *run_with(arg)] for arg in ("3", "4"))
    assert {rank for *_, rank in ranked(before, after)} == {"chance"}


def test_calls_that_have_nothing_in_common_are_told_by_what_each_side_did() -> None:
    before, after = (tree(("main", 0, 99, [(name, at, 1, []) for at, name in enumerate(names)])) for names in ("xaabc", "xddddbe"))
    assert [(one.before, one.after) for one in divergences(before, after)] == [
        ("a was called ×2", "d was called ×4"), ("c was called", "e was called"),
    ]  # fmt: skip


def test_an_exception_instead_of_a_result() -> None:
    before = with_values(tree(SHOP), tax=gave(2))
    after = [
        replace(one, error="KeyError", values=Values(error=RaisedError("KeyError", "x"))) if one.function == "tax" else one
        for one in before
    ]
    (first,) = divergences(before, after)
    assert (first.kind, first.before, first.after) == ("exception", "→ 2", "✗ KeyError: x")


def test_call_expressions_of_one_side_alone_are_passed_over() -> None:
    inner = [("discount", 1, 1, []), ("tax", 3, 2, [("round", 3, 1, [])])]
    after = [replace(one, kind="call") if one.function == "site" else one for one in tree(("total", 0, 9, [("site", 0, 9, inner)]))]
    assert divergences(tree(SHOP), after) == []


def test_functions_that_were_sampled_are_passed_over() -> None:
    hot = [replace(one, count=8) if one.function == "tax" else one for one in tree(SHOP)]
    assert divergences(hot, tree(("total", 0, 9, [("discount", 1, 1, []), ("round", 3, 1, [])]))) == []


def test_functions_of_which_calls_have_no_span_are_passed_over() -> None:
    partly = {("src/shop.py", "tax", "function")}
    assert divergences(tree(SHOP), tree(("total", 0, 9, [("discount", 1, 1, []), ("round", 3, 1, [])])), partly=partly) == []


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (1, 1.0, True), (1, True, False), (float("nan"), float("nan"), True), ("a", "b", False), ([1, 2], [1, 2], True),
        ([1], [1, 2], False), ({"a": 1}, {"a": 1}, True), ({"a": 1}, {"b": 1}, False), (Obj("User"), Obj("User", {"id": 1}), True),
        (Obj("User", {"id": 2}), Obj("User", {"id": 1}), False), (Obj("User"), Obj("Item"), False), (Cut(5, "abc"), "abcde", True),
        (Cut(5, "abc"), "abxde", False), (Cut(6, "abc"), "abcde", False), (Cut(9, [1]), Cut(9, [1, 2]), True),
        (Cut(9, {"a": 1}), Cut(9, {"b": 2}), True),
        (Mark("date", "2025"), Mark("date", "2026"), True), (Mark("function", "f"), Mark("function", "g"), False),
        (Sequence("set", ("a", "b")), Sequence("set", ("b", "a")), True), (Sequence("tuple", (1, 2)), Sequence("tuple", (2, 1)), False),
    ],
)  # fmt: skip
def test_values_are_the_same_as_far_as_they_were_captured(one: Any, other: Any, expected: bool) -> None:
    assert (same(one, other), same(other, one)) == (expected, expected)


def test_keys_do_not_depend_on_order_where_there_is_none() -> None:
    assert key({"a": 1, "b": Sequence("set", (1, 2))}) == key({"b": Sequence("set", (1, 2)), "a": 1})
    assert key(Sequence("set", (1, 2))) == key(Sequence("set", (2, 1)))
    assert key([1, 2]) != key([2, 1])
