"""How much of its values a function captures: whole ones first, brief ones while it is called densely, and the span says so."""

from __future__ import annotations

from typing import Any

LEFT_OUT = 4
DENSE = """class Order:
    def __init__(self, number): self.number = number
    def total(self, lines): return len(lines)
def look(order): return order.number
for n in range(100): look(Order(n))
Order(1).total([[1, [2]], {"a": 1}])
"""


def test_the_first_calls_are_whole_and_those_beyond_the_value_budget_brief_and_flagged(project: Any) -> None:
    project.settings("TRACING_VALUE_BUDGET=0\n")
    spans = sorted(project.trace(DENSE).of("look"), key=lambda span: span.seq)
    whole, brief = spans[:32], spans[32:]
    assert [span.params["order"] for span in whole] == [("ext", 4, ["__main__.Order", {"number": n}]) for n in range(32)]
    assert not any(span.flags & LEFT_OUT for span in whole)
    assert [span.params["order"] for span in brief] == [("ext", 4, ["__main__.Order"])] * 68
    assert all(span.flags & LEFT_OUT for span in brief)
    assert [span.sections["R"] for span in spans] == list(range(100))


def test_without_a_value_budget_everything_is_whole(project: Any) -> None:
    project.settings("TRACING_VALUE_BUDGET=off\n")
    spans = project.trace(DENSE).of("look")
    assert {span.params["order"][2][1]["number"] for span in spans} == set(range(100))
    assert not any(span.flags & LEFT_OUT for span in spans)


SHARED = """class Order:
    def __init__(self, number): self.number, self.lines = number, [{"sku": n, "text": "a line of some words"} for n in range(9)]
def hot(order): return order.number
def rare(order): return order.number
def main():
    order = Order(1)
    for n in range(60):
        for m in range(500): hot(order)
        rare(order)
main()
"""


def test_what_is_called_now_and_then_stays_whole_beside_what_is_called_densely(project: Any) -> None:
    project.settings("TRACING_OVERHEAD_BUDGET=off\n")
    run = project.trace(SHARED)
    later = {name: sorted(run.of(name), key=lambda span: span.seq)[32:] for name in ("hot", "rare")}
    brief = {name: sum(span.flags & LEFT_OUT != 0 for span in spans) / len(spans) for name, spans in later.items()}
    assert len(later["hot"]) == 60 * 500 - 32
    assert brief["hot"] > 0.5, "whole values cost more than their share"
    assert brief["rare"] < brief["hot"] / 2


def test_what_a_brief_call_returns_is_brief_and_of_a_whole_one_whole(project: Any) -> None:
    project.settings("TRACING_VALUE_BUDGET=0\n")
    source = DENSE + "def deep(n): return Order(n) if n == 0 else (deep(n - 1), Order(n))[1]\nfor _ in range(2): deep(30)\n"
    spans = sorted(project.trace(source).of("deep"), key=lambda span: span.seq)
    shown = [len(span.sections["R"][2]) == 2 for span in spans]
    assert shown == [True] * 32 + [False] * (62 - 32)


FAILING = (
    DENSE
    + """def check(order, limit):
    limit = [limit]
    if order.number >= 40: raise ValueError("too many")
def checked(order, limit):
    try: check(order, limit)
    finally: pass
for n in range(60):
    try: checked(Order(n), 7)
    except ValueError: pass
"""
)


def test_the_parameters_of_failing_calls_that_were_brief_are_captured_again_as_they_are_by_then(project: Any) -> None:
    project.settings("TRACING_VALUE_BUDGET=0\n")
    run = project.trace(FAILING)
    for name, limit in (("check", [7]), ("checked", 7)):
        failed = sorted((span for span in run.of(name) if span.flags & 1), key=lambda span: span.seq)
        assert [span.params["order"] for span in failed] == [("ext", 4, ["__main__.Order"])] * 20
        late = [span.sections.get("L") for span in failed]
        assert late == [{"order": ("ext", 4, ["__main__.Order", {"number": n}]), "limit": limit} for n in range(40, 48)] + [None] * 12
        assert all(span.sections["E"]["message"] == "too many" for span in failed)


def test_numbers_and_short_texts_are_never_left_out(project: Any) -> None:
    run = project.trace("def f(n, text): return (n, text)\nfor n in range(100): f(n, 'short')\n")
    assert {span.flags for span in run.of("f")} == {0}
    assert sorted(span.params["n"] for span in run.of("f")) == list(range(100))


def test_the_receiver_is_named_and_has_fields_from_level_4(project: Any) -> None:
    expected = {2: ["__main__.Order"], 4: ["__main__.Order", {"number": 1}]}
    for level, held in expected.items():
        for path in (project.home / "spool").glob("*.spool"):
            path.unlink()
        assert project.trace(DENSE, level).one("Order.total").params["self"] == ("ext", 4, held)


def test_a_huge_tree_costs_no_more_than_its_nodes_allow(project: Any) -> None:
    run = project.trace("def f(tree): return 1\nf([[[1] * 20] * 20] * 20)\n")
    assert run.one("f").flags & LEFT_OUT


def test_a_call_is_whole_or_brief_as_one(project: Any) -> None:
    run = project.trace(f"{DENSE}def f(order): return order\nfor n in range(3000): f(Order(n))\n")
    shown = {(len(span.params["order"][2]), len(span.sections["R"][2])) for span in run.of("f")}
    assert shown == {(2, 2), (1, 1)}
