"""Spans for tests: `tree(("root", 0, 100, [("child", 10, 20, [])]))` in milliseconds."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

from mcp_tracer.model.span import RaisedError, Span, Values

TRACE = "ab" * 16
MS = 1_000_000


def span(number: int, name: str, start_ms: float, length_ms: float, **more: Any) -> Span:
    """One span; `parent` is another span's number."""
    parent = more.pop("parent", None)
    error = more.pop("error", None)
    values = more.pop("values", None)
    if error:
        values = Values(error=RaisedError(error, more.pop("message", "broken")))
    return Span(
        key=number,
        span_id=f"{number:016x}",
        trace_id=TRACE,
        parent_span_id=None if parent is None else f"{parent:016x}",
        run_id="cd" * 16,
        function=name,
        file="src/shop.py",
        line=number,
        kind=more.pop("kind", "function"),
        start_ns=round(start_ms * MS),
        duration_ns=round(length_ms * MS),
        self_ns=more.pop("self_ns", round(length_ms * MS)),
        depth=more.pop("depth", 0),
        thread="main",
        error=error,
        values=values,
        **more,
    )


def tree(*roots: tuple[Any, ...]) -> list[Span]:
    """Spans of nested (name, start, length, children[, error]) tuples, numbered in preorder from 1."""
    numbers = count(1)

    def grow(item: tuple[Any, ...], parent: int | None, depth: int) -> Iterator[Span]:
        name, start, length, children = item[:4]
        number = next(numbers)
        yield span(number, name, start, length, parent=parent, depth=depth, error=item[4] if len(item) > 4 else None)
        for child in children:
            yield from grow(child, number, depth + 1)

    return [made for root in roots for made in grow(root, None, 0)]
