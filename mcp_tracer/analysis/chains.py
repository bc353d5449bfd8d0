"""Failing recursion: the way of one exception through calls of the same few functions, as its first and its last call."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from mcp_tracer.analysis.tree import Levels, Node, remade, same_function

LONGEST_PERIOD = 3
FOLD_FROM_LEVELS = 6


def shortened(roots: Iterable[Node]) -> list[Node]:
    """The trees with each long chain of failing calls of one function (or up to three that take turns) as its two ends."""
    return remade(roots, _shortened)


def _shortened(top: Node) -> Node:
    chain = max((_chain(top, period) for period in range(1, LONGEST_PERIOD + 1)), key=len) if top.span.error else []
    if len(chain) < FOLD_FROM_LEVELS:
        return replace(top, children=[*top.children])
    between, last = chain[1:-1], chain[-1]
    functions = tuple(dict.fromkeys(node.span.function for node in between))
    end = replace(last, left_out=Levels(len(between), functions, between[0].size - last.size))
    return replace(top, children=[end if child is between[0] else child for child in top.children])


def _chain(top: Node, period: int) -> list[Node]:
    """The calls from `top` down whose function is the one of so many levels above."""
    chain: list[Node] = []
    for node in _way(top):
        if len(chain) >= period and not same_function(node.span, chain[-period].span):
            break
        chain.append(node)
    return chain if len(chain) > 2 * period else []


def _way(top: Node) -> Iterator[Node]:
    """Down to where the exception was born, as long as nothing else fails beside it."""
    node: Node | None = top
    while node is not None:
        yield node
        failing = [child for child in node.children if child.fails]
        node = failing[0] if len(failing) == 1 and failing[0].span.error == top.span.error else None
