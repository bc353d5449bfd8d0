"""Two sets of recordings side by side: functions, calls, errors, results for the same arguments, times. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from mcp_tracer.analysis.alike import key, same
from mcp_tracer.analysis.significance import FEWEST, changed, drift
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
class ErrorChange:
    """Failures of one type in one function, how many on each side (a run's on average), and one of them."""

    type: str
    function: str
    file: str
    before: float
    after: float
    example: Span


@dataclass(frozen=True, slots=True)
class ResultChange:
    """A function that gave something else for the same arguments, though it always gave the same on each side."""

    before: Span
    after: Span


@dataclass(frozen=True, slots=True)
class TimeChange:
    """Own time of a function's calls (medians, ns) with the p of its being chance."""

    key: Key
    before_ns: float
    after_ns: float
    calls: tuple[int, int]
    p: float


@dataclass(frozen=True, slots=True)
class Times:
    """The functions whose own time changed, how many were tested, how many had too few calls; and the drift of all, taken out."""

    changed: tuple[TimeChange, ...]
    tested: int
    too_few: int
    drift: float


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


def _compared(before: Iterable[Key], after: Iterable[Key]) -> set[Key]:
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
    for one in _compared(before, after):
        ours, theirs = before.get(one), after.get(one)
        numbers = (ours.calls / sizes[0] if ours else 0.0, theirs.calls / sizes[1] if theirs else 0.0)
        if numbers[0] != numbers[1]:
            found.append(CallChange(one, theirs.line if theirs else ours.line if ours else 0, *numbers))
    return sorted(found, key=lambda one: (min(one.before, one.after) > 0, -_factor(one), -max(one.before, one.after), one.key))


def _factor(change: CallChange) -> float:
    least, most = sorted((change.before, change.after))
    return most / least if least else most


def error_changes(before: Iterable[Span], after: Iterable[Span], sizes: tuple[int, int] = (1, 1)) -> list[ErrorChange]:
    """Failures of which one side has more, new ones first. Of an exception that left several calls, every call counts.

    `sizes`: how many runs each side has.
    """
    sides = (_by_error(before), _by_error(after))
    found: list[ErrorChange] = []
    for one in sides[0].keys() | sides[1].keys():
        ours, theirs = sides[0].get(one, []), sides[1].get(one, [])
        numbers = (len(ours) / sizes[0], len(theirs) / sizes[1])
        if numbers[0] != numbers[1]:
            example = min(theirs or ours, key=lambda span: (span.start_ns, span.key))
            found.append(ErrorChange(one[0], one[1], one[2], *numbers, example))
    return sorted(found, key=lambda one: (one.before > 0, one.after == 0, -one.example.depth, one.type, one.function))


def _by_error(spans: Iterable[Span]) -> dict[tuple[str, str, str], list[Span]]:
    found: dict[tuple[str, str, str], list[Span]] = {}
    for span in spans:
        if span.error and span.kind not in SITES:
            found.setdefault((span.error, span.function, span.file), []).append(span)
    return found


def result_changes(before: Iterable[Span], after: Iterable[Span]) -> list[ResultChange]:
    """Functions that gave another result, or failed, for the same arguments; at most one example a function, the deepest first."""
    ours, theirs = _by_arguments(before), _by_arguments(after)
    found: dict[Key, ResultChange] = {}
    for arguments, calls in ours.items():
        others = theirs.get(arguments, [])
        if others and _is_steady(calls) and _is_steady(others) and not _same_outcome(calls[0], others[0]):
            found.setdefault(key_of(calls[0]), ResultChange(calls[0], others[0]))
    return sorted(found.values(), key=lambda one: (-one.after.depth, key_of(one.after)))


def _by_arguments(spans: Iterable[Span]) -> dict[tuple[Key, str], list[Span]]:
    found: dict[tuple[Key, str], list[Span]] = {}
    for span in spans:
        values = span.values
        if values is None or values.params is None or span.kind in SITES or span.left_out or not span.finished:
            continue
        if values.has_return or span.error:
            found.setdefault((key_of(span), key(dict(values.params))), []).append(span)
    return found


def _is_steady(calls: Sequence[Span]) -> bool:
    return all(_same_outcome(calls[0], call) for call in calls[1:])


def _same_outcome(one: Span, other: Span) -> bool:
    if one.error or other.error:
        return one.error == other.error
    return one.values is None or other.values is None or same(one.values.returned, other.values.returned)


def time_changes(before: Iterable[Span], after: Iterable[Span]) -> Times:
    """Functions whose own time changed beyond chance, beyond what all have in common, and by a hundredth of the whole; largest first."""
    ours, theirs = _own_times(before), _own_times(after)
    both = sorted(ours.keys() & theirs.keys())
    common = drift([(ours[one], theirs[one]) for one in both])
    enough = [one for one in both if min(len(ours[one]), len(theirs[one])) >= FEWEST]
    least = max(common * sum(map(sum, ours.values())), sum(map(sum, theirs.values()))) / 100
    found: list[TimeChange] = []
    for one in enough:
        is_change, p = changed(ours[one], theirs[one], common, len(enough))
        made = TimeChange(one, median(ours[one]), median(theirs[one]), (len(ours[one]), len(theirs[one])), p)
        if is_change and _weight(made, common) >= least:
            found.append(made)
    found.sort(key=lambda one: (-_weight(one, common), one.key))
    return Times(tuple(found), len(enough), len(both) - len(enough), common)


def _weight(change: TimeChange, common: float) -> float:
    """How much time the change makes in all."""
    return abs(change.after_ns - change.before_ns * common) * max(change.calls)


def _own_times(spans: Iterable[Span]) -> dict[Key, list[float]]:
    found: dict[Key, list[float]] = {}
    for span in spans:
        if span.finished:
            found.setdefault(key_of(span), []).append(float(span.self_ns))
    return found
