"""The page of one Python: how it was measured, the checks, the tables, the floor."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import cached_property

from python_tracing.checks import Check, Measured, all_checks
from python_tracing.environment import LIBRARIES, PEERS, PROJECT_CODE, Environment
from python_tracing.figures import Figure
from python_tracing.speed import NEAR
from python_tracing.variants import SETTLE_SECONDS, UNFILTERED, WARM_SECONDS, Variant

HOW = """
- One command, one run: in every round each variant has its turn as a process of its own, every other round in the opposite order. A
  process calls the workload's `run()` for {warm} s ({settle} s with the governor on, which settles in that time; its promise is not for
  the first calls of functions), at least once, to warm up, then for {seconds} s (VizTracer with values, Kolo and snoop: once in each of two
  rounds). CPU time is the process's, all threads.
- A virtual machine's processor changes its speed by half and more, many times a second, and not for all programs alike. So each process
  takes the time of a fixed piece of plain Python (`speed.py`, about a millisecond) before and after each block of runs of about 20 ms
  (tools that are switched on: one run), and the block counts where both found the machine within {near} of its fastest: {good} of
  {blocks} did. A process that found no such block in four times its time counts only where its variant has no other. A process is the
  average of its blocks, so what a governor does now and then is a part of it. Where a process has its objects in memory is luck that only
  ever adds to its time: a variant is the process below which a quarter of them lie; `±` tells how far half of them lie from it, at most.
- "untraced, once more" is the method held against itself: it should be 1.00.
- What is measured is checked: each run's result, and the calls recorded against calls counted by a profile function.
- Ours writes its records to mapped files while the program runs, so that writing is a part of the time. VizTracer keeps records in memory
  and Kolo in buffers: what they do when they are switched off, and what every tool does at the end of the process, stands in a table of
  its own and is *not* in the others. VizTracer's is JSON, of one run.
- All tools trace the project's code alone: the workload and what lies in its folder (Jinja2 and mistune do, Flask and the standard
  library do not). Ours: what was instrumented. Kolo: `include_frames`. VizTracer: `include_files` and no functions of C; its filter drops
  all that a library calls, so on {unfiltered} it records every Python function instead. snoop: `@snoop` on each function; it refuses
  coroutines, takes minutes for the loops of numeric, and runs a small fib (3,194 calls), set against an untraced run as small.
- Levels without a word on the governor ran with `TRACING_OVERHEAD_BUDGET=off`, all with `TRACING_MAX_DEPTH=1000`, and recorded every
  call. ns and bytes a call are for each call *made*, before compression.
""".strip()


@dataclass
class Page:
    """What was measured, as Markdown."""

    environment: Environment
    commit: str
    machine: str
    rounds: int
    seconds: float
    quick: bool
    variants: Sequence[Variant]
    workloads: Sequence[str]
    figures: dict[tuple[str, str], Figure]

    @cached_property
    def measured(self) -> Measured:
        """The figures with what is derived from them."""
        return Measured(self.figures)

    @cached_property
    def checks(self) -> list[Check]:
        """All checks."""
        return all_checks(self.measured)

    @property
    def missed(self) -> list[Check]:
        """The checks that failed."""
        return [check for check in self.checks if check.ok is False]

    @cached_property
    def text(self) -> str:
        """The whole page."""
        parts = [
            self._head(),
            "## How\n" + self._how(),
            self._verdicts(),
            *self._tables(),
            self._floor(),
        ]
        return "\n\n".join(part for part in parts if part) + "\n"

    def _head(self) -> str:
        today = datetime.now(timezone.utc).date().isoformat()
        packages = ", ".join(name.replace("==", " ") for name in (*PEERS.values(), *PROJECT_CODE, *LIBRARIES))
        return (
            f"# What tracing costs: CPython {self.environment.version}\n\n"
            f"Made by `python tests/benchmarks/bench_python.py`, {self.rounds} rounds, on {today} at commit {self.commit}.\n"
            + ("**Small runs, to see that everything works: the figures mean nothing.**\n" if self.quick else "")
            + f"{self.machine}.\n{packages}."
        )

    def _how(self) -> str:
        figures = self.figures.values()
        facts = {
            "warm": WARM_SECONDS,
            "settle": SETTLE_SECONDS,
            "seconds": self.seconds,
            "near": f"{NEAR - 1:.0%}",
            "good": sum(one.good for one in figures),
            "blocks": sum(one.blocks for one in figures),
        }
        return HOW.format(unfiltered=", ".join(sorted(UNFILTERED)), **facts)

    def _verdicts(self) -> str:
        passed = sum(check.ok is True for check in self.checks)
        rows = [(check.what, check.measured, check.limit, check.verdict) for check in self.checks if check.ok is not None]
        return f"## Checks: {passed} of {len(rows)} pass\n" + _table(("target", "measured", "limit", ""), rows)

    def _tables(self) -> list[str]:
        return [
            self._table("CPU time, times the untraced run", self._ratio),
            self._table("CPU ns that a call costs", lambda variant, workload: _number(self.measured.call_ns(variant, workload))),
            self._table(
                "Time on the clock, times the untraced run", lambda variant, workload: _times(self.measured.wall_ratio(variant, workload))
            ),
            self._table("Bytes on disk a call", lambda variant, workload: _number(self.measured.call_bytes(variant, workload))),
            self._table("Calls recorded or counted a run", self._calls),
            self._table("Switching off, saving, and the end of the process: CPU ms a run", self._saving),
            self._failures(),
        ]

    def _table(self, title: str, cell: Callable[[str, str], str]) -> str:
        shown = [variant for variant in self.variants if variant.name != "untraced-small"]
        rows = [(variant.label, *(cell(variant.name, workload) for workload in self.workloads)) for variant in shown]
        rows = [row for row in rows if any(text not in ("", "–") for text in row[1:])]
        return f"## {title}\n" + _table(("", *self.workloads), rows) if rows else ""

    def _ratio(self, variant: str, workload: str) -> str:
        figure = self.measured.figure(variant, workload)
        if figure is None or variant == "count":
            return "–"
        if variant == "untraced":
            return f"{figure.typical / 1e6:.1f} ms ±{figure.spread:.0%}"
        small = variant == "snoop" and workload == "fib"
        return f"{_times(self.measured.ratio(variant, workload, 'untraced-small' if small else 'untraced'))} ±{figure.spread:.0%}"

    def _calls(self, variant: str, workload: str) -> str:
        figure = self.measured.figure(variant, workload)
        if figure is None or not figure.calls:
            return "–"
        resumes = f" ({figure.more['resumes']:,} resumes)" if figure.more.get("resumes") else ""
        every = figure.more.get("all", 0) if variant.startswith("viztracer") and workload in UNFILTERED else 0
        return f"{figure.calls:,.0f}{resumes}" + (f" of {every:,} records" if every else "")

    def _saving(self, variant: str, workload: str) -> str:
        figure = self.measured.figure(variant, workload)
        return f"{min(figure.save) / 1e6:,.1f}" if figure and variant not in ("count", "empty-probes") else "–"

    def _failures(self) -> str:
        failed = [f"- {variant}, {workload}: {figure.failed}" for (variant, workload), figure in self.figures.items() if figure.failed]
        return "## What did not run\n" + "\n".join(failed) if failed else ""

    def _floor(self) -> str:
        empty = self.measured.figure("empty-probes", "fib")
        added = {level: self.measured.call_ns(f"c{level}", "fib") for level in (1, 2)}
        calls = self.measured.call_ns("empty-probes", "fib")
        if empty is None or calls is None or any(value is None for value in added.values()):
            return ""
        reads = empty.more["two_reads_ns"]
        rows = [("two reads of the clock that the core uses", f"{reads:.0f}", "", "")]
        rows += [("two calls of C functions that do nothing, in fib's body", f"{calls:.0f}", "", "")]
        for level, value in added.items():
            rows.append((f"level {level}", f"{value:.0f}", f"{value - reads:.0f}", f"{value - reads - calls:.0f}"))
        return "## The floor: ns a call on fib\n" + _table(("", "ns", "above two clock reads", "above both"), rows)


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def _number(value: float | None) -> str:
    return "–" if value is None or math.isnan(value) else f"{value:,.0f}"


def _times(value: float | None) -> str:
    return "–" if value is None or math.isnan(value) else f"{value:.2f}×" if value < 10 else f"{value:.1f}×"
