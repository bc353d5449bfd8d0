"""What a person reads: a line a run, and the document in `results`."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import report

from suites.comparing import Baseline, Compared
from suites.packages import Suite
from suites.place import Place

SHOWN = 12


@dataclass
class Result:
    """All that one suite gave."""

    suite: Suite
    place: Place | None = None
    baseline: Baseline | None = None
    compared: list[Compared] = field(default_factory=list)
    broken: str = ""

    @property
    def title(self) -> str:
        """Name, version, interpreter."""
        where = self.place.where if self.place else "?"
        return f"{self.suite.name} {self.suite.version} on {where}"

    @property
    def good(self) -> bool:
        """Whether it was tried and nothing differs."""
        return not self.broken and bool(self.compared) and all(one.good for one in self.compared)


def counted(tests: dict[str, str]) -> str:
    """`12 passed, 1 skipped`."""
    counts = Counter(tests.values())
    return ", ".join(f"{counts[name]} {name}" for name in sorted(counts)) or "nothing"


def baseline_line(known: Baseline) -> str:
    """The untraced runs."""
    flaky = f"; {len(known.flaky)} differ between two untraced runs" if known.flaky else ""
    notes = "".join(f"\n      {note}" for note in known.notes)
    return f"   untraced: {counted(known.tests)}, {known.cpu_s:.1f} s CPU{flaky}{notes}"


def line(one: Compared) -> str:
    """One traced run, with the first differences."""
    told = "same" if one.good else f"{len(one.differing)} DIFFER" if one.differing else "NOT CLEAN"
    outcome = one.outcome
    text = (
        f"   {one.way!s:22} {told}: {counted(outcome.tests)}; {one.ratio:.2f}x CPU, {outcome.spans:,} spans, {outcome.spool_bytes >> 20} MB"
    )
    text += f", {outcome.faults} faults, {outcome.dropped} dropped" if outcome.faults or outcome.dropped else ""
    text += f", {len(one.excepted)} excepted" if one.excepted else ""
    details = [f"{name}: {change}" for name, change in list(one.differing.items())[:SHOWN]]
    details += [f"{name}: only once" for name in one.once[:SHOWN]] + outcome.notes
    return "".join([text, *(f"\n      {detail}" for detail in details)])


def keep_output(place: Place, one: Compared) -> None:
    """What pytest said, for who mends it."""
    folder = place.home / "outputs"
    folder.mkdir(exist_ok=True)
    (folder / f"{str(one.way).replace(' ', '-')}.txt").write_text(one.outcome.output)


def write(results: list[Result], name: str = "suites_python", title: str = "Python packages' own test suites, traced") -> Path:
    """`results/<name>.md`."""
    lines = [
        "Each suite ran twice untraced and once in each way. `x`: CPU time of the test process against the untraced run.",
        "",
    ]
    lines += [
        "| Suite | untraced | traced | the same | x at levels 1 / 2 / 3 / 5 on load | spans at 2 | faults |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += [_row(result) for result in results]
    lines += _differences(results) + _exceptions(results)
    return report.write(name, title, lines)


def _row(result: Result) -> str:
    if result.broken or result.baseline is None:
        return f"| {result.title} | could not be tried: {result.broken.splitlines()[0][:80] if result.broken else '?'} | | | | | |"
    same = sum(one.good for one in result.compared)
    loads = {one.way.level: one for one in result.compared if one.way.style == "on_load" and not one.way.everything}
    ratios = " / ".join(f"{loads[level].ratio:.2f}" if level in loads else "–" for level in (1, 2, 3, 5))
    spans = f"{loads[2].outcome.spans:,}" if 2 in loads else "–"
    faults = sum(one.outcome.faults for one in result.compared)
    flaky = f" ({len(result.baseline.flaky)} flaky)" if result.baseline.flaky else ""
    untraced = counted(result.baseline.tests) + flaky
    return f"| {result.title} | {untraced} | {len(result.compared)} ways | {same} | {ratios} | {spans} | {faults} |"


def _differences(results: list[Result]) -> list[str]:
    bad = [(result.title, one) for result in results for one in result.compared if not one.good or one.once]
    lines = ["", "## Differences", ""] if bad else []
    for title, one in bad:
        details = [f"`{name}`: {change}" for name, change in one.differing.items()] + [f"`{name}`: only once" for name in one.once]
        lines.append(f"- {title}, {one.way}: " + "; ".join(details[:SHOWN] + [note.splitlines()[0] for note in one.outcome.notes]))
        lines[-1] += f"; {one.outcome.faults} faults" if one.outcome.faults else ""
    return lines


def _exceptions(results: list[Result]) -> list[str]:
    known = [(result.suite.name, name, why) for result in results for name, why in result.suite.exceptions.items()]
    return ["", "## Tests that cannot be satisfied", "", *(f"- {name}: `{test}`: {why}" for name, test, why in known)] if known else []
