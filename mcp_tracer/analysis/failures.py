"""Failures on two sides: how often, with which messages. Pure functions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from mcp_tracer.analysis.alike import without_addresses
from mcp_tracer.analysis.comparison import Counts, Key
from mcp_tracer.analysis.text import message
from mcp_tracer.analysis.tree import SITES
from mcp_tracer.model.span import Span

_Error = tuple[str, str, str]
"""(type, function, file)."""
_Exact = Mapping[tuple[str, str], tuple[int, int]]


@dataclass(frozen=True, slots=True)
class ErrorChange:
    """Failures of one type in one function, how many on each side (a run's on average), and one of them.

    With `other`, they are as many, and have other messages: `other` is one of before.
    """

    type: str
    function: str
    file: str
    before: float
    after: float
    example: Span
    other: Span | None = None


def error_changes(
    before: Iterable[Span],
    after: Iterable[Span],
    sizes: tuple[int, int] = (1, 1),
    counted: tuple[Mapping[Key, Counts], Mapping[Key, Counts]] = ({}, {}),
) -> list[ErrorChange]:
    """Failures of which one side has more, or whose messages differ, new ones first.

    Of an exception that left several calls, every call counts; other messages are told of the deepest one alone.
    `sizes`: how many runs each side has. `counted`: exact numbers, for functions of which more calls failed than there are spans of.
    """
    spans = (tuple(before), tuple(after))
    exact = _exact(spans, counted)
    sides = (_by_error(spans[0], exact), _by_error(spans[1], exact))
    found: list[ErrorChange] = []
    told: set[tuple[str, str, str]] = set()
    for one in sorted(sides[0].keys() | sides[1].keys(), key=lambda one: (-_depth(sides, one), one)):
        ours, theirs = sides[0].get(one, []), sides[1].get(one, [])
        totals = exact.get(one[1:], (len(ours), len(theirs)))
        numbers = totals[0] / sizes[0], totals[1] / sizes[1]
        if numbers[0] != numbers[1]:
            types = " or ".join(sorted({span.error or "" for span in ours + theirs}))
            found.append(ErrorChange(types, *one[1:], *numbers, _first(_new(theirs, ours) or theirs or ours)))
        elif one[1:] not in exact:
            found += _other_messages(one, ours, theirs, sizes, told)
    return sorted(found, key=lambda one: (one.before > 0, one.after == 0, -one.example.depth, one.type, one.function))


def _exact(spans: tuple[Sequence[Span], Sequence[Span]], counted: tuple[Mapping[Key, Counts], Mapping[Key, Counts]]) -> _Exact:
    """How many calls failed on each side, by (function, file), where on one of them more did than there are spans of."""
    seen = [Counter((span.function, span.file) for span in side if span.error and span.kind not in SITES) for side in spans]
    errors = [_errors(side) for side in counted]
    names = [one for one in seen[0] | seen[1] if any(number[one] > spans[one] for number, spans in zip(errors, seen, strict=True))]
    return {one: (errors[0][one], errors[1][one]) for one in names}


def _errors(counted: Mapping[Key, Counts]) -> Counter[tuple[str, str]]:
    found: Counter[tuple[str, str]] = Counter()
    for (file, function, kind), counts in counted.items():
        if kind not in SITES:
            found[function, file] += counts.errors
    return found


def _by_error(spans: Iterable[Span], together: Container[tuple[str, str]]) -> dict[_Error, list[Span]]:
    """Failures by type and function; of functions in `together` by function alone."""
    found: dict[_Error, list[Span]] = {}
    for span in spans:
        if span.error and span.kind not in SITES:
            place = span.function, span.file
            found.setdefault(("" if place in together else span.error, *place), []).append(span)
    return found


def _depth(sides: tuple[Mapping[_Error, list[Span]], ...], one: _Error) -> int:
    return max(span.depth for side in sides for span in side.get(one, ()))


def _other_messages(
    one: _Error, ours: list[Span], theirs: list[Span], sizes: tuple[int, int], told: set[tuple[str, str, str]]
) -> Iterator[ErrorChange]:
    """As many failures with other messages; where the exception went on to callers, only the deepest call."""
    gone, new = _new(ours, theirs), _new(theirs, ours)
    if not gone or not new:
        return
    old, example = _first(gone), _first(new)
    if (one[0], message(old), message(example)) not in told:
        told.add((one[0], message(old), message(example)))
        yield ErrorChange(*one, len(ours) / sizes[0], len(theirs) / sizes[1], example, old)


def _new(spans: list[Span], others: list[Span]) -> list[Span]:
    """Those whose message the other side has not, or less often."""
    left = Counter(without_addresses(message(span)) for span in others)
    found: list[Span] = []
    for span in sorted(spans, key=_order):
        left[without_addresses(message(span))] -= 1
        if left[without_addresses(message(span))] < 0:
            found.append(span)
    return found


def _first(spans: list[Span]) -> Span:
    return min(spans, key=_order)


def _order(span: Span) -> tuple[int, int]:
    return span.start_ns, span.key
