"""The first points at which two traces of the same thing part: in structure, a parameter, a return or an exception."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from mcp_tracer.analysis.alike import same, without_addresses
from mcp_tracer.analysis.comparison import Key, key_of
from mcp_tracer.analysis.text import label
from mcp_tracer.analysis.tree import SITES, Node, build
from mcp_tracer.model.span import Span
from mcp_tracer.model.values import Value, preview

_SHORT = 80


@dataclass(frozen=True, slots=True)
class Divergence:
    """Where they part: `kind` structure, parameter, return or exception; what each side had there. A side that had ended has no span."""

    kind: str
    name: str
    before: str
    after: str
    span_before: Span | None
    span_after: Span | None


@dataclass(frozen=True, slots=True)
class _Step:
    """A call begins, or ends."""

    enters: bool
    span: Span


def divergences(before: Sequence[Span], after: Sequence[Span], most: int = 5, partly: Collection[Key] = ()) -> list[Divergence]:
    """Differences in the order of execution, up to the first one in structure: behind it the calls no longer correspond.

    Functions in `partly`, of which not every call has a span, are passed over: which calls have one is chance.
    """
    first, second = _comparable(before, after, {*partly, *sampled_functions(before, after)})
    found: list[Divergence] = []
    ours, theirs = _steps(build(first)), _steps(build(second))
    while len(found) < most:
        one, other = next(ours, None), next(theirs, None)
        if one is None and other is None:
            break
        if one is None or other is None or _what(one) != _what(other):
            found.append(_structure(one, other))
            break
        found += _entered(one.span, other.span) if one.enters else _left(one.span, other.span)
    return found[:most]


def sampled_functions(before: Sequence[Span], after: Sequence[Span]) -> set[Key]:
    """Functions of which a span says that it stands for several calls."""
    return {key_of(span) for side in (before, after) for span in side if span.count > 1}


def _comparable(before: Sequence[Span], after: Sequence[Span], passed: set[Key]) -> tuple[Sequence[Span], Sequence[Span]]:
    """Call expressions count only where both sides recorded them (levels may differ), functions only where every call was recorded."""
    has_sites = all(any(span.kind in SITES for span in side) for side in (before, after))

    def is_out(span: Span) -> bool:
        return (not has_sites and span.kind in SITES) or key_of(span) in passed

    return _without(before, is_out), _without(after, is_out)


def _without(spans: Sequence[Span], is_out: Callable[[Span], bool]) -> list[Span]:
    """The other spans; what the left ones called counts as called by whoever called them."""
    above = {span.span_id: span.parent_span_id for span in spans if is_out(span)}

    def parent(span_id: str | None) -> str | None:
        while span_id in above:
            span_id = above[span_id]
        return span_id

    return [replace(span, parent_span_id=parent(span.parent_span_id)) for span in spans if span.span_id not in above]


def _steps(roots: Sequence[Node]) -> Iterator[_Step]:
    """Every call's beginning and end, in order. Iterative: traces may be thousands of calls deep."""
    stack: list[tuple[bool, Node]] = [(True, root) for root in reversed(roots)]
    while stack:
        enters, node = stack.pop()
        yield _Step(enters, node.span)
        if enters:
            stack.append((False, node))
            stack.extend((True, child) for child in reversed(node.children))


def _what(step: _Step) -> tuple[object, ...]:
    return step.enters, step.span.function, step.span.file, step.span.kind, without_addresses(label(step.span))


def _structure(one: _Step | None, other: _Step | None) -> Divergence:
    span_before, span_after = one.span if one else None, other.span if other else None
    return Divergence("structure", "", _did(one), _did(other), span_before, span_after)


def _did(step: _Step | None) -> str:
    if step is None:
        return "nothing more"
    return f"{label(step.span)} was called" if step.enters else f"{label(step.span)} ended"


def _entered(one: Span, other: Span) -> Iterator[Divergence]:
    ours, theirs = one.values and one.values.params, other.values and other.values.params
    if ours is None or theirs is None or one.left_out or other.left_out:
        return
    for name in [*ours, *(name for name in theirs if name not in ours)]:
        if name not in ours or name not in theirs or not same(ours[name], theirs[name]):
            yield Divergence("parameter", name, _shown(name in ours, ours.get(name)), _shown(name in theirs, theirs.get(name)), one, other)


def _left(one: Span, other: Span) -> Iterator[Divergence]:
    if one.error or other.error:
        if one.error != other.error or not same(_message(one), _message(other)):
            yield Divergence("exception", "", _outcome(one), _outcome(other), one, other)
        return
    ours, theirs = one.values, other.values
    if ours is None or theirs is None or not ours.has_return or not theirs.has_return or one.left_out or other.left_out:
        return
    if not same(ours.returned, theirs.returned):
        yield Divergence("return", "", preview(ours.returned, _SHORT), preview(theirs.returned, _SHORT), one, other)


def _message(span: Span) -> str:
    return span.values.error.message if span.values and span.values.error else ""


def _outcome(span: Span) -> str:
    if span.error:
        return " ".join(f"✗ {span.error}: {_message(span)}".split()).rstrip(":")[:160]
    return f"→ {preview(span.values.returned, _SHORT)}" if span.values and span.values.has_return else "no error"


def _shown(is_there: bool, value: Value) -> str:
    return preview(value, _SHORT) if is_there else "(no such parameter)"
