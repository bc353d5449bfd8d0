"""The targets, each held against what was measured: PASS or FAIL, with the figure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from python_tracing.figures import Figure, low
from python_tracing.variants import LEVELS, WORKLOADS

OVERHEAD = {1: 0.05, 2: 0.15, 3: 0.30, 5: 1.00}
"""The specification's table: the most that tracing may add, by level."""
TIMES_ADD_UP = ("fib", "jinja", "mistune", "flask", "numeric")
"""Where self times must add up to the roots' time. Under asyncio the event loop's own time belongs to nobody."""


@dataclass(frozen=True)
class Check:
    """One target. `ok` is None where something was not measured."""

    what: str
    measured: str
    limit: str
    ok: bool | None

    @property
    def verdict(self) -> str:
        """How it is written."""
        return "not measured" if self.ok is None else "PASS" if self.ok else "FAIL"


class Measured:
    """The figures of one Python, with what is derived from them; None where a figure is missing."""

    def __init__(self, figures: Mapping[tuple[str, str], Figure]) -> None:
        self._figures = figures

    def figure(self, variant: str, workload: str) -> Figure | None:
        """The figure, if that was measured."""
        found = self._figures.get((variant, workload))
        return found if found is not None and found.wall else None

    def ratio(self, variant: str, workload: str, untraced: str = "untraced") -> float | None:
        """How many times the untraced run's CPU time."""
        one, base = self.figure(variant, workload), self.figure(untraced, workload)
        return one.typical / base.typical if one and base else None

    def wall_ratio(self, variant: str, workload: str) -> float | None:
        """How many times the untraced run's time on the clock."""
        one, base = self.figure(variant, workload), self.figure("untraced", workload)
        return low(one.wall) / low(base.wall) if one and base else None

    def made(self, variant: str, workload: str) -> float | None:
        """Calls that the run makes; for smaller runs, those that were recorded."""
        one, count = self.figure(variant, workload), self.figure("count", workload)
        if variant == "snoop" and workload == "fib":
            return one.calls if one else None
        return count.calls if count else None

    def call_ns(self, variant: str, workload: str) -> float | None:
        """CPU ns that a call costs more than untraced."""
        small = variant == "snoop" and workload == "fib"
        one, base = self.figure(variant, workload), self.figure("untraced-small" if small else "untraced", workload)
        made = self.made(variant, workload)
        return (one.typical - base.typical) / made if one and base and made else None

    def call_bytes(self, variant: str, workload: str) -> float | None:
        """Bytes on disk for each call made."""
        one, made = self.figure(variant, workload), self.made(variant, workload)
        return one.bytes / made if one and made and one.bytes else None


def all_checks(measured: Measured) -> list[Check]:
    """Every target, in the order of the specification."""
    return [*_null(measured), *_calls(measured), *_programs(measured), *_snoop(measured), *_governed(measured), *_complete(measured)]


def _null(measured: Measured) -> Iterator[Check]:
    off = [abs(ratio - 1) for workload in WORKLOADS if (ratio := measured.ratio("untraced-again", workload))]
    yield _most("the method: untraced against untraced, the worst", max(off, default=None), 0.03, "of the untraced run")


def _calls(measured: Measured) -> Iterator[Check]:
    yield _most("level 1 on fib", measured.call_ns("c1", "fib"), 90, "ns a call")
    yield _most("level 2 on fib", measured.call_ns("c2", "fib"), 150, "ns a call")
    ours, theirs = measured.call_ns("c2", "fib"), measured.call_ns("viztracer", "fib")
    yield _less("level 2 on fib, against VizTracer without arguments", ours, theirs, "ns a call")
    yield _most("level 2 on fib", measured.call_bytes("c2", "fib"), 60, "bytes a call")
    yield _most("level 2 on fib, pure Python", measured.call_ns("python2", "fib"), 3000, "ns a call")


def _programs(measured: Measured) -> Iterator[Check]:
    for workload, limit in (("jinja", 1.4), ("mistune", 1.4), ("flask", 1.1), ("async", 1.1)):
        yield _most(f"level 2 on {workload}", measured.ratio("c2", workload), limit, "times untraced")


def _snoop(measured: Measured) -> Iterator[Check]:
    for workload in ("fib", "flask"):
        theirs = measured.call_ns("snoop", workload)
        tenth = theirs / 10 if theirs is not None else None
        yield _less(f"level 5 on {workload}, against a tenth of snoop", measured.call_ns("c5", workload), tenth, "ns a call")


def _governed(measured: Measured) -> Iterator[Check]:
    for level in LEVELS:
        for workload in WORKLOADS:
            most = 1 + OVERHEAD[level]
            yield _most(f"level {level}, governor on, {workload}", measured.ratio(f"governed{level}", workload), most, "times untraced")
    for workload in TIMES_ADD_UP:
        shares = [one.share for level in LEVELS if (one := measured.figure(f"governed{level}", workload))]
        error = max((abs(share - 1) for share in shares), default=None)
        yield _most(f"governor on, error of total time, {workload}", error, 0.02, "of the roots' time")


def _complete(measured: Measured) -> Iterator[Check]:
    for kind, names in (
        ("governor off", [f"c{level}" for level in LEVELS]),
        ("governor on", [f"governed{level}" for level in LEVELS]),
        ("pure Python", ["python2"]),
    ):
        pairs = [(measured.figure(name, workload), measured.figure("count", workload)) for name in names for workload in WORKLOADS]
        known = [(one, count) for one, count in pairs if one and count]
        off = sum(abs(one.more["whole"] - one.more["processed"] * count.calls - count.more["imports"]) for one, count in known)
        lost = sum(one.lost for one, _ in known)
        ok = off == 0 and lost == 0 if known else None
        yield Check(f"{kind}: every call recorded or counted, nothing lost", f"{off:,.0f} calls off, {lost} lost", "0", ok)


def _most(what: str, value: float | None, limit: float, unit: str) -> Check:
    return Check(what, _shown(value, unit), f"≤ {_shown(limit, unit)}", None if value is None else value <= limit)


def _less(what: str, value: float | None, limit: float | None, unit: str) -> Check:
    known = value is not None and limit is not None
    return Check(what, _shown(value, unit), f"< {_shown(limit, unit)}", value < limit if known else None)


def _shown(value: float | None, unit: str) -> str:
    if value is None:
        return "–"
    number = f"{value:.2%}" if unit.startswith("of ") else f"{value:.2f}" if unit.startswith("times") else f"{value:,.0f}"
    return f"{number} {unit}"
