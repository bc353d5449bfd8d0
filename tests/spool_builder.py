"""Writes spool files as docs/spool-format.md says, deterministically, for tests of whatever reads them."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

import msgspec

from mcp_tracer.model import spool

CHECKS_SIZE = spool.CHECKS.itemsize * spool.CHECK_GROUPS
encode = msgspec.msgpack.Encoder().encode


def ext(code: int, body: Any) -> msgspec.msgpack.Ext:
    """An extension value; `body` is encoded unless it is bytes already."""
    return msgspec.msgpack.Ext(code, body if isinstance(body, bytes) else encode(body))


def sections(**tagged: Any) -> bytes:
    """A payload: `sections(P=[1, 2], R=3)`."""
    return b"".join(tag.encode() + encode(value) for tag, value in tagged.items())


class SpoolBuilder:
    """Collects records and gives the bytes of the file. Times are nanoseconds after the run's start, one tick a nanosecond."""

    def __init__(
        self,
        run_id: str = "00112233445566778899aabbccddeeff",
        pid: int = 4242,
        salt: int = 0x1000_0000_0000_0000,
        origin_wall_ns: int = 1_700_000_000_000_000_000,
        *,
        language: int = 1,
        process_start: int = 0,
        ns_per_tick: float = 1.0,
        run: dict[str, Any] | None = None,
    ) -> None:
        self.run_id, self.pid, self.salt, self.origin_wall_ns = run_id, pid, salt, origin_wall_ns
        self.origin_tick = 1_000_000
        self._head = (language, process_start, ns_per_tick)
        self._next_id = dict.fromkeys(range(1, 8), 1)
        self._ids: dict[tuple[int, bytes], int] = {}
        self.items: list[tuple[bytes, bytes]] = []
        self.define(
            spool.DEF_RUN,
            {
                "runId": run_id,
                "argv": ["app.py"],
                "cwd": "/project",
                "language": "python",
                "version": "3.11",
                "pid": pid,
                "hostname": "host",
                "runtime": "python",
                "projectRoot": "/project",
                **(run or {}),
            },
        )

    @property
    def name(self) -> str:
        """The file's name."""
        return f"{self.run_id}.{self.pid}.spool"

    def span_id(self, seq: int) -> str:
        """The id that a span with this seq gets."""
        return f"{(self.salt + seq) % 2**64:016x}"

    def record(
        self,
        *,
        kind: int,
        at: int = 0,
        duration: int = 0,
        self_: int = 0,
        seq: int = 0,
        parent: int = 0,
        trace: int = 0,
        fn: int = 0,
        depth: int = 0,
        thread: int = 0,
        flags: int = 0,
        err: int = 0,
        count: int = 1,
        payload: bytes = b"",
    ) -> None:
        """Add one record as it is."""
        fixed = struct.pack(
            "<QIIIIIIIHHBBHI",
            self.origin_tick + at,
            duration,
            self_,
            seq,
            parent,
            trace,
            fn,
            len(payload),
            depth,
            thread,
            kind,
            flags,
            err,
            count,
        )
        self.items.append((fixed, payload))

    def define(self, kind: int, content: dict[str, Any], id_: int | None = None) -> int:
        """Add a definition (once for equal content) and give its id; pass `id_` to define an id again."""
        key = (kind, encode(content))
        if id_ is None and key in self._ids:
            return self._ids[key]
        number = id_ or self._next_id[kind]
        if id_ is None:
            self._next_id[kind] += 1
            self._ids[key] = number
        self.record(kind=spool.KIND_DEFINITION, fn=number, err=kind, payload=encode(content))
        return number

    def function(self, name: str = "main", file: str = "app.py", line: int = 1, kind: str = "function", params: Sequence[str] = ()) -> int:
        """A function definition's id."""
        return self.define(spool.DEF_FUNCTION, {"file": file, "name": name, "line": line, "kind": kind, "params": list(params)})

    def site(self, name: str, kind: str, line: int, file: str = "app.py", function: str = "main") -> int:
        """A site definition's id, in the functions' id space."""
        number = self._next_id[spool.DEF_FUNCTION]
        self._next_id[spool.DEF_FUNCTION] += 1
        return self.define(spool.DEF_SITE, {"file": file, "function": function, "line": line, "name": name, "kind": kind}, number)

    def error(self, name: str) -> int:
        """An error type's id."""
        return self.define(spool.DEF_ERROR, {"name": name})

    def thread(self, name: str) -> int:
        """A thread's id."""
        return self.define(spool.DEF_THREAD, {"name": name})

    def trace(self, trace_id: str, **more: Any) -> int:
        """A trace definition's id."""
        return self.define(spool.DEF_TRACE, {"traceId": trace_id, **more})

    def span(self, **fields: Any) -> None:
        """A finished span: `seq, trace, fn, at, duration` and what else `record` takes."""
        self.record(kind=spool.KIND_SPAN, **{"self_": fields.get("duration", 0), **fields})

    def open_span(self, **fields: Any) -> None:
        """A span that is still open."""
        self.record(kind=spool.KIND_OPEN, **{"flags": spool.FLAG_OPEN, **fields})

    def event(self, seq: int, number: int, fn: int, at: int, values: dict[str, Any] | None = None) -> None:
        """An event inside span `seq`."""
        self.record(kind=spool.KIND_EVENT, seq=seq, parent=number, fn=fn, at=at, payload=sections(V=values) if values else b"")

    def aggregate(self, fn: int, calls: int, at: int, total: int, self_: int, least: int, most: int, errors: int = 0,
                  flags: int = 0) -> None:  # fmt: skip
        """Calls that were only counted."""
        payload = sections(A=[total, self_, least, most, errors])
        self.record(kind=spool.KIND_AGGREGATE, fn=fn, at=at, count=calls, flags=flags, payload=payload)

    def end(self, at: int = 0, exit_code: int | None = 0, dropped: int = 0, faults: int = 0, **more: Any) -> None:
        """The run's end."""
        code = {} if exit_code is None else {"exitCode": exit_code}
        self.record(kind=spool.KIND_RUN_END, at=at, payload=encode({**code, "dropped": dropped, "faults": faults, **more}))

    def header(self) -> bytes:
        """The file's first 4096 bytes."""
        language, process_start, scale = self._head
        raw = struct.pack(
            "<8sHHIQQdQ16sIIQ",
            spool.MAGIC,
            spool.VERSION,
            language,
            spool.SLOT_SIZE,
            self.origin_wall_ns,
            self.origin_tick,
            scale,
            self.salt,
            bytes.fromhex(self.run_id),
            self.pid,
            1,
            process_start,
        )
        return raw.ljust(spool.HEADER_SIZE, b"\0")

    def chunks(self, seal_last: bool = False, per_chunk: int | None = None) -> list[bytes]:
        """The chunks; all sealed but the last, which stays open unless `seal_last`. `per_chunk` seals them earlier than full."""
        groups: list[list[tuple[bytes, bytes]]] = [[]]
        used = spool.CHUNK_HEADER_SIZE
        for item in self.items:
            size = spool.RECORD_SIZE + len(item[1])
            if groups[-1] and (used + size + CHECKS_SIZE > spool.SLOT_SIZE or len(groups[-1]) == per_chunk):
                groups.append([])
                used = spool.CHUNK_HEADER_SIZE
            groups[-1].append(item)
            used += size
        last = len(groups) - 1
        return [chunk(group, seal_last or index < last) for index, group in enumerate(groups)]

    def to_bytes(self, seal_last: bool = False, per_chunk: int | None = None) -> bytes:
        """The whole file."""
        return self.header() + b"".join(self.chunks(seal_last, per_chunk))

    def write(self, folder: Path, seal_last: bool = False, per_chunk: int | None = None) -> Path:
        """Write the file into `folder` under its own name."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / self.name
        path.write_bytes(self.to_bytes(seal_last, per_chunk))
        return path


def chunk(items: Sequence[tuple[bytes, bytes]], sealed: bool, checked: bool = True) -> bytes:
    """One chunk of (record, payload) pairs, as many slots as it needs. `checked`: a sealed one has the table of checks."""
    records = b"".join(record for record, _ in items)
    payload = b"".join(payload for _, payload in reversed(items))
    slots = max(1, -(-(spool.CHUNK_HEADER_SIZE + len(records) + CHECKS_SIZE + len(payload)) // spool.SLOT_SIZE))
    crc = zlib.crc32(payload, zlib.crc32(records)) if sealed else 0
    state = spool.STATE_SEALED if sealed else spool.STATE_OPEN
    table = checks(items) if sealed and checked else bytes(CHECKS_SIZE)
    check = zlib.crc32(table) if sealed and checked else 0
    head = struct.pack("<IBBHIIIIQ", spool.CHUNK_MAGIC, state, 1, slots, len(items), len(payload), crc, check, 0)
    free = slots * spool.SLOT_SIZE - len(head) - len(records) - len(table) - len(payload)
    return head + records + bytes(free) + table + payload


def checks(items: Sequence[tuple[bytes, bytes]]) -> bytes:
    """The table of checks of a chunk with these records."""
    size = max(1, -(-len(items) // spool.CHECK_GROUPS))
    groups = [items[group * size : (group + 1) * size] for group in range(spool.CHECK_GROUPS)]
    records, payloads, crc = list[int](), list[int](), 0
    for group in groups:
        records.append(crc := zlib.crc32(b"".join(record for record, _ in group), crc))
    for group in reversed(groups):
        payloads.append(crc := zlib.crc32(b"".join(payload for _, payload in reversed(group)), crc))
    sizes = accumulate(sum(len(payload) for _, payload in group) for group in groups)
    return b"".join(struct.pack("<III", *row) for row in zip(records, sizes, reversed(payloads), strict=True))
