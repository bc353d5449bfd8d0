"""Spool files (docs/spool-format.md) of many spans, written a chunk at a time."""

from __future__ import annotations

import itertools
import random
import socket
import struct
import sys
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from mcp_tracer.model import spool
from store_load import payloads, trees

DAYS: Final = 10
FILES: Final = 300
RUN_SPANS: Final = 250_000
RARE_EVERY: Final = 1_000  # so often a call, if it doesn't fail, captures a text that no other has
GONE_PID: Final = 2**22 + 1  # above what Linux gives: nobody has it
_FREE: Final = spool.SLOT_SIZE - spool.CHUNK_HEADER_SIZE
_encode = msgspec.msgpack.Encoder().encode


@dataclass(frozen=True)
class Load:
    """What to make: `spans` in all over ten days, of which one trace has `largest`."""

    spans: int
    largest: int
    seed: int = 1
    end_ns: int = 1_790_000_000_000_000_000
    first_run: int = 1


def rare_text(load: Load, number: int) -> str:
    """A text that one call of the load has captured: `number` counts through the runs, and then through their such calls."""
    runs = -(-(load.spans - load.largest) // RUN_SPANS) + 1
    return _rare(load.first_run + number % runs, number // runs)


def _rare(run: int, number: int) -> str:
    return f"shipment {run:05}-{number:05} of one"


@dataclass
class Supply:
    """Trees and payloads that traces are put together from."""

    rng: np.random.Generator
    grown: list[trees.Tree]
    calls: list[bytes]
    failures: list[tuple[int, bytes]]
    chance: random.Random = field(default_factory=lambda: random.Random(7))


def write(folder: Path, load: Load) -> Iterator[Path]:
    """Write the files one by one, oldest run first, the one with the largest trace in the middle."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(load.seed)
    supply = Supply(
        rng, [trees.grow(rng, int(size)) for size in trees.sizes(rng, 120_000)], payloads.pool(load.seed), payloads.failures(load.seed)
    )
    rest = load.spans - load.largest
    runs = [min(RUN_SPANS, rest - at) for at in range(0, rest, RUN_SPANS)]
    middle = len(runs) // 2
    for number, spans in enumerate([*runs[:middle], 0, *runs[middle:]]):
        at = load.end_ns - int((len(runs) - number + 1) / (len(runs) + 1) * DAYS * 86_400e9)
        run = _Run(load.first_run + number, at, supply)
        parts = run.traces(spans) if spans else run.trace(trees.grow(rng, load.largest), "the largest")
        yield run.write(folder, itertools.chain(run.definitions(), parts))


Part = tuple[NDArray[np.void], list[bytes]]


class _Run:
    """One process's recordings."""

    def __init__(self, number: int, origin_wall_ns: int, supply: Supply) -> None:
        self.number, self.run_id = number, f"{number:032x}"
        self.origin_wall_ns, self.supply = origin_wall_ns, supply
        self.salt = number << 40
        self.taken = self.traces_made = 0
        self.tick = 1_000_000

    def definitions(self) -> Iterator[Part]:
        """Who ran, the functions, the error types."""
        about = {
            "runId": self.run_id,
            "argv": ["python", "-m", "shop"],
            "cwd": "/shop",
            "language": "python",
            "version": sys.version.split()[0],
        }
        about |= {"pid": GONE_PID, "hostname": socket.gethostname(), "runtime": "python-c", "projectRoot": "/shop"}
        yield _definitions([(spool.DEF_RUN, 1, about)])
        yield _definitions([(spool.DEF_FUNCTION, one, _function(one)) for one in range(1, trees.FUNCTIONS + 1)])
        yield _definitions([(spool.DEF_ERROR, one + 1, {"name": name}) for one, name in enumerate(payloads.ERRORS)])

    def traces(self, spans: int) -> Iterator[Part]:
        """Traces of `spans` spans together."""
        left = spans
        while left > 0:
            tree = self.supply.chance.choice(self.supply.grown)
            left -= len(tree)
            yield from self.trace(tree if left >= 0 else trees.grow(self.supply.rng, left + len(tree)), "GET /orders")

    def trace(self, tree: trees.Tree, name: str) -> Iterator[Part]:
        """One trace's definition and records."""
        self.traces_made += 1
        about = {"traceId": f"{int(self.run_id, 16):016x}{self.traces_made:016x}", "type": "http-request", "name": name, "method": "GET"}
        yield _definitions([(spool.DEF_TRACE, self.traces_made, about | {"url": f"/orders/{self.traces_made}", "statusCode": 200})])
        yield self._records(tree)

    def _records(self, tree: trees.Tree) -> Part:
        size = len(tree)
        records = np.zeros(size, spool.RECORD)
        stretch = self.supply.rng.uniform(0.5, 4)
        times = [(column * stretch).astype(np.int64) for column in (tree.duration, tree.own)]
        for name, column in zip(("duration", "self"), times, strict=True):
            records[name] = np.minimum(column, spool.WIDE)
        records["tick"] = self.tick + (tree.start * stretch).astype(np.int64)
        records["seq"] = self.taken + tree.number
        records["parent"] = np.where(tree.parent > 0, self.taken + tree.parent, 0)
        records["trace"], records["fn"], records["depth"] = self.traces_made, tree.function, tree.depth
        records["kind"], records["count"], records["flags"] = spool.KIND_SPAN, 1, tree.failed * spool.FLAG_ERROR
        texts = self.supply.chance.choices(self.supply.calls, k=size)
        for index in range(-self.taken % RARE_EVERY, size, RARE_EVERY):
            texts[index] = payloads.call_with(_rare(self.number, (self.taken + index) // RARE_EVERY))
        for index in np.flatnonzero(tree.failed).tolist():
            records["err"][index], texts[index] = self.supply.chance.choice(self.supply.failures)
        for index in np.flatnonzero(times[0] >= spool.WIDE).tolist():
            texts[index] += b"W" + _encode([int(column[index]) for column in times])
        records["length"] = np.fromiter(map(len, texts), np.int64, size)
        self.taken += size
        self.tick += int(tree.duration[-1] * stretch) + int(self.supply.rng.exponential(2e7))
        return records, texts

    def write(self, folder: Path, parts: Iterable[Part]) -> Path:
        """Put header, chunks and the run's end into one file."""
        path = folder / f"{self.run_id}.{GONE_PID}.spool"
        with path.open("wb") as file:
            file.write(self._header())
            for records, texts in _gathered(itertools.chain(parts, self._end())):
                file.writelines(_chunks(records, texts))
        return path

    def _end(self) -> Iterator[Part]:
        payload = _encode({"exitCode": 0, "dropped": 0, "faults": 0})
        record = np.zeros(1, spool.RECORD)
        record["kind"], record["tick"], record["length"] = spool.KIND_RUN_END, self.tick, len(payload)
        yield record, [payload]

    def _header(self) -> bytes:
        numbers = (spool.MAGIC, spool.VERSION, 1, spool.SLOT_SIZE, self.origin_wall_ns, 1_000_000, 1.0, self.salt)
        return struct.pack("<8sHHIQQdQ16sIIQ", *numbers, bytes.fromhex(self.run_id), GONE_PID, 1, 1).ljust(spool.HEADER_SIZE, b"\0")


def _function(number: int) -> dict[str, Any]:
    file = f"shop/part{number % FILES:03}.py"
    kind = "db" if number % 97 == 0 else "method" if number % 3 else "function"
    return {
        "file": file,
        "name": f"Part{number % FILES}.step_{number}",
        "line": number // FILES * 20 + 5,
        "kind": kind,
        "params": ["value", "key"],
    }


def _definitions(wanted: list[tuple[int, int, dict[str, Any]]]) -> Part:
    records, texts = np.zeros(len(wanted), spool.RECORD), [_encode(content) for _, _, content in wanted]
    records["kind"] = spool.KIND_DEFINITION
    for index, (kind, number, _) in enumerate(wanted):
        records["err"][index], records["fn"][index] = kind, number
    records["length"] = [len(text) for text in texts]
    return records, texts


def _gathered(parts: Iterable[Part], least: int = 50_000) -> Iterator[Part]:
    """Small parts together, so that chunks fill."""
    waiting: list[Part] = []
    for part in parts:
        waiting.append(part)
        if sum(len(texts) for _, texts in waiting) >= least:
            yield _joined(waiting)
            waiting = []
    if waiting:
        yield _joined(waiting)


def _joined(parts: list[Part]) -> Part:
    return np.concatenate([records for records, _ in parts]), [text for _, texts in parts for text in texts]


def _chunks(records: NDArray[np.void], texts: list[bytes]) -> Iterator[bytes]:
    """Sealed chunks of one slot each, as full as they go. No payload here is larger than a slot."""
    used = np.cumsum(records["length"].astype(np.int64) + spool.RECORD_SIZE)
    start = 0
    while start < len(records):
        before = int(used[start - 1]) if start else 0
        until = int(np.searchsorted(used, before + _FREE, side="right"))
        yield _chunk(records[start:until].tobytes(), b"".join(reversed(texts[start:until])), until - start)
        start = until


def _chunk(records: bytes, payload: bytes, count: int) -> bytes:
    crc = zlib.crc32(payload, zlib.crc32(records))
    head = struct.pack("<IBBHIIIIQ", spool.CHUNK_MAGIC, spool.STATE_SEALED, spool.CHUNK_RECORDS, 1, count, len(payload), crc, 0, 0)
    return head + records + bytes(spool.SLOT_SIZE - len(head) - len(records) - len(payload)) + payload
