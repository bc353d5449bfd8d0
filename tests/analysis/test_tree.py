from hypothesis import given
from hypothesis import strategies as st
from span_factory import span, tree

from mcp_tracer.analysis.tree import Recursion, build, collapsed, fold, slowest_path, walk


def test_children_hang_below_their_parents_in_order_of_start() -> None:
    (root,) = build(reversed(tree(("a", 0, 10, [("b", 1, 2, []), ("c", 4, 2, [])]))))
    assert [node.span.function for node in walk(root)] == ["a", "b", "c"]
    assert root.size == 3


def test_a_span_whose_parent_is_missing_is_a_root() -> None:
    roots = build([span(1, "a", 0, 5), span(3, "lost", 1, 1, parent=2)])
    assert [root.span.function for root in roots] == ["a", "lost"]


def test_an_error_marks_every_span_above_it() -> None:
    (root,) = build(tree(("a", 0, 10, [("b", 1, 2, [("c", 1, 1, [], "KeyError")]), ("d", 5, 1, [])])))
    assert {node.span.function for node in walk(root) if node.fails} == {"a", "b", "c"}


def test_three_neighbours_that_did_the_same_are_folded() -> None:
    (root,) = build(tree(("a", 0, 10, [("b", n, 1, []) for n in range(3)] + [("c", 5, 1, [])])))
    assert [[node.span.function for node in each.nodes] for each in fold(root.children)] == [["b", "b", "b"], ["c"]]


def test_two_neighbours_stay_apart() -> None:
    (root,) = build(tree(("a", 0, 10, [("b", 0, 1, []), ("b", 2, 1, [])])))
    assert [len(each.nodes) for each in fold(root.children)] == [1, 1]


def test_a_call_that_failed_is_never_folded() -> None:
    calls = [("b", n, 1, []) for n in range(4)] + [("b", 4, 1, [], "ValueError")]
    (root,) = build(tree(("a", 0, 10, calls)))
    assert [len(each.nodes) for each in fold(root.children)] == [4, 1]


def test_the_slowest_path_follows_the_longest_child() -> None:
    (root,) = build(tree(("a", 0, 10, [("b", 0, 2, []), ("c", 3, 6, [("d", 3, 1, [])])])))
    assert slowest_path(root) == {f"{number:016x}" for number in (1, 3, 4)}


def test_a_trace_ten_thousand_calls_deep_is_built() -> None:
    deep = [span(number, "f", number, 1, parent=number - 1 if number else None, depth=number) for number in range(10_000)]
    (root,) = build(deep)
    assert root.size == 10_000


@given(st.lists(st.integers(min_value=0, max_value=30), max_size=40))
def test_no_span_is_lost_or_doubled(parents: list[int]) -> None:
    spans = [span(number, "f", number, 1, parent=parent if parent < number else None) for number, parent in enumerate(parents)]
    found = [node.span.span_id for root in build(spans) for node in walk(root)]
    assert sorted(found) == sorted(each.span_id for each in spans)


def fib(number: int, start: float) -> tuple:
    """Calls as fib makes them: `number` levels, two calls each."""
    below = [fib(number - 1, start), fib(number - 2, start + 1)] if number > 1 else []
    return ("fib", start, 1, below)


def test_recursive_calls_become_one_node() -> None:
    (root,) = collapsed(build(tree(("main", 0, 10, [fib(5, 1)]))))
    (top,) = root.children
    assert (top.span.function, top.children, top.recursion) == ("fib", [], Recursion(calls=15, levels=5, self_ns=15_000_000))


def test_what_a_recursion_calls_besides_stays_below_it() -> None:
    walk = ("visit", 0, 1, [("read", 0, 1, [])])
    for level in range(1, 9):
        walk = ("visit", 10 - level, 1, [("read", 10 - level, 1, []), walk])
    (root,) = collapsed(build(tree(walk)))
    assert root.recursion is not None and root.recursion.calls == 9
    assert [child.span.function for child in root.children] == ["read"] * 9


def test_call_expressions_between_recursive_calls_do_not_hide_the_recursion() -> None:
    spans = [span(1, "down", 0, 50)]
    for number in range(2, 20, 2):
        spans.append(span(number, "down", 0, 50, parent=number - 1, kind="call", depth=number - 1))
        spans.append(span(number + 1, "down", 0, 50, parent=number, depth=number))
    (root,) = collapsed(build(spans))
    assert root.recursion is not None and (root.recursion.calls, root.recursion.levels) == (10, 10)


def test_a_recursion_that_fails_stays_as_it_was() -> None:
    deep = ("down", 0, 1, [], "ValueError")
    for _ in range(12):
        deep = ("down", 0, 1, [deep], "ValueError")
    roots = build(tree(deep))
    assert [node.span.span_id for node in walk(collapsed(roots)[0])] == [node.span.span_id for node in walk(roots[0])]


def test_a_few_recursive_calls_stay_as_they_are() -> None:
    (root,) = collapsed(build(tree(fib(3, 0))))
    assert root.recursion is None and len(root.children) == 2


def test_spans_that_are_each_others_parents_are_not_lost() -> None:
    spans = [
        span(1, "test", 0, 100, parent=3),
        span(2, "get", 10, 50, parent=1),
        span(3, "serve", 20, 30, parent=2, depth=1),
        span(4, "price", 21, 5, parent=3),
        span(5, "apart", 5, 1),
    ]
    roots = build(spans)
    assert [(root.span.function, root.size, [node.span.function for node in walk(root)]) for root in roots] == [
        ("test", 4, ["test", "get", "serve", "price"]),
        ("apart", 1, ["apart"]),
    ]
