"""One process's file as rows, record by record: what the pure functions of `reference` look at."""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from mcp_tracer.model import spool
from mcp_tracer.model.span import Values
from tests.contracts.payloads import captured, numbers_in, parts_of, texts_in
from tests.spool_builder import SpoolBuilder

FIELDS = ("span_id", "trace_id", "parent_span_id", "run_id", "function", "file", "line", "kind", "start_ns", "duration_ns", "self_ns",
          "depth", "thread", "error", "finished", "count", "left_out", "estimated")  # fmt: skip


@dataclass(frozen=True)
class Row:
    """A span, with its place in the reference's order. `local_trace` is its trace's id in the file."""

    span_id: str
    trace_id: str
    parent_span_id: str | None
    run_id: str
    function: str
    file: str
    line: int
    kind: str
    start_ns: int
    duration_ns: int
    self_ns: int
    depth: int
    thread: str
    error: str | None
    finished: bool
    count: int
    left_out: bool
    estimated: bool
    values: Values | None
    source: int
    seq: int
    is_root: bool
    texts: tuple[str, ...]
    numbers: tuple[str, ...]
    counted: bool

    @property
    def end_ns(self) -> int:
        """When it ended."""
        return self.start_ns + self.duration_ns


@dataclass(frozen=True)
class Happened:
    """An event of a row. `file` and `function` are its site's."""

    span_id: str
    number: int
    at_ns: int
    kind: str
    line: int
    values: Any
    column: int
    file: str
    function: str


@dataclass(frozen=True)
class Counted:
    """Calls that were only counted."""

    key: tuple[str, str, str]
    line: int
    run_id: str
    at_ns: int
    source: int
    calls: int
    errors: int
    total_ns: int
    self_ns: int
    min_ns: int
    max_ns: int
    estimated: int = 0


class Recording:
    """What one process wrote. `run_id`, `pid`, `salt` and the origins are its file's header's."""

    def __init__(self, number: int, run_id: str, pid: int, salt: int, origins: tuple[int, int]) -> None:
        self.number, self.run_id, self.pid, self.start_ns = number, run_id, pid, origins[0]
        self._salt, self._origin = salt, origins[0] - origins[1]
        self.definitions: dict[tuple[int, int], dict[str, Any]] = {}
        self.spans: dict[int, Row] = {}
        self.events: list[tuple[int, Happened]] = []
        self.counted: list[Counted] = []
        self.end: tuple[dict[str, Any], int] | None = None
        self.gone: bool | None = None  # whether it was killed, where its writer is gone

    def define(self, class_: int, number: int, content: dict[str, Any]) -> None:
        """Take a definition; a later one adds to an earlier."""
        kind = spool.DEF_FUNCTION if class_ == spool.DEF_SITE else class_
        self.definitions.setdefault((kind, number), {}).update(content)

    def take(self, record: dict[str, int], payload: bytes) -> None:
        """Take a record that is no definition."""
        kind = record["kind"]
        if kind in (spool.KIND_SPAN, spool.KIND_OPEN):
            self.spans[record["seq"]] = self._row(record, payload)
        elif kind == spool.KIND_EVENT:
            self.events.append((record["seq"], self._happened(record, payload)))
        elif kind == spool.KIND_AGGREGATE:
            self.counted.append(self._count(record, payload))
        elif kind == spool.KIND_RUN_END:
            self.end = msgspec.msgpack.decode(payload), self._origin + record["tick"]

    def rows(self) -> list[Row]:
        """The spans. Unfinished ones have lasted until their process was last heard of, at least."""
        seen, is_gone = self.last_heard_ns(), self.gone is not None
        lasting = [
            row if row.finished else replace(row, duration_ns=max(row.duration_ns, seen - row.start_ns)) for row in self.spans.values()
        ]
        return [replace(row, counted=row.finished or is_gone) for row in lasting]

    def last_heard_ns(self) -> int:
        """Until when something is known of the process; 0 where nothing is."""
        ends = [*(row.end_ns for row in self.spans.values()), *(event.at_ns for _, event in self.events)]
        return max([*ends, *(one.at_ns for one in self.counted)], default=0)

    def said_of(self, trace_id: str) -> dict[str, Any] | None:
        """What it says of a trace as a whole: where it takes part more than once, what it began before what it was called for."""
        said = [one for (kind, _), one in self.definitions.items() if kind == spool.DEF_TRACE and one["traceId"] == trace_id]
        begun = [one for one in said if "parentSpanId" not in one]
        chosen = (begun or said or [None])[0]
        return None if chosen is None else {key: value for key, value in chosen.items() if key not in ("traceId", "parentSpanId")}

    def span_id(self, seq: int) -> str:
        """The id of a span."""
        return f"{(self._salt + seq) % 2**64:016x}"

    def _row(self, record: dict[str, int], payload: bytes) -> Row:
        function = self.definitions[spool.DEF_FUNCTION, record["fn"]]
        trace = self.definitions[spool.DEF_TRACE, record["trace"]]
        failed = record["flags"] & spool.FLAG_ERROR
        wide = parts_of(payload).get("W", (0, 0))
        return Row(
            span_id=self.span_id(record["seq"]),
            trace_id=trace["traceId"],
            parent_span_id=self.span_id(record["parent"]) if record["parent"] else trace.get("parentSpanId"),
            run_id=self.run_id,
            function=function["name"],
            file=function["file"],
            line=function["line"],
            kind=function["kind"],
            start_ns=self._origin + record["tick"],
            duration_ns=wide[0] if record["duration"] == spool.WIDE else record["duration"],
            self_ns=wide[1] if record["self"] == spool.WIDE else record["self"],
            depth=record["depth"],
            thread=self.definitions[spool.DEF_THREAD, record["thread"]]["name"] if record["thread"] else "main",
            error=self.definitions[spool.DEF_ERROR, record["err"]]["name"] if failed else None,
            finished=record["kind"] == spool.KIND_SPAN,
            count=record["count"],
            left_out=bool(record["flags"] & spool.FLAG_VALUES_LEFT_OUT),
            estimated=bool(record["flags"] & spool.FLAG_ESTIMATED),
            values=captured(payload, function.get("params", [])),
            source=self.number,
            seq=record["seq"],
            is_root=not record["parent"],
            texts=texts_in(payload),
            numbers=numbers_in(payload),
            counted=False,
        )

    def _happened(self, record: dict[str, int], payload: bytes) -> Happened:
        site = self.definitions[spool.DEF_FUNCTION, record["fn"]]
        at, values = self._origin + record["tick"], parts_of(payload).get("V", {})
        place = site["kind"], site["line"], values, site.get("column", 0), site["file"], site["function"]
        return Happened(self.span_id(record["seq"]), record["parent"], at, *place)

    def _count(self, record: dict[str, int], payload: bytes) -> Counted:
        function = self.definitions[spool.DEF_FUNCTION, record["fn"]]
        total, own, least, most, errors = parts_of(payload)["A"]
        key = (function["file"], function["name"], function["kind"])
        estimated = record["count"] if record["flags"] & spool.FLAG_ESTIMATED else 0
        numbers = (record["count"], errors, total, own, least, most, estimated)
        return Counted(key, function["line"], self.run_id, self._origin + record["tick"], self.number, *numbers)


def read(number: int, builder: SpoolBuilder) -> Recording:
    """A whole file."""
    recording = Recording(number, builder.run_id, builder.pid, builder.salt, (builder.origin_wall_ns, builder.origin_tick))
    for fixed, payload in builder.items:
        record = dict(zip(spool.RECORD.names or (), struct.unpack("<QIIIIIIIHHBBHI", fixed), strict=True))
        if record["kind"] == spool.KIND_DEFINITION:
            recording.define(record["err"], record["fn"], msgspec.msgpack.decode(payload))
        else:
            recording.take(record, payload)
    return recording
