"""Two call trees walked together in the order of execution, past what only one of them has."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, zip_longest

from mcp_tracer.analysis.tree import Node
from mcp_tracer.model.span import Span

What = Callable[[Span], object]
_Side = Sequence[Node]
_Both = tuple[Span | None, Span | None]

MOST_GAPS = 50
"""So often, in one call, what follows is looked for: two lists of calls that have little in common are not compared on."""


@dataclass(frozen=True, slots=True)
class Met:
    """A point in both trees: corresponding calls are `entered` or `left`; or the sides go on with `other` calls, `times` in a row.

    `within`: the calls in which that is; None on top. A side without a span there made no other call: it went on with `then`, or ended.
    """

    kind: str
    before: Span | None
    after: Span | None
    within: _Both = (None, None)
    times: tuple[int, int] = (1, 1)
    then: _Both = (None, None)


def met(before: _Side, after: _Side, what: What) -> Iterator[Met]:
    """All points, in order. Iterative: traces may be thousands of calls deep."""
    stack: list[Met | tuple[Node, Node]] = [*reversed(list(_matched(before, after, what, (None, None))))]
    while stack:
        step = stack.pop()
        if isinstance(step, Met):
            yield step
            continue
        one, other = step
        yield Met("entered", one.span, other.span)
        stack.append(Met("left", one.span, other.span))
        stack.extend(reversed(list(_matched(one.children, other.children, what, (one.span, other.span)))))


def _matched(before: _Side, after: _Side, what: What, within: _Both) -> Iterator[Met | tuple[Node, Node]]:
    """Pairs of corresponding calls, and between them the others."""
    ours, theirs = [what(node.span) for node in before], [what(node.span) for node in after]
    at, there, gaps = 0, 0, 0
    while at < len(ours) or there < len(theirs):
        if at < len(ours) and there < len(theirs) and ours[at] == theirs[there]:
            yield before[at], after[there]
            at, there = at + 1, there + 1
            continue
        gaps += 1
        passed = _gap(ours[at:], theirs[there:]) if gaps <= MOST_GAPS else (len(ours) - at, len(theirs) - there)
        found = _others(before[at : at + passed[0]], after[there : there + passed[1]], what)
        at, there = at + passed[0], there + passed[1]
        then = (before[at].span if at < len(ours) else None, after[there].span if there < len(theirs) else None)
        yield from (Met("other", one, other, within, times, then) for one, other, times in found)


def _gap(ours: Sequence[object], theirs: Sequence[object]) -> tuple[int, int]:
    """How many calls of each side to pass until both make the same again; the fewest."""
    first = {what: place for place, what in reversed(list(enumerate(theirs)))}
    found = [(place, first[what]) for place, what in enumerate(ours) if what in first]
    return min(found, key=lambda gap: (sum(gap), max(gap)), default=(len(ours), len(theirs)))


def _others(before: _Side, after: _Side, what: What) -> Iterator[tuple[Span | None, Span | None, tuple[int, int]]]:
    """What the sides did there and how often, the same calls in a row as one."""
    for one, other in zip_longest(_rows(before, what), _rows(after, what)):
        (first, times), (second, others) = one or (None, 1), other or (None, 1)
        yield first, second, (times, others)


def _rows(side: _Side, what: What) -> Iterator[tuple[Span, int]]:
    for _, nodes in groupby(side, key=lambda node: what(node.span)):
        same = list(nodes)
        yield same[0].span, len(same)
