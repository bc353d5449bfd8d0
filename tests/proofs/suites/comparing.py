"""A whole suite: untraced twice, then traced in every way that is wanted. What differs, by the test's name."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from suites import trial
from suites.place import Place
from suites.trial import Outcome, Way

ANSWERABLE_BYTES = 150_000_000
EXIT_STATUS = "exit status"
SMALL = 40  # differences of one run that are tried once more, alone


@dataclass
class Compared:
    """One traced run against the untraced ones."""

    way: Way
    tests: int
    ratio: float
    outcome: Outcome
    differing: dict[str, str] = field(default_factory=dict)  # test -> "passed → failed"
    once: list[str] = field(default_factory=list)  # differed, and did not when tried again
    excepted: list[str] = field(default_factory=list)
    restored: bool = True

    @property
    def good(self) -> bool:
        """Whether nothing speaks against the tracer."""
        clean = not self.outcome.faults and not self.outcome.torn and not self.outcome.notes
        return clean and "passed" in self.outcome.tests.values() and self.restored and not self.differing and self.outcome.spans > 0


@dataclass
class Baseline:
    """The untraced runs: what each test gives where both agree."""

    tests: dict[str, str]
    flaky: list[str]
    cpu_s: float
    output: str
    notes: list[str]


def baseline(place: Place, runs: int = 2) -> Baseline:
    """Run untraced, twice to see which tests are not to be relied on."""
    first = trial.run(place, None)
    second = trial.run(place, None) if runs > 1 else first
    names = first.tests.keys() | second.tests.keys()
    flaky = sorted(name for name in names if first.tests.get(name) != second.tests.get(name))
    agreed = {name: first.tests[name] for name in sorted(names) if name not in flaky}
    return Baseline(agreed, flaky, min(first.cpu_s, second.cpu_s), first.output, first.notes)


def compare(place: Place, known: Baseline, way: Way) -> Compared:
    """Instrument, run, look, restore."""
    before = place.hashes()
    trial.instrument(place, way)
    try:
        outcome = trial.run(place, way)
        compared = Compared(way, len(outcome.tests), outcome.cpu_s / known.cpu_s if known.cpu_s else 0.0, outcome)
        compared.differing = _differences(known, outcome.tests, known.tests.keys() | outcome.tests.keys())
        _except(compared, place.suite.exceptions)
        _try_again(place, known, compared)
        if compared.good:
            _ask(place, compared)
    finally:
        trial.restore(place, way)
    after = place.hashes()
    changed = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
    compared.restored = not changed
    compared.outcome.notes += [f"not restored: {name}" for name in changed[:5]]
    return compared


def _differences(known: Baseline, tests: dict[str, str], names: Iterable[str]) -> dict[str, str]:
    pairs = {name: (known.tests.get(name, "missing"), tests.get(name, "missing")) for name in names if name not in known.flaky}
    return {name: f"{was} → {now}" for name, (was, now) in sorted(pairs.items()) if was != now}


def _except(compared: Compared, exceptions: dict[str, str]) -> None:
    for name in list(compared.differing):
        if any(name.startswith(prefix) for prefix in exceptions):
            del compared.differing[name]
            compared.excepted.append(name)
    if compared.excepted and list(compared.differing) == [EXIT_STATUS]:  # a runner's, for which those tests are the only reason
        del compared.differing[EXIT_STATUS]


def _try_again(place: Place, known: Baseline, compared: Compared) -> None:
    """Tests that fail now and then are told apart: what differed runs again, traced in the same way."""
    again = [name for name in compared.differing if name in known.tests]
    if not again or len(again) > SMALL:
        return
    outcome = trial.run(place, compared.way, _arguments(again))
    still = _differences(known, outcome.tests, again)
    compared.once = [name for name in again if name not in still]
    for name in compared.once:
        del compared.differing[name]
    compared.outcome.output += "\n=== again\n" + outcome.output


def _arguments(names: Sequence[str]) -> list[str]:
    return [name for name in names if not name.startswith("collect ")]


def _ask(place: Place, compared: Compared) -> None:
    """The recordings can be taken in and answered."""
    if compared.way.level > 2 or compared.outcome.spool_bytes > ANSWERABLE_BYTES:
        return
    began = time.monotonic()
    spots = place.tracer("hotspots")
    if not spots.get("hotspots", spots.get("functions", [])):
        compared.outcome.notes.append(f"no hotspots in the recordings: {str(spots)[:300]}")
    compared.outcome.asked_s = time.monotonic() - began
