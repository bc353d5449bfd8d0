"""The read port over plain lists, as simple as can be: what the real stores' answers are compared with.

Built from spool records directly; nothing of the real store is used but the decoding of captured values.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any

import msgspec

from mcp_tracer.model import spool
from mcp_tracer.model.query import SpanQuery
from mcp_tracer.model.values import Cut, Mark, Obj, Sequence, decode
from tests.spool_builder import SpoolBuilder

FIELDS = ("span_id", "trace_id", "parent_span_id", "run_id", "function", "file", "line", "kind", "start_ns", "duration_ns", "self_ns",
          "depth", "thread", "error", "finished", "count")  # fmt: skip


@dataclass(frozen=True)
class Row:
    """A span, with its place in the reference's order."""

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
    source: int
    seq: int
    texts: tuple[str, ...]
    counted: bool


@dataclass(frozen=True)
class Happened:
    """An event of a row. `file` and `function` are its site's."""

    span_id: str
    number: int
    at_ns: int
    line: int
    values: Any
    file: str
    function: str


class Reference:
    """The answers for some spool files. `gone`: whose writers are gone, so that open spans count as unfinished calls."""

    def __init__(self, builders: Iterable[SpoolBuilder], gone: bool = False) -> None:
        self.rows: list[Row] = []
        self.counted: list[tuple[Any, ...]] = []
        self._tests: dict[str, str] = {}
        self.events: list[tuple[Happened, Row]] = []
        self._sources: set[tuple[str, int, str, str]] = set()
        for number, builder in enumerate(builders, 1):
            self._read(number, builder, gone)

    def trace_spans(self, trace_id: str, max_depth: int | None = None, start_ns: int | None = None) -> list[Row]:
        """By (start, depth, process, seq)."""
        rows = [row for row in self.rows if row.trace_id == trace_id and (max_depth is None or row.depth <= max_depth)]
        rows = [row for row in rows if start_ns is None or row.start_ns >= start_ns]
        return sorted(rows, key=lambda row: (row.start_ns, row.depth, row.source, row.seq))

    def source_hashes(self, row: Row | None = None) -> tuple[str, ...]:
        """Versions of the row's file that its process loaded, else its run; of all files without a row."""
        fits = [one for one in self._sources if row is None or (one[0], one[2]) == (row.run_id, row.file)]
        own = [one for one in fits if row is not None and one[1] == row.source]
        return tuple(sorted({one[3] for one in own or fits}))

    def find_events(self, query: SpanQuery) -> list[Happened]:
        """All that hold the text, by time."""
        text = query.text.lower() if query.text else None
        found = [
            event
            for event, row in self.events
            if (text is None or any(text in one.lower() for one in texts_of(event.values)) or text in numbers_of(event.values))
            and (query.file is None or event.file == query.file or event.file.endswith("/" + query.file))
            and (query.function is None or query.function in (event.function, event.function.split(".")[-1]))
            and (query.start_ns is None or event.at_ns >= query.start_ns)
            and (query.end_ns is None or event.at_ns < query.end_ns)
            and query.run_id in (None, row.run_id)
            and query.trace_id in (None, row.trace_id)
        ]
        return sorted(found, key=lambda one: (one.at_ns, one.span_id, one.number), reverse=query.descending)

    def search(self, query: SpanQuery) -> list[Row]:
        """All matches in order."""
        rows = [row for row in self.rows if self._fits(row, query)]
        sign = -1 if query.descending else 1
        return sorted(rows, key=lambda row: (sign * (row.start_ns if query.order == "time" else row.duration_ns), row.source, row.seq))

    def stats(self, run_id: str | None = None, start_ns: int | None = None, end_ns: int | None = None) -> dict[tuple[str, str, str], Any]:
        """(file, function, kind) -> (calls, errors, total, self, min, max, durations or None where only counted)."""
        found: dict[tuple[str, str, str], list[Any]] = {}
        for key, run, at, numbers, duration in [*self.counted, *(self._as_counted(row) for row in self.rows if row.counted)]:
            if (run_id and run != run_id) or (start_ns is not None and at < start_ns) or (end_ns is not None and at >= end_ns):
                continue
            row = found.setdefault(key, [0, 0, 0, 0, 1 << 62, 0, []])
            for index in range(4):
                row[index] += numbers[index]
            row[4], row[5] = min(row[4], numbers[4]), max(row[5], numbers[5])
            row[6] += [duration] * numbers[0]
        return {key: tuple(row) for key, row in found.items()}

    @staticmethod
    def _as_counted(row: Row) -> tuple[Any, ...]:
        numbers = (1, int(row.error is not None), row.duration_ns, row.self_ns, row.duration_ns, row.duration_ns)
        return (row.file, row.function, row.kind), row.run_id, row.start_ns, numbers, row.duration_ns

    def _fits(self, row: Row, query: SpanQuery) -> bool:
        text = query.text.lower() if query.text else None
        return (
            (text is None or text in row.function.lower() or any(text in one.lower() for one in row.texts))
            and (query.file is None or row.file == query.file or fnmatchcase(row.file, query.file) or row.file.endswith("/" + query.file))
            and (query.function is None or any(fnmatchcase(name, query.function) for name in (row.function, row.function.split(".")[-1])))
            and (query.named is None or any(query.named.lower() in name.lower() for name in (row.function, row.file)))
            and query.kind in (None, row.kind)
            and (query.sites or row.kind not in ("call", "await"))
            and (query.min_duration_ns is None or row.duration_ns >= query.min_duration_ns)
            and (query.max_duration_ns is None or row.duration_ns <= query.max_duration_ns)
            and query.has_error in (None, row.error is not None)
            and query.error_type in (None, row.error)
            and (query.start_ns is None or row.start_ns >= query.start_ns)
            and (query.end_ns is None or row.start_ns < query.end_ns)
            and query.run_id in (None, row.run_id)
            and query.trace_id in (None, row.trace_id)
            and (query.test_id is None or self._is_of_test(row.trace_id, query.test_id))
        )  # fmt: skip

    def _is_of_test(self, trace_id: str, wanted: str) -> bool:
        test = self._tests.get(trace_id)
        return test == wanted or (test is not None and wanted in test and wanted not in self._tests.values())

    def _read(self, number: int, builder: SpoolBuilder, gone: bool) -> None:
        definitions: dict[tuple[int, int], dict[str, Any]] = {}
        spans: dict[int, Row] = {}
        events: list[tuple[int, Happened]] = []
        for fixed, payload in builder.items:
            record = dict(zip(spool.RECORD.names, fields_of(fixed), strict=True))
            kind = record["kind"]
            if kind == spool.KIND_DEFINITION:
                class_ = spool.DEF_FUNCTION if record["err"] == spool.DEF_SITE else record["err"]
                definitions.setdefault((class_, record["fn"]), {}).update(msgspec.msgpack.decode(payload))
            elif kind in (spool.KIND_SPAN, spool.KIND_OPEN):
                spans[record["seq"]] = self._row(number, builder, definitions, record, payload, gone)
            elif kind == spool.KIND_EVENT:
                events.append((record["seq"], _happened(builder, definitions, record, payload)))
            elif kind == spool.KIND_AGGREGATE:
                self._count(builder, definitions, record, payload)
        self.rows += self._lasting(spans, events, builder.run_id)
        self.events += [(event, spans[seq]) for seq, event in events]
        for (class_, _), content in definitions.items():
            if class_ == spool.DEF_FILE:
                self._sources.add((builder.run_id, number, content["path"], content["sha256"]))
            if class_ == spool.DEF_TRACE and "testId" in content:
                self._tests[content["traceId"]] = content["testId"]

    def _lasting(self, spans: dict[int, Row], events: list[tuple[int, Happened]], run_id: str) -> list[Row]:
        """Unfinished spans have lasted until their process was last heard of, at least. Each of the runs here has one process."""
        ends = [*(row.start_ns + row.duration_ns for row in spans.values()), *(event.at_ns for _, event in events)]
        seen = max([*ends, *(at for _, run, at, _, _ in self.counted if run == run_id)], default=0)
        return [
            row if row.finished else replace(row, duration_ns=max(row.duration_ns, seen - row.start_ns))
            for row in spans.values()
        ]  # fmt: skip

    def _row(self, number: int, builder: SpoolBuilder, definitions: Any, record: dict[str, int], payload: bytes, gone: bool) -> Row:
        function, trace = definitions[spool.DEF_FUNCTION, record["fn"]], definitions[spool.DEF_TRACE, record["trace"]]
        finished = record["kind"] == spool.KIND_SPAN
        failed = record["flags"] & spool.FLAG_ERROR
        parts = parts_of(payload)
        wide = parts.get("W", (0, 0))
        return Row(
            span_id=builder.span_id(record["seq"]),
            trace_id=trace["traceId"],
            parent_span_id=builder.span_id(record["parent"]) if record["parent"] else trace.get("parentSpanId"),
            run_id=builder.run_id,
            function=function["name"],
            file=function["file"],
            line=function["line"],
            kind=function["kind"],
            start_ns=builder.origin_wall_ns + record["tick"] - builder.origin_tick,
            duration_ns=wide[0] if record["duration"] == spool.WIDE else record["duration"],
            self_ns=wide[1] if record["self"] == spool.WIDE else record["self"],
            depth=record["depth"],
            thread=definitions[spool.DEF_THREAD, record["thread"]]["name"] if record["thread"] else "main",
            error=definitions[spool.DEF_ERROR, record["err"]]["name"] if failed else None,
            finished=finished,
            count=record["count"],
            source=number,
            seq=record["seq"],
            texts=tuple(text for tag, value in parts.items() if tag in "PRET" for text in texts_of(value)),
            counted=finished or gone,
        )

    def _count(self, builder: SpoolBuilder, definitions: Any, record: dict[str, int], payload: bytes) -> None:
        function = definitions[spool.DEF_FUNCTION, record["fn"]]
        total, own, least, most, errors = parts_of(payload)["A"]
        at = builder.origin_wall_ns + record["tick"] - builder.origin_tick
        key = (function["file"], function["name"], function["kind"])
        numbers = (record["count"], errors, total, own, least, most)
        self.counted.append((key, builder.run_id, at, numbers, total // max(1, record["count"])))


def _happened(builder: SpoolBuilder, definitions: Any, record: dict[str, int], payload: bytes) -> Happened:
    site = definitions[spool.DEF_FUNCTION, record["fn"]]
    at = builder.origin_wall_ns + record["tick"] - builder.origin_tick
    values = parts_of(payload).get("V", {})
    return Happened(builder.span_id(record["seq"]), record["parent"], at, site["line"], values, site["file"], site["function"])


def fields_of(fixed: bytes) -> tuple[int, ...]:
    """The fields of a record."""
    return struct.unpack("<QIIIIIIIHHBBHI", fixed)


@lru_cache(maxsize=10_000)
def parts_of(payload: bytes) -> dict[str, Any]:
    """Sections by trying all ends: slow, and independent of the store's way."""
    found: dict[str, Any] = {}
    at = 0
    while at < len(payload):
        for end in range(at + 2, len(payload) + 1):
            try:
                found[chr(payload[at])] = decode(payload[at + 1 : end])
            except (msgspec.DecodeError, UnicodeDecodeError):
                continue
            at = end
            break
    return found


def numbers_of(value: Any) -> list[str]:
    """All numbers in a value of plain containers, whole ones without a fraction."""
    if isinstance(value, dict):
        return [text for part in value.values() for text in numbers_of(part)]
    if isinstance(value, list):
        return [text for part in value for text in numbers_of(part)]
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return []
    return [str(int(value)) if value == int(value) else str(value)]


def texts_of(value: Any) -> list[str]:
    """All texts in a value."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for pair in value.items() for part in pair for text in texts_of(part)]
    if isinstance(value, (list, tuple)):
        return [text for part in value for text in texts_of(part)]
    if isinstance(value, Cut):
        return texts_of(value.kept)
    if isinstance(value, Obj):
        return [value.type, *texts_of(value.content)]
    if isinstance(value, Sequence):
        return texts_of(value.items)
    return [value.text] if isinstance(value, Mark) else []
