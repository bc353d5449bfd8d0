"""The page of one Node: checks, tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime, timezone

from python_tracing.checks import OVERHEAD, Check

from javascript_tracing.environment import PACKAGES, Environment
from javascript_tracing.measuring import Figure, Times
from javascript_tracing.variants import LEVELS, SMALL, SMALL_RUNS, VARIANTS, WORKLOADS, Variant

Figures = dict[tuple[str, str], Figure]
_HOW = """
- In every round each variant has its turn as a process of its own, every other round in the opposite order: `run()` for {warm} s
  ({settle} s with the governor on, which settles in that time; its promise is not for the first calls of functions), at least once, to
  warm up, then for {measured} s and at least once. CPU time is the process's, all threads, from then until its end: writing what was
  recorded is a part of it. The least of the rounds counts.
- AppMap and Flightbox run small sizes ({small}) {runs} times, from the first run on and with what they
  write at the end, and are set against untraced runs and level 2 of just as many and as small; the rest runs the whole size.
  ns a call: what a call costs more than untraced, for the calls that level 2 records.
- Levels without a word on the governor ran with `TRACING_OVERHEAD_BUDGET=off`.
""".strip()


@dataclass
class Page:
    """What was measured with one Node, as Markdown."""

    environment: Environment
    commit: str
    machine: str
    rounds: int
    times: Times
    figures: Figures

    def text(self) -> str:
        """The whole page."""
        today = datetime.now(timezone.utc).date().isoformat()
        checks = list(self.checks())
        passed = sum(check.ok is True for check in checks)
        rows = [[check.what, check.measured, check.limit, check.verdict] for check in checks]
        packages = ", ".join(f"{name} {version}" for name, version in PACKAGES.items())
        parts = [
            f"# What tracing costs: Node {self.environment.version}\n\n"
            f"Made by `python tests/benchmarks/bench_javascript.py`, {self.rounds} rounds, on {today} at commit {self.commit}.\n"
            f"{self.machine}.\n{packages}.",
            "## How\n" + self._how(),
            f"## Checks: {passed} of {len(checks)} pass\n" + _table(["target", "measured", "limit", ""], rows),
            "## CPU time, times the untraced run\n" + self._by_variant(self._ratio_shown),
            "## ns a call\n" + self._by_variant(self._call_shown),
            "## Bytes a call, before compression\n" + self._by_variant(self._bytes_shown),
        ]
        return "\n\n".join(parts) + "\n"

    def _how(self) -> str:
        times = {name: f"{value:g}" for name, value in asdict(self.times).items()}
        small = ", ".join(f"{name} {size}" for name, size in SMALL.items())
        return _HOW.format(small=small, runs=SMALL_RUNS, **times)

    def checks(self) -> Iterator[Check]:
        """Every target."""
        yield _check("level 2 on fib", self.call_ns("level2", "fib"), 120, "ns a call")
        yield _check("level 2 on docmill", self.call_ns("level2", "docmill"), 300, "ns a call")
        for workload, limit in (("docmill", 3.0), ("http", 1.2), ("async", 2.0), ("compute", 1.1)):
            yield _check(f"level 2 on {workload}", self.ratio("level2", workload), limit, "times untraced")
        for level in LEVELS:
            for workload in WORKLOADS:
                measured = self.ratio(f"governed{level}", workload)
                yield _check(f"level {level}, governor on, {workload}", measured, 1 + OVERHEAD[level], "times untraced")
        for peer, share in (("appmap", 100), ("flightbox", 10)):
            for workload in WORKLOADS:
                theirs = self.call_ns(peer, workload)
                limit = theirs / share if theirs and theirs > 0 else None
                yield _check(f"level 2 on {workload}, against 1/{share} of {peer}", self.call_ns("small2", workload), limit, "ns a call")
        lost = sum(figure.lost for figure in self.figures.values())
        yield Check("nothing lost", f"{lost} records and faults", "0", lost == 0)

    def ratio(self, variant: str, workload: str) -> float | None:
        """Times the untraced run of the same size."""
        one, base = self._pair(variant, workload)
        return one / base if one and base else None

    def call_ns(self, variant: str, workload: str) -> float | None:
        """CPU ns that a call costs more than untraced."""
        one, base = self._pair(variant, workload)
        counted = self.figures.get(("small2" if _named(variant).small else "level2", workload))
        return (one - base) / counted.calls if one and base and counted and counted.calls else None

    def _pair(self, variant: str, workload: str) -> tuple[float | None, float | None]:
        base = "untraced-small" if _named(variant).small else "untraced"
        found = [self.figures.get((name, workload)) for name in (variant, base)]
        return (found[0].best if found[0] else None, found[1].best if found[1] else None)

    def _ratio_shown(self, variant: str, workload: str) -> str:
        value = self.ratio(variant, workload)
        figure = self.figures.get((variant, workload))
        if variant.startswith("untraced") and figure and figure.best:
            return f"{figure.best / 1e6:.1f} ms"
        return f"{value:.2f}×" if value else figure.failed if figure and figure.failed else "–"

    def _call_shown(self, variant: str, workload: str) -> str:
        value = self.call_ns(variant, workload)
        return f"{value:,.0f}" if value is not None else "–"

    def _bytes_shown(self, variant: str, workload: str) -> str:
        figure = self.figures.get((variant, workload))
        return f"{figure.bytes / figure.calls:.0f}" if figure and figure.calls else "–"

    def _by_variant(self, shown: Callable[[str, str], str]) -> str:
        return _table(["", *WORKLOADS], [[one.label, *(shown(one.name, workload) for workload in WORKLOADS)] for one in VARIANTS])


def _named(name: str) -> Variant:
    return next(variant for variant in VARIANTS if variant.name == name)


def _check(what: str, value: float | None, limit: float | None, unit: str) -> Check:
    if value is None or limit is None:
        return Check(what, "not measured", "–" if limit is None else f"≤ {limit:,.2f} {unit}", None)
    return Check(what, f"{value:,.2f} {unit}", f"≤ {limit:,.2f} {unit}", value <= limit)


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = ["| " + " | ".join(row) + " |" for row in (head, ["---"] * len(head), *rows)]
    return "\n".join(lines)
