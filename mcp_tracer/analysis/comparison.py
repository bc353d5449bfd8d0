"""Two sets of recordings side by side: functions, calls, errors, results for the same arguments. Pure functions."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass

from mcp_tracer.analysis.alike import key, same
from mcp_tracer.analysis.tree import SITES
from mcp_tracer.model.span import FunctionStats, Span

Key = tuple[str, str, str]
"""(file, function, kind)."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Calls and errors of a function, all of a side together."""

    calls: int
    errors: int
    line: int


@dataclass(frozen=True, slots=True)
class CallChange:
    """A function whose number of calls differs; 0 where it was not called. Numbers are a run's (or trace's) on average."""

    key: Key
    line: int
    before: float
    after: float


@dataclass(frozen=True, slots=True)
class ResultChange:
    """A function that gave something else for the same arguments, though it always gave the same on each side."""

    before: Span
    after: Span


def key_of(span: Span | FunctionStats) -> Key:
    """What a function is known by on both sides."""
    return span.file, span.function, span.kind


def counts_of(stats: Iterable[FunctionStats]) -> dict[Key, Counts]:
    """Calls and errors by function, several runs' added up."""
    found: dict[Key, Counts] = {}
    for one in stats:
        before = found.get(key_of(one), Counts(0, 0, one.line))
        found[key_of(one)] = Counts(before.calls + one.calls, before.errors + one.errors, one.line)
    return found


def counts_of_spans(spans: Iterable[Span]) -> dict[Key, Counts]:
    """The same, from spans."""
    found: dict[Key, Counts] = {}
    for span in spans:
        before = found.get(key_of(span), Counts(0, 0, span.line))
        found[key_of(span)] = Counts(before.calls + span.count, before.errors + (span.count if span.error else 0), span.line)
    return found


def compared(before: Iterable[Key], after: Iterable[Key]) -> set[Key]:
    """Functions of either side; call expressions and module bodies (level 3) only where both sides recorded such.

    Of call expressions only those of what is no traced function itself.
    """
    ours, theirs = set(before), set(after)
    everything = ours | theirs
    traced = {_last(function) for _, function, kind in everything if kind not in SITES}
    has_sites, has_modules = (all(any(kind in kinds for _, _, kind in side) for side in (ours, theirs)) for kinds in (SITES, ("module",)))
    sites = {one for one in everything if one[2] in SITES}
    modules = {one for one in everything if one[2] == "module"}
    return (
        everything - sites - modules
        | {one for one in sites if has_sites and _last(one[1]) not in traced}
        | {one for one in modules if has_modules}
    )


def _last(name: str) -> str:
    return name.rpartition(".")[2]


def call_changes(before: Mapping[Key, Counts], after: Mapping[Key, Counts], sizes: tuple[int, int] = (1, 1)) -> list[CallChange]:
    """Functions with other numbers of calls, those on one side alone first, then by factor. `sizes`: how many runs each side has."""
    found: list[CallChange] = []
    for one in compared(before, after):
        ours, theirs = before.get(one), after.get(one)
        numbers = (ours.calls / sizes[0] if ours else 0.0, theirs.calls / sizes[1] if theirs else 0.0)
        if numbers[0] != numbers[1]:
            found.append(CallChange(one, theirs.line if theirs else ours.line if ours else 0, *numbers))
    return sorted(found, key=lambda one: (min(one.before, one.after) > 0, -_factor(one), -max(one.before, one.after), one.key))


def _factor(change: CallChange) -> float:
    least, most = sorted((change.before, change.after))
    return most / least if least else most


def result_changes(before: Iterable[Span], after: Iterable[Span], partly: Container[Key] = ()) -> list[ResultChange]:
    """Functions that gave another result, or failed, for the same arguments, the deepest first.

    Of each function one that fails only now, one that failed only before and one other. Of those in `partly` not every call was recorded:
    what they gave has to be the same twice on each side, and failures are compared as errors.
    """
    ours, theirs = _by_arguments(before), _by_arguments(after)
    found: dict[tuple[Key, bool, bool], ResultChange] = {}
    for arguments, calls in ours.items():
        others = theirs.get(arguments, [])
        if not others:
            continue
        steady = is_steady(calls) and is_steady(others) and (arguments[0] not in partly or _is_shown(calls, others))
        if steady and not _same_outcome(calls[0], others[0]):
            kind = (arguments[0], bool(calls[0].error), bool(others[0].error))
            found.setdefault(kind, ResultChange(calls[0], others[0]))
    return sorted(found.values(), key=lambda one: (-one.after.depth, key_of(one.after), one.after.error is None))


def _is_shown(calls: Sequence[Span], others: Sequence[Span]) -> bool:
    return min(len(calls), len(others)) > 1 and not (calls[0].error or others[0].error)


def _by_arguments(spans: Iterable[Span]) -> dict[tuple[Key, str], list[Span]]:
    found: dict[tuple[Key, str], list[Span]] = {}
    for span in spans:
        values = span.values
        if values is None or values.params is None or span.kind in SITES or span.left_out or not span.finished:
            continue
        if values.has_return or span.error:
            found.setdefault((key_of(span), key(dict(values.params))), []).append(span)
    return found


def is_steady(calls: Sequence[Span]) -> bool:
    """Whether all calls ended the same way."""
    return all(_same_outcome(calls[0], call) for call in calls[1:])


def _same_outcome(one: Span, other: Span) -> bool:
    if one.error or other.error:
        return one.error == other.error
    return one.values is None or other.values is None or same(one.values.returned, other.values.returned)
