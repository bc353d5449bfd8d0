"""Where two traces of the same thing part: in structure, a parameter, a return or an exception; what is only noise comes last."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import replace

from mcp_tracer.analysis.alignment import Met, met
from mcp_tracer.analysis.alike import key, same, without_addresses
from mcp_tracer.analysis.comparison import Key, is_steady, key_of
from mcp_tracer.analysis.difference import Divergence
from mcp_tracer.analysis.noise import judged
from mcp_tracer.analysis.text import label
from mcp_tracer.analysis.tree import SITES, build
from mcp_tracer.model.span import Span
from mcp_tracer.model.values import Value, preview

_SHORT = 80
OFTEN = 4
"""What an unsteady function gives is noise where at least every so many-th call gave something else than on the other side."""


def divergences(
    before: Sequence[Span],
    after: Sequence[Span],
    most: int = 50,
    partly: Collection[Key] = (),
    known: Collection[Key] = (),
    *,
    is_same: bool = True,
) -> list[Divergence]:
    """Differences in the order of execution, each function's first of a kind; behind them what follows, and what may be noise.

    Functions in `partly`, of which not every call has a span, are passed over: which calls have one is chance. So is what functions gave
    that give something else for the same arguments within one side; those `known` to be such, too. `is_same` is False where it is a guess
    that the traces belong together: then roots may have been given something else by chance.
    """
    first, second = _comparable(before, after, {*partly, *sampled_functions(before, after)})
    raw: list[Divergence] = []
    ended: Counter[Key] = Counter()
    for step in met(build(first), build(second), _what):
        raw += _told(step)
        ended.update([key_of(step.after)] if step.kind == "left" and step.after else [])
    noisy = _noisy(raw, ended, (before, after), known)
    found: dict[tuple[object, ...], Divergence] = {}
    for one in judged(raw, {span.span_id: span.parent_span_id for span in second}, noisy, is_same=is_same):
        found.setdefault(_same_for(one), one)
    return sorted(found.values(), key=lambda one: one.rank)[:most]


def _same_for(one: Divergence) -> tuple[object, ...]:
    """What is the same of a difference that repeats: one of them is told."""
    texts = (one.before, one.after) if one.kind == "structure" else ()
    return (one.kind, one.name, *one.rank, *texts, *(key_of(span) for span in one.spans))


def _noisy(raw: Sequence[Divergence], ended: Counter[Key], sides: Iterable[Iterable[Span]], known: Collection[Key]) -> set[Key]:
    """Unsteady functions; but not those that mostly gave the same on both sides: what they give follows from what was done before."""
    other = Counter(key_of(one.spans[-1]) for one in raw if one.kind == "return")
    often = {one for one, times in other.items() if times * OFTEN >= ended[one]}
    return (often & set(known)) | unsteady(sides, often)


def unsteady(sides: Iterable[Iterable[Span]], functions: Collection[Key]) -> set[Key]:
    """Those of the functions that gave different things for the same arguments within one side: clocks, random numbers, new ids."""
    return {one for side in sides for one in _unsteady(side, functions)}


def _unsteady(side: Iterable[Span], functions: Collection[Key]) -> Iterator[Key]:
    calls: dict[tuple[Key, str], list[Span]] = {}
    for span in side:
        if key_of(span) in functions and span.values is not None and span.values.has_return and not span.left_out:
            calls.setdefault((key_of(span), key(dict(span.values.params or {}))), []).append(span)
    for (function, _), same_calls in calls.items():
        if not is_steady(same_calls):
            yield function


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
    if not above:
        return list(spans)

    def parent(span_id: str | None) -> str | None:
        while span_id in above:
            span_id = above[span_id]
        return span_id

    return [replace(span, parent_span_id=parent(span.parent_span_id)) for span in spans if span.span_id not in above]


def _what(span: Span) -> tuple[object, ...]:
    return span.function, span.file, span.kind, without_addresses(label(span))


def _told(step: Met) -> Iterable[Divergence]:
    one, other = step.before, step.after
    if step.kind == "other":
        before, after = (
            _did(span, *place) for span, place in zip((one, other), zip(step.times, step.then, step.within, strict=True), strict=True)
        )
        shown = (one or step.then[0] or step.within[0], other or step.then[1] or step.within[1])
        if before == after:  # of the same name and of different files or kinds
            before, after = (f"{before} ({span.file}, {span.kind})" if span else before for span in shown)
        return [Divergence("structure", "", before, after, *shown)]
    assert one is not None and other is not None
    return _entered(one, other) if step.kind == "entered" else _left(one, other)


def _did(span: Span | None, times: int, then: Span | None, within: Span | None) -> str:
    if span is None and then is None:
        return f"{label(within)} ended" if within else "nothing more"
    shown = span or then
    return f"{label(shown)} was called{f' ×{times}' if times > 1 else ''}" if shown else ""


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
