"""What a story must not lose: the ways to the errors, the most telling ones first, and the slowest path."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from mcp_tracer.analysis.tree import Node, slowest_path, walk
from mcp_tracer.model.span import Span

Way = frozenset[str]
"""Span ids from a root down to where an error was born."""


def slowest(roots: Sequence[Node]) -> Way:
    """The slowest path of the longest root."""
    return frozenset(slowest_path(max(roots, key=lambda root: root.span.duration_ns))) if roots else Way()


def longest_way(spans: Iterable[Span], deeper: Sequence[Span] = ()) -> Way:
    """The slowest path through spans, and through `deeper` ones that were called by one on it."""
    known = {span.span_id: span for span in spans}
    longest: dict[str | None, Span] = {}
    for span in (*known.values(), *deeper):
        above = span.parent_span_id if span.parent_span_id in known or span.span_id not in known else None
        if above not in longest or span.duration_ns > longest[above].duration_ns:
            longest[above] = span
    way: set[str | None] = set()
    above = None
    while above in longest and longest[above].span_id not in way:
        above = longest[above].span_id
        way.add(above)
    return Way(one for one in way if one)


def failing(roots: Sequence[Node]) -> Way:
    """Everything at or above an error."""
    return Way(node.span.span_id for root in roots for node in walk(root) if node.fails)


def ways_to_errors(roots: Sequence[Node]) -> list[Way]:
    """The way to each error: of every kind (type and function) the first, then of every kind the second, and so on."""
    times: dict[tuple[str | None, str, str], int] = {}
    ranked: list[tuple[int, int, Way]] = []
    for number, (born, way) in enumerate(_births(roots)):
        kind = (born.span.error, born.span.function, born.span.file)
        times[kind] = times.get(kind, 0) + 1
        ranked.append((times[kind], number, way))
    return [way for _, _, way in sorted(ranked, key=lambda one: one[:2])]


def _births(roots: Sequence[Node]) -> Iterator[tuple[Node, Way]]:
    """Failed calls below which nothing failed the same way, in order, with their ways."""
    above: list[str] = []
    stack = [(root, 0) for root in reversed(roots) if root.fails]
    while stack:
        node, depth = stack.pop()
        above[depth:] = [node.span.span_id]
        below = [child for child in node.children if child.fails]
        if node.span.error and not any(child.span.error == node.span.error for child in below):
            yield node, Way(above)
        stack.extend((child, depth + 1) for child in reversed(below))
