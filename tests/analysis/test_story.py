from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from span_factory import span, tree

from mcp_tracer.analysis.story import tell
from mcp_tracer.analysis.tree import build
from mcp_tracer.model.span import Values


def lines(*roots: tuple, tokens: int = 2000, **more) -> tuple[str, ...]:
    return tell(build(tree(*roots)), budget_tokens=tokens, **more).lines


def test_each_call_is_a_line_indented_by_depth() -> None:
    told = lines(("checkout", 0, 10, [("total", 1, 2.5, [])]))
    assert told == ("10ms checkout src/shop.py:1 #0000000000000001", "  2.5ms total src/shop.py:2")


def test_repeated_calls_are_one_line_with_range_and_sum() -> None:
    told = lines(("a", 0, 100, [("load", n * 10, n + 1, []) for n in range(5)]))
    assert told[1] == "  ×5 5ms load src/shop.py:6 [the slowest is shown; 1ms–5ms, together 15ms] #0000000000000006"


def test_calls_that_take_turns_are_a_line_each() -> None:
    told = lines(("a", 0, 100, [(("save", "log")[n % 2], n, 1, []) for n in range(40)] + [("end", 90, 1, [])]))
    assert [line.strip() for line in told[1:]] == [
        "×20 1ms save src/shop.py:2 [1ms–1ms, together 20ms, in turns of 2 calls] #0000000000000002 ◀",
        "×20 1ms log src/shop.py:3 [1ms–1ms, together 20ms, in turns of 2 calls] #0000000000000003",
        "1ms end src/shop.py:42",
    ]


def test_sampled_calls_that_are_one_line_say_of_how_many_they_are() -> None:
    calls = [span(n, "load", n * 10, 1, parent=1, depth=1, count=count) for n, count in ((2, 1), (3, 64), (4, 64))]
    spans = [span(1, "a", 0, 100), *(replace(call, line=2) for call in calls)]
    told = tell(build(spans), budget_tokens=2000).lines
    assert told[1] == "  ×3 1ms load src/shop.py:2 [1ms–1ms, together 3ms, recorded of 129 calls] #0000000000000002"


def test_an_error_is_shown_with_its_type_and_message() -> None:
    told = lines(("a", 0, 10, [("b", 1, 1, [], "KeyError")], "KeyError"))
    assert told[1] == "  1ms b ✗ KeyError: broken src/shop.py:2 #0000000000000002"


def test_the_path_to_an_error_survives_a_small_budget() -> None:
    deep = ("e", 5, 0.1, [], "KeyError")
    for name in "dcb":
        deep = (name, 5, 0.2, [*[(f"noise{n}", n, 1, []) for n in range(40)], deep])
    told = "\n".join(lines(("a", 0, 100, [deep]), tokens=300))
    assert "KeyError" in told
    assert len(told) <= 300 * 3.5 + 200


def test_what_is_not_shown_is_counted_and_can_be_asked_for() -> None:
    told = lines(("a", 0, 100, [("b", 1, 50, [("c", 2, 1, []), ("d", 4, 1, [])])]), max_depth=1)
    assert told[-1] == "    … 1 span not shown (d; 1ms; span_id=0000000000000002 shows them)"


def test_short_calls_are_left_out_below_the_minimum() -> None:
    told = lines(("a", 0, 100, [("slow", 1, 50, []), ("quick", 60, 0.5, [])]), min_duration_ns=1_000_000)
    assert not any("0.5ms" in line for line in told)
    assert any("1 span not shown (quick" in line for line in told)


def test_parameters_and_return_are_shown() -> None:
    values = Values(params={"order": {"id": 7}}, returned=[1, 2], has_return=True)
    (line,) = tell(build([span(1, "total", 0, 1, values=values)]), budget_tokens=500).lines
    assert line == "1ms total(order={id: 7}) → [1, 2] src/shop.py:1 #0000000000000001"


@given(st.lists(st.integers(min_value=0, max_value=60), min_size=1, max_size=60), st.integers(min_value=200, max_value=2000))
def test_the_answer_keeps_to_its_budget(parents: list[int], tokens: int) -> None:
    spans = [span(number, f"f{number % 7}", number, 1, parent=p if p < number else None) for number, p in enumerate(parents)]
    told = "\n".join(tell(build(spans), budget_tokens=tokens).lines)
    assert len(told) <= tokens * 3.5 + 120


def failing_recursion(level: int, last: int, start: float = 1) -> tuple:
    return ("deep", start, 1, [failing_recursion(level + 1, last, start)] if level < last else [], "RecursionError")


def test_a_recursion_that_fails_is_told_by_its_two_ends_and_the_other_errors_stay() -> None:
    others = [("split", 10, 1, [("share", 10, 0.5, [], "KeyError")], "KeyError")]
    told = lines(("main", 0, 100, [failing_recursion(1, 40), *others, ("quick", 20, 0.1, [])]), tokens=300)
    assert [line.strip().split(" src")[0] for line in told] == [
        "100ms main",
        "1ms deep ✗ RecursionError: broken",
        "… 38 more levels of deep (38 spans; raise max_tokens to see them) …",
        "1ms deep ✗ RecursionError: broken",
        "1ms split ✗ KeyError: broken",
        "500µs share ✗ KeyError: broken",
        "100µs quick",
    ]


def test_functions_that_take_turns_in_a_failing_recursion_are_told_by_two_ends_too() -> None:
    turn = ("ping", 1, 1, [], "RecursionError")
    for n in range(29):
        turn = (("pong", "ping")[n % 2], 1, 1, [turn], "RecursionError")
    told = lines(("main", 0, 100, [turn]), tokens=300)
    assert told[2].strip() == "… 28 more levels of ping → pong (28 spans; raise max_tokens to see them) …"
    assert "ping" in told[3]


def test_a_failing_recursion_is_told_whole_where_it_fits() -> None:
    assert len(lines(("main", 0, 100, [failing_recursion(1, 40)]), tokens=20000)) == 41


def test_of_many_errors_the_first_of_each_kind_fits_before_the_second_of_any() -> None:
    calls = [(f"load{n % 2}", n, 0.5, [("read", n, 0.2, [("parse", n, 0.1, [], "ValueError")], "ValueError")]) for n in range(90)]
    told = "\n".join(lines(("main", 0, 100, [*calls, ("save", 95, 1, [], "OSError")]), tokens=300))
    assert "ValueError" in told
    assert "save ✗ OSError" in told
    assert "failed; " in told
    assert len(told) <= 300 * 3.5 + 120


def test_calls_that_failed_the_same_way_are_one_line_where_they_do_not_fit() -> None:
    told = lines(("main", 0, 100, [("load", n, 0.5, [], "ValueError") for n in range(90)]), tokens=300)
    assert told[1].startswith("  ×90 500µs load ✗ ValueError: broken src/shop.py:2 [each failed so, the first is shown; 500µs–500µs")


def test_a_way_too_long_is_told_by_its_beginning_and_its_end() -> None:
    way = ("born", 1, 1, [], "KeyError")
    for n in range(60):
        way = (f"f{n}", 1, 1, [("noise", 1, 0.1, []), way], "KeyError")
    told = lines(("main", 0, 100, [way]), tokens=400)
    assert told[0].startswith("100ms main")
    assert "born ✗ KeyError" in told[-1]
    assert any(line.startswith("… only") and "max_tokens" in line for line in told)


def recursive(levels: int) -> tuple:
    return ("fib", 0, 1, [recursive(levels - 1), recursive(levels - 2)] if levels > 1 else [])


def test_recursive_calls_are_one_line_where_they_do_not_fit() -> None:
    told = lines(("main", 0, 10, [recursive(12)]), tokens=500)
    assert told[1] == "  1ms fib src/shop.py:2 [recursive: ×465 (depth ≤ 12), self 465ms] #0000000000000002"
    assert len(told) == 2


def test_recursive_calls_are_told_one_by_one_where_they_fit() -> None:
    told = lines(("main", 0, 10, [recursive(5)]))
    assert len(told) == 16


def test_a_recursion_whose_depths_were_not_all_fetched_is_a_lower_bound() -> None:
    told = lines(("main", 0, 10, [recursive(12)]), partial=True)
    assert "[recursive: ×465+ (depth ≥ 12)]" in told[1]


def test_a_call_expression_and_the_call_that_it_made_are_one_line() -> None:
    spans = [
        span(1, "checkout", 0, 100),
        span(2, "cart.total", 10, 20, parent=1, depth=1, kind="call"),
        span(3, "Cart.total", 11, 18, parent=2, depth=2),
        span(4, "print", 40, 2, parent=1, depth=1, kind="call"),
        span(5, "apply", 50, 20, parent=1, depth=1, kind="call"),
        span(6, "discount", 51, 18, parent=5, depth=2),
    ]
    assert [*tell(build(spans), budget_tokens=2000).lines] == [
        "100ms checkout src/shop.py:1 #0000000000000001",
        "  18ms Cart.total src/shop.py:3 called at line 2",
        "  2ms print src/shop.py:4",
        "  20ms apply src/shop.py:5 ◀",
        "    18ms discount src/shop.py:6",
    ]


def test_the_slowest_path_is_marked_where_there_is_a_choice() -> None:
    told = lines(("a", 0, 100, [("b", 0, 20, []), ("c", 30, 60, [("d", 31, 50, [("e", 32, 5, []), ("f", 40, 30, [])])])]))
    assert [line.split()[1] for line in told if line.endswith(" ◀")] == ["c", "f"]


def test_a_line_of_many_calls_stands_for_the_slowest_and_shows_what_that_one_did() -> None:
    jobs = [("job", n * 10, 9 if n == 3 else 1, [("step", n * 10, 8 if n == 3 else 0.5, [])]) for n in range(6)]
    told = lines(("main", 0, 100, [*jobs, ("end", 90, 1, [])]))
    assert told[1:] == (
        "  ×6 9ms job src/shop.py:8 [the slowest is shown; 1ms–9ms, together 14ms, each with 1 below] #0000000000000008 ◀",
        "    8ms step src/shop.py:9",
        "  1ms end src/shop.py:14",
    )


def test_a_line_of_calls_that_failed_the_same_way_names_the_slowest_too() -> None:
    calls = [("load", n, 5 if n == 40 else 0.5, [], "ValueError") for n in range(90)]
    told = lines(("main", 0, 100, calls), tokens=300)
    assert told[1].endswith("together 49.5ms, #000000000000002a the slowest] #0000000000000002")


def test_the_slowest_path_is_the_given_one_where_the_trees_cannot_tell() -> None:
    fetched = build(tree(("main", 0, 100, [("a", 1, 50, []), ("b", 60, 20, [])])))
    assert [line for line in tell(fetched, budget_tokens=500, slow=frozenset({"0000000000000001"})).lines if line.endswith("◀")] == []
    (marked,) = [line for line in tell(fetched, budget_tokens=500, slow=frozenset({"0000000000000003"})).lines if line.endswith("◀")]
    assert marked.split()[1] == "b"


def test_a_line_of_many_calls_shows_what_was_sought_below_them() -> None:
    jobs = [("job", n * 10, 1, [("charge", n * 10, 0.5, [])]) for n in range(6)]
    trees = build(tree(("main", 0, 100, jobs)))
    assert not any("charge" in line for line in tell(trees, budget_tokens=500, slow=frozenset()).lines)
    assert any("charge" in line for line in tell(trees, budget_tokens=500, slow=frozenset(), sought=True).lines)
