from dataclasses import replace

from span_factory import span, tree

from mcp_tracer.analysis.flame import BESIDE, LeftOut, draw_flame_graph, left_by_store, prune
from mcp_tracer.analysis.flow import Frame, draw_timeline, flame_graph, flame_graph_of_paths, timeline
from mcp_tracer.model.span import CallPath


def drawn_whole(whole: Frame) -> list[str]:
    return draw_flame_graph(whole, LeftOut(0, 0))


def test_a_flame_graph_sums_calls_of_one_path() -> None:
    whole = flame_graph(tree(("a", 0, 10, [("b", 1, 2, []), ("b", 4, 3, [])])))
    (a,) = whole.children.values()
    (b,) = a.children.values()
    assert (b.calls, b.total_ns) == (2, 5_000_000)
    assert whole.total_ns == 10_000_000


def test_the_same_function_under_another_caller_is_another_frame() -> None:
    whole = flame_graph(tree(("a", 0, 10, [("x", 1, 2, [])]), ("b", 20, 10, [("x", 21, 2, [])])))
    assert sorted(name for name, _ in whole.children) == ["a", "b"]
    assert all(len(frame.children) == 1 for frame in whole.children.values())


def test_a_flame_graph_is_drawn_with_shares() -> None:
    drawn = drawn_whole(flame_graph(tree(("a", 0, 10, [("b", 1, 5, [])]))))
    assert drawn[2].strip().startswith("50% ██████████ b 5ms")


def test_a_flame_graph_says_how_much_it_leaves_out_and_keeps_what_failed() -> None:
    small = [("s", at, 0.01, [("t", at, 0.004, [])]) for at in range(3)]
    failing = ("f", 5, 0.01, [("g", 5, 0.004, [], "ValueError")])
    whole = flame_graph(tree(("a", 0, 10, [*small, failing, ("tiny", 7, 0.015, []), ("b", 8, 0.02, [])])))
    assert draw_flame_graph(whole, prune(whole))[2:] == [
        "    0% █ s ×3 30µs (self 30µs) src/shop.py", "    0% █ b 20µs (self 20µs) src/shop.py",
        "    0% █ f 10µs (self 10µs) src/shop.py", "      0% █ g 4µs (self 4µs) ✗1 src/shop.py",
        "2 paths of less than 0.2% of the time left out: 27µs (0.3%) in all.",
    ]  # fmt: skip


def test_the_time_of_paths_that_a_store_left_out_is_told() -> None:
    whole = flame_graph_of_paths([CallPath(-1, "a.py", "main", 1, "function", 1, 0, 10_000_000, 9_900_000)])
    assert draw_flame_graph(whole, left_by_store(whole, 0))[-1] == "Paths of less than 0.2% of the time left out: 100µs (1.0%) in all."
    more = "Paths of less than 0.2% of the time left out: 100µs (1.0%) in all, with 3 more failed calls: find_errors lists them."
    assert draw_flame_graph(whole, left_by_store(whole, 3))[-1] == more


def test_work_side_by_side_is_told_and_its_bar_is_no_wider_than_the_whole() -> None:
    whole = flame_graph(tree(("a", 0, 10, [("b", 0, 9, []), ("b", 0, 9, [])])))
    assert drawn_whole(whole)[2:] == ["    180%* " + "█" * 20 + " b ×2 18ms (self 18ms) src/shop.py", BESIDE]


def test_estimated_times_are_marked() -> None:
    drawn = drawn_whole(flame_graph([replace(one, estimated=True) for one in tree(("a", 0, 10, []))]))
    assert drawn[1] == "  100% " + "█" * 20 + " a ≈10ms (self ≈10ms) src/shop.py"


def test_a_timeline_starts_at_the_first_span() -> None:
    bars = timeline(tree(("a", 100, 10, [("b", 105, 5, [])])))
    assert [(bar.span.function, bar.offset_ns) for bar in bars] == [("a", 0), ("b", 5_000_000)]
    assert draw_timeline(bars, width=10)[1].startswith("·····█████ +5ms")


def test_a_timeline_says_how_to_see_the_rest() -> None:
    *drawn, rest = draw_timeline(timeline(tree(("a", 0, 100, [("b", n, 1, []) for n in range(20)]))), lines=6)
    assert (len(drawn), rest.split(",")[0]) == (6, "… 15 more spans: raise max_lines (at most 1000)")


def test_an_empty_timeline_draws_nothing() -> None:
    assert draw_timeline(timeline([])) == []


def test_a_function_that_calls_itself_is_one_frame_whose_total_counts_the_outermost_call() -> None:
    down = ("down", 3, 2, [("leaf", 3, 1, [])])
    whole = flame_graph(tree(("main", 0, 10, [("down", 1, 8, [("down", 2, 5, [down])])])))
    (main,) = whole.children.values()
    (frame,) = main.children.values()
    assert (frame.name, frame.calls, frame.total_ns) == ("down", 3, 8_000_000)
    assert [(child.name, child.calls) for child in frame.children.values()] == [("leaf", 1)]


def test_a_function_that_calls_itself_through_call_expressions_is_one_frame_too() -> None:
    spans = [span(1, "down", 0, 8)]
    for number in (2, 4):
        spans.append(span(number, "down", number, 8 - number, parent=number - 1, kind="call"))
        spans.append(span(number + 1, "down", number, 8 - number, parent=number))
    (frame,) = flame_graph(spans).children.values()
    (site,) = frame.children.values()
    assert (frame.name, frame.calls, frame.total_ns) == ("down", 3, 8_000_000)
    assert (site.name, site.calls, site.total_ns, site.children) == ("call down", 2, 6_000_000, {})


def test_paths_that_a_store_added_up_give_the_same_graph() -> None:
    spans = tree(("main", 0, 10, [("down", 1, 8, [("down", 2, 5, [("leaf", 3, 1, [])])]), ("leaf", 9, 1, [])]))
    above = {"main": -1, "down": 0, "down again": 1, "deep leaf": 2, "leaf": 0}
    names = [name.split()[-1] if name != "down again" else "down" for name in above]
    by_depth = sorted(spans, key=lambda one: (one.depth != 0, one.start_ns))
    paths = [
        CallPath(parent, one.file, name, one.line, one.kind, 1, 0, one.duration_ns, one.self_ns)
        for parent, name, one in zip(above.values(), names, by_depth, strict=True)
    ]
    assert drawn_whole(flame_graph_of_paths(paths)) == drawn_whole(flame_graph(spans))
