"""Functions that became slower or faster between two sets of recordings: by their own time, or by what they call. Pure functions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median

from mcp_tracer.analysis.causes import Cause, cause_of, spans_within
from mcp_tracer.analysis.comparison import Key, compared, key_of
from mcp_tracer.analysis.drift import Drift
from mcp_tracer.analysis.significance import FEWEST, LEAST_RATIO, changed, matters, ratio_of
from mcp_tracer.model.span import FunctionStats, Span

SKETCHED = 1.1
"""Percentiles of all calls are of a sketch with an error of 4.5 %: they may lie so much nearer to each other than they are."""
Counted = tuple[Iterable[FunctionStats], Iterable[FunctionStats]]
"""Statistics of all calls, on either side."""


@dataclass(frozen=True, slots=True)
class TimeChange:
    """Time of a function's calls (medians, ns) with the p of its being chance; own time, or with `total` that of all it called, too.

    `within`: only of calls made below this function. `cause`: the function in which most of the difference of a total arises.
    Without `p` it is told from percentiles of all calls, of which not every one was recorded.
    """

    key: Key
    before_ns: float
    after_ns: float
    calls: tuple[int, int]
    p: float | None
    total: bool = False
    within: str = ""
    cause: str = ""


@dataclass(frozen=True, slots=True)
class Times:
    """The functions whose time changed, how many were tested, how many had too few calls; and the drift of all, taken out.

    `sure` is False where something changed and too few other functions take long enough to tell whether it was the machine.
    """

    changed: tuple[TimeChange, ...]
    tested: int
    too_few: int
    drift: float
    sure: bool = True


NO_TIMES = Times((), 0, 0, 1.0)
"""Where times tell nothing."""


@dataclass(frozen=True, slots=True)
class _Test:
    """What decides on a change: the drift, the number of tests, and the least time that it must make in all."""

    drift: Drift[Key]
    tests: int
    least: float

    def of(self, key: Key, before: Sequence[float], after: Sequence[float], probes: float = 0) -> TimeChange | None:
        is_change, p = changed(before, after, self.drift.of(key), self.tests, probes)
        if not is_change:
            return None
        made = TimeChange(key, median(before), median(after), (len(before), len(after)), p)
        return made if self.is_worth_it(made) else None

    def is_worth_it(self, change: TimeChange) -> bool:
        """Whether it makes enough in all, and is seen in the times as they are: what waits is as fast on a slower machine."""
        beyond = change.after_ns - change.before_ns * self.drift.of(change.key)
        return self.weight(change) >= self.least and beyond * (change.after_ns - change.before_ns) > 0 and _is_seen(change)

    def weight(self, change: TimeChange) -> float:
        """How much time the change makes in all."""
        return abs(change.after_ns - change.before_ns * self.drift.of(change.key)) * max(change.calls)


def time_changes(
    before: Sequence[Span],
    after: Sequence[Span],
    partly: Iterable[Key] = (),
    counted: Counted = ((), ()),
) -> Times:
    """What changed beyond chance, beyond what all have in common, and by a hundredth of the whole; causes first, largest first.

    Of functions in `partly` perhaps too few calls were recorded to stand for all: such are judged by the statistics of all, in `counted`.
    """
    left_out = _unfair(set(partly), (before, after), counted)
    ours, theirs = (_times(side, left_out, total=False) for side in (before, after))
    both = sorted(compared(ours, theirs) & ours.keys() & theirs.keys())
    enough = [one for one in both if min(len(ours[one]), len(theirs[one])) >= FEWEST]
    drift = Drift({one: (ours[one], theirs[one]) for one in enough})
    least = max(drift.of_all * sum(map(sum, ours.values())), sum(map(sum, theirs.values()))) / 100
    rare, tested = _by_percentiles(left_out, counted, _Test(drift, 1, least))
    test = _Test(drift, 2 * len(enough), least)  # own time and total
    probes = _probes((*before, *after))
    own = [*rare, *(made for one in enough if (made := test.of(one, ours[one], theirs[one], probes[one])))]
    known = {made.key for made in own}
    found = _totals((before, after), [one for one in enough if one not in known], test)
    whole, rest = _explained((before, after), _borne_out(found, counted, drift), known, test)
    own = sorted([*own, *rest], key=lambda one: (-test.weight(one), one.key))
    sure = all(drift.is_known(made.key) for made in (*own, *whole))
    return Times((*own, *whole), len(enough) + tested, len(both) - len(enough), drift.of_all, sure)


def _is_seen(change: TimeChange) -> bool:
    return matters(change.before_ns, change.after_ns, min(change.calls))


def _probes(spans: Sequence[Span]) -> dict[Key, float]:
    """How many recorded calls a call of each function makes, on average."""
    made = Counter(span.parent_span_id for span in spans)
    calls, inner = Counter[Key](), Counter[Key]()
    for span in spans:
        calls[key_of(span)] += 1
        inner[key_of(span)] += made[span.span_id]
    return {one: inner[one] / number for one, number in calls.items()}


def _unfair(partly: Collection[Key], both: tuple[Sequence[Span], Sequence[Span]], counted: Counted) -> set[Key]:
    """Those of which the recorded calls are too few or unlike all of them: a process's first are slow."""
    if not partly:
        return set()
    sides = [(_times(spans, set(), total=True), _by_key(stats, partly)) for spans, stats in zip(both, counted, strict=True)]
    return {one for one in partly if not all(_stands_for_all(times.get(one, []), stats.get(one, [])) for times, stats in sides)}


def _stands_for_all(recorded: Sequence[float], every: Sequence[FunctionStats]) -> bool:
    if len(recorded) < FEWEST or not every:
        return False
    ratio = ratio_of([median(one.p50_ns for one in every)], recorded)
    return max(ratio, 1 / ratio) <= SKETCHED


def _times(spans: Iterable[Span], left_out: set[Key], total: bool) -> dict[Key, list[float]]:
    found: dict[Key, list[float]] = {}
    for span in spans:
        if span.finished and key_of(span) not in left_out:
            found.setdefault(key_of(span), []).append(float(span.duration_ns if total else span.self_ns))
    return found


def _totals(both: tuple[Sequence[Span], Sequence[Span]], keys: Iterable[Key], test: _Test) -> dict[Key, TimeChange]:
    """Functions whose calls take longer or shorter with all that they call."""
    ours, theirs = (_times(side, set(), total=True) for side in both)
    return {one: made for one in keys if (made := test.of(one, ours[one], theirs[one]))}


def _borne_out(found: Mapping[Key, TimeChange], counted: Counted, drift: Drift[Key]) -> dict[Key, TimeChange]:
    """Those that the medians of all calls bear out, where these are known: the newest calls of a large run are not all."""
    ours, theirs = (_by_key(side, found.keys()) for side in counted)
    return {one: made for one, made in found.items() if _bears_out(made, ours.get(one), theirs.get(one), drift.of(one))}


def _bears_out(made: TimeChange, before: list[FunctionStats] | None, after: list[FunctionStats] | None, common: float) -> bool:
    if not before or not after:
        return True
    fast, slow = median(one.p50_ns for one in before) * common, median(one.p50_ns for one in after)
    if made.after_ns < made.before_ns * common:
        fast, slow = slow, fast
    return matters(fast, slow * SKETCHED, min(_calls(before), _calls(after)))


def _explained(
    both: tuple[Sequence[Span], Sequence[Span]], found: Mapping[Key, TimeChange], known: set[Key], test: _Test
) -> tuple[list[TimeChange], list[TimeChange]]:
    """The changes of totals with their causes, the deepest first; and what became slower only within one of these."""
    before, after = (spans_within(side, found.keys()) for side in both)
    whole: list[TimeChange] = []
    within: list[TimeChange] = []
    explained: dict[Key, set[Key]] = {}
    for one, made in sorted(found.items(), key=lambda item: (-max(span.depth for span in after[item[0]][item[0]]), item[0])):
        common = test.drift.of(one)
        cause = cause_of(one, (before, after), made.after_ns - made.before_ns * common, common)
        whole.append(replace(made, total=True, cause=cause.name if cause and cause.key != one else ""))
        if cause and cause.key not in (one, *known) and not explained.get(cause.key, set()) & after[one].keys():
            within += _within(cause, one, test)
            explained.setdefault(cause.key, set()).add(one)
    return whole, within


def _within(cause: Cause, caller: Key, test: _Test) -> list[TimeChange]:
    """The cause's own time below the caller, where that is what changed (it may have been called more often instead)."""
    made = test.of(cause.key, cause.before, cause.after)
    return [replace(made, within=caller[1])] if made else []


def _by_percentiles(keys: set[Key], counted: Counted, test: _Test) -> tuple[list[TimeChange], int]:
    """Of functions of which only the first calls may be recorded: medians of all calls that lie beyond 95 % of the other side's.

    And how many functions were judged so.
    """
    ours, theirs = (_by_key(side, keys) for side in counted)
    enough = [one for one in ours.keys() & theirs.keys() if min(_calls(ours[one]), _calls(theirs[one])) >= FEWEST]
    found: list[TimeChange] = []
    for one in enough:
        before, after = ours[one], theirs[one]
        medians = median(each.p50_ns for each in before), median(each.p50_ns for each in after)
        made = TimeChange(one, *medians, (_calls(before), _calls(after)), None, total=True)
        if _is_beyond(before, after, test.drift.of(one)) and test.is_worth_it(made):
            found.append(made)
    return found, len(enough)


def _calls(stats: Iterable[FunctionStats]) -> int:
    return sum(one.calls for one in stats)


def _by_key(stats: Iterable[FunctionStats], keys: Collection[Key]) -> dict[Key, list[FunctionStats]]:
    found: dict[Key, list[FunctionStats]] = {}
    for one in stats:
        if one.calls and key_of(one) in keys:
            found.setdefault(key_of(one), []).append(one)
    return found


def _is_beyond(before: Sequence[FunctionStats], after: Sequence[FunctionStats], common: float) -> bool:
    """Whether medians and means both say so: percentiles are of a sketch, and few slow calls make a mean."""
    (fast, slow), scale = ((before, after), common) if _mean(after) > _mean(before) * common else ((after, before), 1 / common)
    low, high = median(one.p50_ns for one in fast) * scale, median(one.p50_ns for one in slow)
    is_clear = high > max(one.p95_ns for one in fast) * scale and _mean(slow) >= _mean(fast) * scale * LEAST_RATIO
    # What recording takes is in the one side's times and not in the other's: small differences that add up tell nothing here.
    return is_clear and matters(low, high, 1)


def _mean(stats: Sequence[FunctionStats]) -> float:
    return sum(one.total_ns for one in stats) / _calls(stats)
