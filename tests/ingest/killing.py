"""Killing whatever ingests, at random moments, and comparing what is in the store then with what was in the spool."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mcp_tracer.ingest import process
from mcp_tracer.ingest.lease import Lease
from mcp_tracer.ingest.tail import Ingester
from mcp_tracer.model.calls import Calls
from mcp_tracer.model.query import SpanQuery
from mcp_tracer.storage.sqlite import SqliteSpanStore
from tests.spool_builder import SpoolBuilder, sections

ROOT = Path(__file__).parents[2]
SERVER = (sys.executable, "-m", "mcp_tracer", "serve", "--project")
SMALL_SEGMENTS = (sys.executable, str(Path(__file__).with_name("ingest_all.py")))
PATIENCE_S = 120
GONE = 2**22 - 1
HOST = os.uname().nodename if hasattr(os, "uname") else ""


@dataclass
class Expected:
    """What a program's spool file held. `events` are (seq, number); `open_seqs` were still running when it was killed."""

    salt: int
    spans: int = 0
    total_ns: int = 0
    open_seqs: list[int] = field(default_factory=list)
    events: list[tuple[int, int]] = field(default_factory=list)


class Program:
    """A made-up program, `lasting` as long as the test or gone already, with calls, events and, once gone, open calls."""

    def __init__(self, number: int, *, lasting: bool) -> None:
        pid, started = (os.getpid(), process.start_time(os.getpid()) or 0) if lasting else (GONE, 1)
        now = time.time_ns()  # a server deletes what is old
        self.builder = SpoolBuilder(f"{number:032x}", pid, number << 40, now, process_start=started, run={"hostname": HOST})
        self._function, self._trace = self.builder.function(params=["key"]), self.builder.trace(f"{number:032x}")
        self._variable = self.builder.site("x", "variable", 3)
        self.expected = Expected(number << 40)

    def goes_on(self, rng: random.Random, spans: int) -> None:
        """Record more calls. Now and then one is seen open first, or has an event."""
        expected, builder = self.expected, self.builder
        for seq in range(expected.spans + 1, expected.spans + spans + 1):
            if seq % 50 == 0:
                builder.open_span(seq=seq, trace=self._trace, fn=self._function, at=seq)
            if seq % 40 == 0:
                builder.event(seq, 1, self._variable, seq, {"x": seq})
                expected.events.append((seq, 1))
            builder.span(seq=seq, trace=self._trace, fn=self._function, at=seq, duration=seq, payload=sections(P=[f"key {rng.random()}"]))
        expected.spans += spans
        expected.total_ns = expected.spans * (expected.spans + 1) // 2

    def is_killed(self) -> None:
        """Leave some calls open for ever: they lasted until the program was last heard of, the end of its last call."""
        for seq in range(self.expected.spans + 1, self.expected.spans + 4):
            self.builder.open_span(seq=seq, trace=self._trace, fn=self._function, at=seq)
            self.expected.open_seqs.append(seq)
            self.expected.total_ns += max(0, 2 * self.expected.spans - seq)


class Killing:
    """Servers of one project, one after the other, each killed at a moment that `rng` chooses within `longest_s` of its first turn."""

    def __init__(self, home: Path, rng: random.Random, *, spans_waiting: int, longest_s: float) -> None:
        self._home, self._rng, self._waiting, self._longest_s = home, rng, spans_waiting, longest_s
        self._lasting = Program(1, lasting=True)
        self.programs = [self._lasting.expected]
        self.interrupted = 0

    async def kill(self, command: Sequence[str]) -> None:
        """Give the next server something to take in, start it, kill it."""
        store = SqliteSpanStore(self._home / "traces")
        try:
            self._top_up((await store.size())[1])
        finally:
            await store.aclose()
        said = (self._home / "server.log").open("wb")
        child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=said, env=_environment())
        assert child.stdin is not None
        try:
            self._wait_for_lease(child)
            time.sleep(self._rng.random() * self._longest_s)  # the moment is what is tested
        finally:
            child.send_signal(signal.SIGKILL)
            child.wait()
            child.stdin.close()
            said.close()
        self.interrupted += self._is_unfinished()

    async def compare(self) -> None:
        """Take the rest; then every span, event and sum must be there once."""
        store = SqliteSpanStore(self._home / "traces")
        try:
            ingester = Ingester(self._home / "spool", store, Lease(self._home / "ingest.lock"))
            await ingester.catch_up()
            ingester.close()
            await store.seal()
            await self._compare_spans(store)
            await self._compare_sums(store)
            await self._compare_events(store)
        finally:
            await store.aclose()

    def _top_up(self, stored: int) -> None:
        """The lasting program goes on; others come until there is enough to take in."""
        self._lasting.goes_on(self._rng, 500)
        new = self._home / "new"
        self._move_in(self._lasting.builder.write(new))
        while sum(one.spans for one in self.programs) - stored < self._waiting:
            program = Program(len(self.programs) + 1, lasting=False)
            program.goes_on(self._rng, self._rng.randrange(1, self._waiting))
            if self._rng.random() < 0.5:
                program.is_killed()
            else:
                program.builder.end(at=program.expected.spans)
            self._move_in(program.builder.write(new))
            self.programs.append(program.expected)

    def _move_in(self, path: Path) -> None:
        """As runtimes do: a file that can be seen has a whole header."""
        (self._home / "spool").mkdir(exist_ok=True)
        path.replace(self._home / "spool" / path.name)

    def _wait_for_lease(self, child: subprocess.Popen[bytes]) -> None:
        lock, deadline = self._home / "ingest.lock", time.monotonic() + PATIENCE_S
        while not lock.exists() or lock.read_text().strip() != str(child.pid):
            assert child.poll() is None, f"the server ended by itself ({child.returncode}): {self._said()}"
            assert time.monotonic() < deadline, f"the server did not begin to ingest: {self._said()}"
            time.sleep(0.002)

    def _said(self) -> str:
        return (self._home / "server.log").read_text(encoding="utf-8", errors="replace")[-4000:]

    def _is_unfinished(self) -> bool:
        """Whether files of programs that are gone wait still: the server was at work when it was killed."""
        return len(list((self._home / "spool").glob("*.spool"))) > 1

    async def _compare_spans(self, store: SqliteSpanStore) -> None:
        found, _ = await store.scan(None, _span_ids, limit=1 << 60)
        seqs = [np.arange(1, one.spans + len(one.open_seqs) + 1, dtype=np.uint64) + np.uint64(one.salt) for one in self.programs]
        expected = np.sort(np.concatenate(seqs))
        assert len(found) == len(np.unique(found)), "spans are doubled"
        assert np.array_equal(np.sort(found), expected), f"{len(np.setdiff1d(expected, found))} of {len(expected)} spans are missing"

    async def _compare_sums(self, store: SqliteSpanStore) -> None:
        (stats,) = await store.function_stats()
        calls = sum(one.spans + len(one.open_seqs) for one in self.programs)
        assert (stats.calls, stats.total_ns) == (calls, sum(one.total_ns for one in self.programs))

    async def _compare_events(self, store: SqliteSpanStore) -> None:
        scan = await store.find_events(SpanQuery(limit=10_000_000), seconds=600)
        found = sorted((event.span_id, event.number) for event in scan.rows)
        assert found == sorted((f"{one.salt + seq:016x}", number) for one in self.programs for seq, number in one.events)


def _span_ids(calls: Calls) -> np.ndarray:
    return calls.rows["span"].copy()


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT)}
