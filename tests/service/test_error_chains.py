"""How failed calls are joined to errors."""

from __future__ import annotations

from mcp_tracer.service.operations.error_chains import chains_of
from mcp_tracer.service.operations.views import ErrorView, SpanView


def failed(name: str, parent: str | None, depth: int, start: int, end: int, kind: str = "function") -> SpanView:
    """A call from the one millisecond of a trace to the other, which the error of `get` left; its id is its name."""
    at = "2026-01-01T00:00:00.{:03d}000Z".format
    error = ErrorView(type="Error", message="no 7", stack=[("price.js", 4, "async price"), ("shop.js", 1, "get")])
    return SpanView(
        trace_id="t", span_id=name, parent_span_id=parent, run_id="r", function=name, file="price.js", line=1, kind=kind,
        start_time=at(start), end_time=at(end), duration=float(end - start), self_time=0.0, depth=depth, thread="main", finished=True,
        count=1, error=error,
    )  # fmt: skip


def test_an_awaiting_expression_gives_its_function_what_was_called_beside_it() -> None:
    """`await Promise.all(ids.map(load))`: `get` was called by `load`, which did not fail, before `Promise.all` was."""
    price, whole, get = failed("price", None, 0, 1, 9), failed("Promise.all", "price", 1, 4, 8, "call"), failed("get", "load", 3, 2, 6)
    (chain,) = chains_of([whole, get, price])
    assert (chain.born, chain.passed) == (1, [2])


def test_an_expression_reached_after_the_error_does_not_await_it() -> None:
    whole, get = failed("Promise.all", "price", 1, 7, 8, "call"), failed("get", "load", 3, 2, 6)
    assert len(chains_of([whole, get])) == 2
