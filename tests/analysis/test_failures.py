"""Errors on two sides: other numbers, other messages, and what is only counted."""

from __future__ import annotations

from mcp_tracer.analysis.comparison import Counts, Key
from mcp_tracer.analysis.failures import error_changes
from mcp_tracer.model.span import Span

from .span_factory import span

LOAD: Key = ("src/shop.py", "load", "function")


def failing(*messages: str, name: str = "load", depth: int = 0) -> list[Span]:
    return [span(at, name, at, 1, error="KeyError", message=said, depth=depth) for at, said in enumerate(messages, 1 + 100 * depth)]


def test_as_many_errors_with_another_message_are_a_change() -> None:
    (one,) = error_changes(failing("'k4'", "'same'"), failing("'same'", "'k3'"))
    assert (one.before, one.after, one.other) == (2, 2, failing("'k4'")[0])
    assert one.example == failing("'same'", "'k3'")[1]


def test_addresses_and_order_make_no_other_message() -> None:
    assert error_changes(failing("<Cart at 0x7f01>", "b"), failing("b", "<Cart at 0x7e02>")) == []


def test_another_message_is_told_once_of_an_exception_that_left_several_calls() -> None:
    sides = [[*failing(said, name="main"), *failing(said, name="load", depth=1)] for said in ("old", "new")]
    assert [one.function for one in error_changes(sides[0], sides[1])] == ["load"]


def test_a_new_message_is_the_example_of_more_errors() -> None:
    (one,) = error_changes(failing("a"), failing("a", "b"))
    assert (one.before, one.after, one.example) == (1, 2, failing("a", "b")[1])


def test_failures_without_a_span_are_counted_too() -> None:
    many = {LOAD: Counts(900, 16, 1)}
    assert error_changes(failing("a", "b"), failing("a"), counted=(many, many)) == []
    (one,) = error_changes(failing("a", "b"), failing("a"), counted=(many, {LOAD: Counts(900, 20, 1)}))
    assert (one.before, one.after) == (16, 20)
