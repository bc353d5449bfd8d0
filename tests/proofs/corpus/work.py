"""One file's whole examination, in a worker process: text here, trees and code under the Pythons that the file is meant for."""

from __future__ import annotations

import re
import resource
import time
from dataclasses import dataclass

from corpus import roundtrip
from corpus.running import Result
from corpus.watchers import Watcher

RUNTIME_LEVELS = (1, 2, 3, 5)
_WATCHERS: dict[str, Watcher] = {}


@dataclass(frozen=True)
class Task:
    """A text, the Pythons it is meant for, those that could know it besides (newest first), and how thorough to be."""

    digest: str
    source: bytes
    pythons: tuple[str, ...]
    others: tuple[str, ...]
    every_level: bool = True


def examine(task: Task) -> Result:
    """All checks of one text."""
    started = time.process_time()
    seed = int(task.digest[:8], 16)
    outcome = roundtrip.check(task.source, seed, task.every_level)
    result = Result(task.digest, len(re.findall(rb"\r\n|\r|\n", task.source)) + 1)
    result.instrumented = sorted({style for style, _ in outcome.written})
    result.refused, result.violations = outcome.refused, outcome.violations
    written = outcome.written if task.every_level else _some_of(outcome.written, seed)
    levels = RUNTIME_LEVELS if task.every_level else (5, RUNTIME_LEVELS[seed % 3])
    knows = False
    for number, python in enumerate(task.pythons):
        shown = written if task.every_level or number == seed % len(task.pythons) else {}
        unparsable, found, notes = _watcher(python).inspect(task.source, shown, levels)
        result.violations += [(kind, f"{python}: {detail}") for kind, detail in found]
        result.notes += notes
        knows = knows or not unparsable
    _judge(task, outcome, knows, result)
    result.seconds = time.process_time() - started
    result.peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return result


def _some_of(written: roundtrip.Written, seed: int) -> roundtrip.Written:
    """One form of each style: in header style levels differ by a digit, in explicit style the highest has every probe of the others."""
    chosen = {}
    for style in ("header", "explicit"):
        forms = [key for key in written if key[0] == style]
        if forms:
            key = forms[-1] if style == "explicit" and seed % 4 else forms[seed % len(forms)]
            chosen[key] = written[key]
    return chosen


def _judge(task: Task, outcome: roundtrip.Outcome, knows: bool, result: Result) -> None:
    """What parses is never refused; what no Python here parses can only be newer than all of them."""
    refused = outcome.refused.get("header")
    if refused and knows:
        result.violations.append(("refused though it parses", outcome.refusals["header"]))
    elif not refused and not knows and not _known_elsewhere(task, outcome, result):
        result.notes.append("newer than every Python that was found: read by LibCST alone")


def _known_elsewhere(task: Task, outcome: roundtrip.Outcome, result: Result) -> bool:
    """Whether a newer Python parses it; what it sees then counts as well."""
    for python in task.others:
        unparsable, found, _ = _watcher(python).inspect(task.source, outcome.written, ())
        if not unparsable:
            result.violations += [(kind, f"{python}: {detail}") for kind, detail in found]
            return True
    return False


def _watcher(python: str) -> Watcher:
    return _WATCHERS.setdefault(python, Watcher(python))
