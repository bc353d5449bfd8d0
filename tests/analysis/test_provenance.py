"""What counts as a value's appearance, and its way."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mcp_tracer.analysis.provenance import appearances, chain, is_sought, parts, steps_of, wanted
from mcp_tracer.model.span import Event, RaisedError, Values
from mcp_tracer.model.values import Cut, Mark, Obj, Sequence

from .span_factory import span


@pytest.mark.parametrize(
    ("text", "value", "expected"),
    [
        ("17", 17, True), ("17", 17.0, True), ("17", "17", True), ("17", 170, False), ("17", "170", False), ("17", True, False),
        ("1", True, False), ("true", True, True), ("true", "true", False), ("null", None, True), ("0", None, False), ("0", False, False),
        ("1.5", 1.5, True), ("-3", -3, True), ("tea", "Green TEA", True), ("tea", "coffee", False), ('"17"', "a 17 b", True),
        ('"17"', 17, False), ("tea", Cut(500, "tea with"), True), ("tea", Obj("Item", "tea"), True),
        ("2025-", Mark("date", "2025-01-15"), True),
        ("secret", Mark("redacted", "secret"), False),
    ],
)  # fmt: skip
def test_scalars_are_equal_and_texts_hold_it(text: str, value: Any, expected: bool) -> None:
    assert is_sought(value, wanted(text, None)) is expected


def test_a_part_is_named_by_its_way_from_the_parameter() -> None:
    value = {"id": 17, "items": [{"sku": 17}], "owner": Obj("User", {"age": 17}), "pair": Sequence("tuple", (1, 17)), "cut": Cut(9, [17])}
    assert [".".join(path) for path, _ in parts(value, ("order",), wanted("17", None))] == [
        "order.id", "order.items.0.sku", "order.owner.age", "order.pair.1", "order.cut.0",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("path", "count"), [("$.order.id", 1), ("id", 2), ("order", 0), ("$.order.items[0].id", 1), ("items[*].id", 1), ("x.order.id", 0)]
)
def test_a_path_is_compared_from_its_end(path: str, count: int) -> None:
    value = {"id": 17, "items": [{"id": 17}]}
    assert len(list(parts(value, ("order",), wanted("17", path)))) == count


@pytest.mark.parametrize("path", ["..", "$", "a..b", "a[", "a[x]"])
def test_what_is_no_path_is_refused(path: str) -> None:
    with pytest.raises(ValueError):
        steps_of(path)


def test_appearances_stand_in_the_order_in_which_they_happened() -> None:
    main = span(1, "main", 0, 100, values=Values(returned=17, has_return=True))
    load = span(2, "load", 10, 5, parent=1, depth=1, values=Values(returned=17, has_return=True))
    sql = span(3, "execute", 20, 5, parent=1, depth=1, kind="db", values=Values(attributes={"db.query.parameters": [17]}))
    save = span(4, "save", 30, 5, parent=1, depth=1, values=Values(params={"id": 17}, error=RaisedError("KeyError", "17")))
    had = Event(main.span_id, 1, 16_000_000, "variable", 5, {"id": 17, "other": 1})
    found = appearances([main, load, sql, save], [(had, main)], wanted("17", None))
    assert [(one.span.function, one.how, ".".join(one.path)) for one in found] == [
        ("load", "return", "return"), ("main", "variable", "id"), ("execute", "attribute", "db.query.parameters.0"),
        ("save", "parameter", "id"), ("save", "error", "error"), ("main", "return", "return"),
    ]  # fmt: skip


def test_a_loop_that_passes_it_again_adds_no_steps() -> None:
    gave = Values(params={"id": 17}, returned=17, has_return=True)
    calls = [replace(span(number, "price", number, 0.5, values=gave), line=3) for number in range(1, 9)]
    stops = chain(appearances(calls, [], wanted("17", None)))
    assert [(stop.first.span.span_id, stop.first.how, len(stop.appearances)) for stop in stops] == [
        (calls[0].span_id, "parameter", 8), (calls[0].span_id, "return", 8),
    ]  # fmt: skip
