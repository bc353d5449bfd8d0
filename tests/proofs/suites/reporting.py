"""What a person reads: a line a run, and the document in `results`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import report

from suites import kept
from suites.comparing import EXIT_STATUS, Baseline, Compared
from suites.packages import Suite
from suites.place import Place

SHOWN = 12
WHOLE = ("tests", "test", "testing", "")
PYTHON_TITLE = "Python packages' own test suites, traced"


@dataclass
class Result:
    """All that one suite gave."""

    suite: Suite
    place: Place | None = None
    baseline: Baseline | None = None
    compared: list[Compared] = field(default_factory=list)
    broken: str = ""
    settings: Sequence[str] = ()

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
    """`12 passed, 1 skipped`; a runner's exit status where it is not 0."""
    counts = Counter(outcome for name, outcome in tests.items() if name != EXIT_STATUS)
    told = [f"{counts[name]} {name}" for name in sorted(counts)]
    return ", ".join([*told, f"{EXIT_STATUS} {tests[EXIT_STATUS]}"] if tests.get(EXIT_STATUS, "0") != "0" else told) or "nothing"


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


def write(results: list[Result], suites: Iterable[Suite], name: str = "suites_python", title: str = PYTHON_TITLE) -> Path:
    """`results/<name>.md`, from what was kept of earlier commands and what `results` adds; `suites` know the tests not to be satisfied."""
    rows = [
        kept.row(result.place, result.baseline, one, counted(result.baseline.tests), result.settings)
        for result in results
        if result.place and result.baseline
        for one in result.compared
    ]
    known = kept.merge(name, rows)
    good = sum(one["good"] for one in known)
    lines = [
        f"- {len(known)} {'run' if len(known) == 1 else 'runs'}, kept from several commands, each with the commit that it holds for; "
        f"{good} gave the same.",
        '- The suite ran twice untraced first. `x`: CPU time of the test process against the untraced run, rough. "The same": each test\'s',
        "  outcome, every file restored byte by byte, no fault counted, spans recorded. *With tests*: the tests are traced, too.",
        "",
        "| Suite | on | untraced | way | traced | x | spans | commit |",
        "|---|---|---|---|---|---|---|---|",
    ]
    lines += _rows(known)
    if (kept.RESULTS / f"{name}_earlier.md").is_file():
        lines += ["", f"What earlier commits gave, in more ways and with what was mended: [{name}_earlier.md]({name}_earlier.md)."]
    return report.write(name, title, lines + _differences(known) + _exceptions(suites))


def _rows(known: list[dict[str, Any]]) -> list[str]:
    lines: list[str] = []
    last: tuple[str, ...] = ()
    for one in known:
        head = (f"{one['suite']} {one['version']}{_part(one['tests'])}", one["where"], one["untraced"])
        shown = head if head != last else ("", "", "")
        last = head
        way = ", ".join([one["way"].replace("_", " "), *one["settings"]])
        cells = (*shown, way, kept.told(one), str(one["x"]), f"{one['spans']:,}", one["commit"])
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _part(tests: str) -> str:
    """Which of its tests ran, where not all did: in words, or the paths that were given."""
    paths = tests.split()
    return "" if tests in WHOLE else f", {len(paths)} of its test files or folders" if "/" in tests or len(paths) == 1 else f", {tests}"


def _differences(known: list[dict[str, Any]]) -> list[str]:
    bad = [one for one in known if one["differing"] or one["once"]]
    lines = ["", "## Differences", ""] if bad else []
    for one in bad:
        details = [f"`{name}`: {change}" for name, change in one["differing"].items()] + [f"`{name}`: only once" for name in one["once"]]
        lines.append(f"- {one['suite']} on {one['where']}, {one['way']}: " + "; ".join(details))
    return lines


def _exceptions(suites: Iterable[Suite]) -> list[str]:
    known = [(suite.name, name, why) for suite in suites for name, why in suite.exceptions.items()]
    return ["", "## Tests that cannot be satisfied", "", *(f"- {name}: `{test}`: {why}" for name, test, why in known)] if known else []
