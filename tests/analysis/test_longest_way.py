from span_factory import span

from mcp_tracer.analysis.kept import longest_way


def numbers(way: frozenset[str]) -> list[int]:
    return sorted(int(one, 16) for one in way)


def test_the_slowest_path_goes_from_the_longest_root_through_the_longest_calls() -> None:
    spans = [span(1, "short", 0, 10), span(2, "main", 0, 100), span(3, "a", 1, 20, parent=2), span(4, "b", 30, 40, parent=2)]
    assert numbers(longest_way(spans)) == [2, 4]


def test_it_goes_on_through_deeper_calls_only_below_those_on_it() -> None:
    spans = [span(1, "main", 0, 100), span(2, "a", 1, 60, parent=1, depth=1), span(3, "b", 70, 20, parent=1, depth=1)]
    deeper = [span(4, "below b", 70, 19, parent=3, depth=2), span(5, "below a", 2, 10, parent=2, depth=2), span(7, "lost", 2, 99, parent=6)]
    assert numbers(longest_way(spans, deeper)) == [1, 2, 5]


def test_a_call_that_is_its_own_caller_ends_nothing() -> None:
    assert numbers(longest_way([span(1, "main", 0, 100, parent=1)])) == []
