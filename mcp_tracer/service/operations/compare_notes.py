"""What a comparison is made from, and what a reader must know to trust it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from mcp_tracer.analysis.comparison import Counts, Key
from mcp_tracer.analysis.difference import Divergence
from mcp_tracer.analysis.divergence import sampled_functions
from mcp_tracer.analysis.text import counted
from mcp_tracer.analysis.times import NO_TIMES, Times
from mcp_tracer.analysis.tree import SITES
from mcp_tracer.model.level import Level
from mcp_tracer.model.span import FunctionStats, Span, TraceSummary
from mcp_tracer.service.operations.sides import MOST_FAILED

ENOUGH = 0.8
"""Where so many of a function's calls have a span, their times stand for all."""


@dataclass(slots=True)
class Material:
    """What both sides are compared by. `whole` is False where times and results come from samples; `cut`: of some functions alone.

    `shares`: of functions of which not every call has a span, which share has one. `stats`: of all calls; of traces there are none.
    """

    counts: tuple[dict[Key, Counts], dict[Key, Counts]]
    spans: tuple[tuple[Span, ...], tuple[Span, ...]]
    failed: tuple[tuple[Span, ...], tuple[Span, ...]]
    stats: tuple[Sequence[FunctionStats], Sequence[FunctionStats]] = ((), ())
    shares: Mapping[Key, float] = field(default_factory=dict[Key, float])
    sizes: tuple[int, int] = (1, 1)
    whole: bool = True
    cut: bool = False
    parted: list[tuple[TraceSummary, Divergence]] = field(default_factory=list[tuple[TraceSummary, Divergence]])
    paired: tuple[int, int] = (0, 0)

    @property
    def rare(self) -> set[Key]:
        """Functions of which too few calls have a span for these to stand for all: they are a process's first, which are slow."""
        return {one for one, share in self.shares.items() if share < ENOUGH}


def other_levels(before: Collection[Level], after: Collection[Level]) -> Iterator[str]:
    """Why no times are compared: recording takes the more time, the more it records."""
    if before and after and before != after:
        sides = (" and ".join(str(int(level)) for level in sorted(side)) for side in (before, after))
        yield f"The sides were traced at different levels ({' | '.join(sides)}): which cost different time, so times are not compared."


def notes_of(made: Material, times: Times, section: str) -> list[str]:
    """What a reader must know to trust the answer."""
    notes: list[str] = []
    if made.sizes != (1, 1):
        notes.append("Several runs on a side: numbers of calls and errors are a run's on average.")
    notes += _of_one_side(*made.spans)
    if made.paired[0] < made.paired[1]:
        notes.append(f"{made.paired[0]} of {made.paired[1]} pairs of traces were followed: name one with test, or trace:ID on both sides.")
    if not made.whole:
        notes.append("Large runs: times and results come from the newest calls and samples; numbers of calls are exact.")
    notes += _partly(made)
    if any(len(side) >= MOST_FAILED for side in made.failed):
        notes.append(f"Many failures: of each run the newest {MOST_FAILED} are compared.")
    return [*notes, *_of_times(times, made)] if section in ("all", "times") and times is not NO_TIMES else notes


def _partly(made: Material) -> Iterator[str]:
    """Of what not every call has a span."""
    hot = sorted({function for _, function, _ in {*made.shares, *sampled_functions(*made.spans)}})
    if hot:
        shown = ", ".join(hot[:5]) + (" …" if len(hot) > 5 else "")
        passed = "the differences in order of execution pass them over"
        yield f"Not every call of {shown} was recorded (overhead budget): {passed}, and times of few calls are not taken for those of all."


def _of_times(times: Times, made: Material) -> Iterator[str]:
    if abs(times.drift - 1) >= 0.1:
        factor = times.drift if times.drift > 1 else 1 / times.drift
        which = "slower" if times.drift > 1 else "faster"
        yield f"Most functions were {factor:.2g}× {which} together (the machine, it seems): that is taken out of the times."
    if not times.sure and (made.cut or min(made.sizes) == 1):
        how = "ask without function and file" if made.cut else "compare a second run of each to be sure"
        yield f"Too few other functions take long enough to tell slower code from a slower machine: {how}."
    if not times.changed:
        rare = f", {times.too_few} had too few calls to tell" if times.too_few else ""
        among = f"no significant change among {counted(times.tested, 'function')}" if times.tested else "not compared"
        yield f"Times: {among}{rare}."


def _of_one_side(before: Sequence[Span], after: Sequence[Span]) -> Iterator[str]:
    """What only one side recorded because it was traced at a higher level."""
    recorded: dict[str, Callable[[Span], bool]] = {
        "parameters": lambda span: span.values is not None and span.values.params is not None,
        "call expressions": lambda span: span.kind in SITES,
    }
    for what, is_there in recorded.items():
        ours, theirs = any(map(is_there, before)), any(map(is_there, after))
        if before and after and ours != theirs:
            yield f"Only the {'before' if ours else 'after'} side recorded {what} (a higher level of tracing): they are not compared."
