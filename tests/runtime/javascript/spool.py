"""Reads spool files for the tests of the JavaScript runtime: an independent, strict reader of docs/spool-format.md."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from mcp_tracer.ingest.checks import sound_records
from mcp_tracer.model import spool as layout

_EXT = "text array map object redacted bigint sequence undefined function cycle bytes date unseen"
_EXT_NAMES = dict(enumerate(_EXT.split(), start=1))
_TEXT = {5, 6, 12}


@dataclass(frozen=True)
class Ext:
    """An extension value: its kind and its decoded body."""

    kind: str
    body: Any


def decode(data: bytes) -> Any:
    """One msgpack value with our extension types."""
    return msgspec.msgpack.Decoder(ext_hook=_ext, strict=True).decode(data)


def _ext(code: int, data: memoryview) -> Any:
    name = _EXT_NAMES.get(code, str(code))
    if code in _TEXT:
        return Ext(name, bytes(data).decode())
    return Ext(name, decode(bytes(data)) if len(data) else None)


@dataclass
class Span:
    """A span with its definitions looked up."""

    seq: int
    parent: int
    name: str
    definition: dict[str, Any]
    trace: dict[str, Any]
    sections: dict[str, Any]
    tick: int
    duration: int
    self_time: int
    depth: int
    flags: int
    error: str
    is_open: bool = False
    count: int = 1


@dataclass(frozen=True)
class Counted:
    """Calls of a function that were only counted; times in ticks. `estimated`: they ran without probes."""

    name: str
    kind: str
    calls: int
    total: int
    self_time: int
    least: int
    most: int
    errors: int
    estimated: bool
    line: int


@dataclass
class Spool:
    """Everything a spool file says."""

    header: Any
    run: dict[str, Any] = field(default_factory=dict)
    end: dict[str, Any] | None = None
    files: list[dict[str, Any]] = field(default_factory=list)
    spans: list[Span] = field(default_factory=list)
    events: list[tuple[int, dict[str, Any], dict[str, Any]]] = field(default_factory=list)
    kinds: list[int] = field(default_factory=list)
    counted: list[Counted] = field(default_factory=list)

    def tree(self) -> list[Any]:
        """Nested `[name, children]` lists in order of start."""
        finished = {span.seq: span for span in sorted(self.spans, key=lambda one: one.is_open, reverse=True)}
        children: dict[int, list[Span]] = {}
        for span in sorted(finished.values(), key=lambda one: one.seq):
            children.setdefault(span.parent if span.parent in finished else 0, []).append(span)

        def shape(span: Span) -> Any:
            inner = [shape(child) for child in children.get(span.seq, [])]
            return [span.name, *inner] if inner else span.name

        return [shape(span) for span in children.get(0, [])]

    def calls(self, name: str, kind: str = "function") -> int:
        """All calls of a function, recorded or counted."""
        recorded = [span for span in self.named(name) if span.definition["kind"] == kind]
        return len(recorded) + sum(row.calls for row in self.counted if (row.name, row.kind) == (name, kind))

    def named(self, name: str) -> list[Span]:
        """The finished spans called `name`, in order of start."""
        return sorted((span for span in self.spans if span.name == name and not span.is_open), key=lambda one: one.seq)


def read(path: Path) -> Spool:
    """Read one file, checking magic numbers, chunk by chunk and record by record."""
    data = path.read_bytes()
    header = np.frombuffer(data[: layout.HEADER.itemsize], layout.HEADER)[0]
    assert data[:8] == layout.MAGIC
    spool = Spool(header)
    tables: dict[int, dict[int, dict[str, Any]]] = {kind: {} for kind in range(1, 8)}
    at = layout.HEADER_SIZE
    while data[at : at + 4] not in (b"", bytes(4)):  # else the slot in reserve
        slots = _read_chunk(data, at, spool, tables)
        at += slots * layout.SLOT_SIZE
    return spool


def _read_chunk(data: bytes, at: int, spool: Spool, tables: dict[int, dict[int, dict[str, Any]]]) -> int:
    head = np.frombuffer(data[at : at + 32], "<u4")
    assert head[0] == layout.CHUNK_MAGIC
    state, slots, count, payload = int(head[1]) & 255, int(head[1]) >> 16, int(head[2]), int(head[3])
    end = at + slots * layout.SLOT_SIZE
    records = np.frombuffer(data[at + 32 : at + 32 + 48 * count], layout.RECORD)
    assert int(records["length"].sum()) == payload
    if state == layout.STATE_SEALED:
        crc = zlib.crc32(data[end - payload : end], zlib.crc32(data[at + 32 : at + 32 + 48 * count]))
        assert crc == int(head[4])
        sound = sound_records(data[at:end], count, payload, int(head[5]))
        assert sound is not None and sound[0].all()
    stop = end
    for record in records:
        start = stop - int(record["length"])
        _read_record(record, data[start:stop], spool, tables)
        stop = start
    return slots


def _read_record(record: Any, payload: bytes, spool: Spool, tables: dict[int, dict[int, dict[str, Any]]]) -> None:
    kind = int(record["kind"])
    spool.kinds.append(kind)
    if kind == layout.KIND_DEFINITION:
        tables[int(record["err"])][int(record["fn"])] = value = decode(payload)
        if int(record["err"]) == layout.DEF_RUN:
            spool.run = value
        if int(record["err"]) == layout.DEF_FILE:
            spool.files.append(value)
    elif kind in (layout.KIND_SPAN, layout.KIND_OPEN):
        spool.spans.append(_span(record, payload, tables))
    elif kind == layout.KIND_EVENT:
        site = tables[layout.DEF_SITE][int(record["fn"])]
        spool.events.append((int(record["seq"]), site, sections(payload)))
    elif kind == layout.KIND_AGGREGATE:
        number = int(record["fn"])
        definition = tables[layout.DEF_FUNCTION].get(number) or tables[layout.DEF_SITE][number]
        estimated = bool(int(record["flags"]) & layout.FLAG_ESTIMATED)
        times = sections(payload)["A"]
        spool.counted.append(Counted(definition["name"], definition["kind"], int(record["count"]), *times, estimated, definition["line"]))
    elif kind == layout.KIND_RUN_END:
        spool.end = decode(payload)


def _span(record: Any, payload: bytes, tables: dict[int, dict[int, dict[str, Any]]]) -> Span:
    number = int(record["fn"])
    definition = tables[layout.DEF_FUNCTION].get(number) or tables[layout.DEF_SITE][number]
    parts = sections(payload)
    duration, self_time = parts.get("W", [int(record["duration"]), int(record["self"])])
    error = tables[layout.DEF_ERROR][int(record["err"])]["name"] if record["err"] else ""
    return Span(
        seq=int(record["seq"]),
        parent=int(record["parent"]),
        name=definition["name"],
        definition=definition,
        trace=tables[layout.DEF_TRACE][int(record["trace"])],
        sections=parts,
        tick=int(record["tick"]),
        duration=duration,
        self_time=self_time,
        depth=int(record["depth"]),
        flags=int(record["flags"]),
        error=error,
        is_open=int(record["kind"]) == layout.KIND_OPEN,
        count=int(record["count"]),
    )


def sections(payload: bytes) -> dict[str, Any]:
    """Tag → value; the values are taken apart by their own length."""
    found: dict[str, Any] = {}
    at = 0
    while at < len(payload):
        end = skip(payload, at + 1)
        found[chr(payload[at])] = decode(payload[at + 1 : end])
        at = end
    return found


def skip(data: bytes, at: int) -> int:
    """Where the msgpack value that starts at `at` ends."""
    head = data[at]
    if head < 0x80 or head >= 0xE0 or head in (0xC0, 0xC2, 0xC3):
        return at + 1
    if head < 0x90:
        return _skip_many(data, at + 1, (head & 15) * 2)
    if head < 0xA0:
        return _skip_many(data, at + 1, head & 15)
    if head < 0xC0:
        return at + 1 + (head & 31)
    fixed = {0xCA: 5, 0xCB: 9, 0xCC: 2, 0xCD: 3, 0xCE: 5, 0xCF: 9, 0xD0: 2, 0xD1: 3, 0xD2: 5, 0xD3: 9}
    fixed |= {0xD4: 3, 0xD5: 4, 0xD6: 6, 0xD7: 10, 0xD8: 18}
    if head in fixed:
        return at + fixed[head]
    width = {0xC4: 1, 0xC5: 2, 0xC6: 4, 0xC7: 1, 0xC8: 2, 0xC9: 4, 0xD9: 1, 0xDA: 2, 0xDB: 4, 0xDC: 2, 0xDD: 4, 0xDE: 2, 0xDF: 4}[head]
    size = int.from_bytes(data[at + 1 : at + 1 + width], "big")
    body = at + 1 + width
    if head in (0xDC, 0xDD):
        return _skip_many(data, body, size)
    if head in (0xDE, 0xDF):
        return _skip_many(data, body, size * 2)
    return body + size + (1 if head in (0xC7, 0xC8, 0xC9) else 0)


def _skip_many(data: bytes, at: int, count: int) -> int:
    for _ in range(count):
        at = skip(data, at)
    return at
