"""Why a function's calls take longer or shorter: which of what they call, at any depth, makes most of the difference."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from mcp_tracer.analysis.comparison import Key, key_of
from mcp_tracer.model.span import Span

Within = Mapping[Key, Mapping[Key, list[Span]]]
"""By function: the spans of each function at or below its calls."""

LEAST_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class Cause:
    """A function below another, with its own times there on both sides."""

    key: Key
    before: tuple[float, ...]
    after: tuple[float, ...]

    @property
    def name(self) -> str:
        """What a reader calls it."""
        return self.key[1]


def spans_within(spans: Sequence[Span], tops: Collection[Key]) -> Within:
    """The finished spans at or below calls of the functions `tops`. A recursive function's calls count once."""
    known = {span.span_id: span for span in spans} if tops else {}
    found: dict[Key, dict[Key, list[Span]]] = {top: {} for top in tops}
    for span in known.values():
        if span.finished:
            for top in _above(span, known, tops):
                found[top].setdefault(key_of(span), []).append(span)
    return found


def _above(span: Span, known: Mapping[str, Span], tops: Collection[Key]) -> set[Key]:
    """Which of the functions have a call at or above the span."""
    found: set[Key] = set()
    seen: set[str] = set()
    at: Span | None = span
    while at is not None and at.span_id not in seen and len(found) < len(tops):
        seen.add(at.span_id)
        if key_of(at) in tops:
            found.add(key_of(at))
        at = known.get(at.parent_span_id or "")
    return found


def cause_of(top: Key, sides: tuple[Within, Within], difference: float, common: float) -> Cause | None:
    """The function whose own time makes most of the `difference` of a call of `top`; None where none makes half of it."""
    ours, theirs = sides[0][top], sides[1][top]
    numbers = len(ours.get(top, ())) or 1, len(theirs.get(top, ())) or 1
    made = {
        one: _each(theirs.get(one, ()), numbers[1]) - common * _each(ours.get(one, ()), numbers[0]) for one in ours.keys() | theirs.keys()
    }
    most = max(sorted(made), key=lambda one: made[one] / difference, default=None)
    if most is None or made[most] / difference < LEAST_SHARE:
        return None
    return Cause(most, _own(ours.get(most, ())), _own(theirs.get(most, ())))


def _each(spans: Sequence[Span], calls: int) -> float:
    """Own time of the spans for one of so many calls; by the median, so that one that had to wait does not count for all."""
    return median(span.self_ns for span in spans) * len(spans) / calls if spans else 0.0


def _own(spans: Sequence[Span]) -> tuple[float, ...]:
    return tuple(float(span.self_ns) for span in spans)
