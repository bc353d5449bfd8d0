"""What the corpus proofs of both languages share: texts without duplicates, workers, progress, and how violations are told."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, field
from typing import TypeVar

from corpus import sources

AHEAD = 64
Task = TypeVar("Task")


@dataclass
class Result:
    """What was seen of one text."""

    digest: str
    lines: int
    seconds: float = 0.0
    peak_mb: int = 0
    instrumented: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    violations: list[tuple[str, str]] = field(default_factory=list)


class Corpus:
    """Texts by digest, each with the files it was found in."""

    def __init__(self) -> None:
        self.files: dict[str, list[sources.File]] = {}

    def add(self, files: Iterable[sources.File]) -> None:
        """Take `files` in; a text that is known already only gets another name."""
        for file in files:
            self.files.setdefault(hashlib.sha256(file.source).hexdigest(), []).append(file)

    def digests(self, only: str = "") -> list[str]:
        """The digests of the texts found under a name with `only` in it, in their order: any beginning of it is a fair sample."""
        return sorted(digest for digest, files in self.files.items() if any(only in file.name for file in files))


def seen(results: Sequence[Result]) -> int:
    """Lines of `results`."""
    return sum(result.lines for result in results)


def run(
    corpus: Corpus,
    tasks: list[Task],
    examine: Callable[[Task], Result],
    jobs: int,
    keep_going: bool,
    seconds: float = float("inf"),
    keep: Callable[[Result], None] = lambda result: None,
) -> list[Result]:
    """The results of all tasks, or those up to the first violation or until `seconds` are over; `keep` gets each."""
    results: list[Result] = []
    started = time.monotonic()
    for result in examined(tasks, examine, jobs):
        results.append(result)
        keep(result)
        _progress(results, len(tasks), started)
        for kind, detail in result.violations:
            _tell(kind, detail, corpus.files[result.digest])
        if (result.violations and not keep_going) or time.monotonic() - started > seconds:
            break
    return results


def examined(tasks: list[Task], examine: Callable[[Task], Result], jobs: int) -> Iterator[Result]:
    """Results as they come, with few tasks on their way at any time."""
    with ProcessPoolExecutor(jobs) as pool:
        pending: set[Future[Result]] = set()
        waiting = iter(tasks)
        while True:
            while len(pending) < AHEAD and (task := next(waiting, None)) is not None:
                pending.add(pool.submit(examine, task))
            if not pending:
                return
            done, pending = wait(pending, return_when=FIRST_COMPLETED)
            try:
                yield from (future.result() for future in done)
            except GeneratorExit:
                pool.shutdown(cancel_futures=True)
                raise


def _progress(results: list[Result], total: int, started: float) -> None:
    if len(results) % 200 == 0 or len(results) == total:
        seconds = time.monotonic() - started
        lines = seen(results)
        print(f"{len(results):6} of {total} texts, {lines:,} lines, {seconds:.0f} s, {lines / seconds:,.0f} lines a second", flush=True)


def _tell(kind: str, detail: str, files: list[sources.File]) -> None:
    print(f"VIOLATION  {kind}\n  {files[0].name}  ({files[0].origin.name})\n  {detail}", flush=True)
