"""Traces: summaries, lists, and the spans of one. A trace may have rows in several segments; they are added up."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from mcp_tracer.model import cursor, words
from mcp_tracer.model.errors import NotFound, UserError
from mcp_tracer.model.query import Page
from mcp_tracer.model.span import Span, TraceSummary
from mcp_tracer.storage.sqlite import definitions, expired, indexes
from mcp_tracer.storage.sqlite.columns import Array
from mcp_tracer.storage.sqlite.snapshot import OPEN_FRAME, Segment, Snapshot
from mcp_tracer.storage.sqlite.spans import Place, SpanMaker

_SHOWN: Final = 5
_Newest = tuple[int, bytes, TraceSummary]
_WORDS: Final = {"last": "", "last-failed": " AND errs>0"}


def page_of_traces(snapshot: Snapshot, sources: list[int] | None, limit: int, after: str | None) -> Page[TraceSummary]:
    """Traces, newest first; with `sources` only those in which one of these processes took part."""
    place: Any = cursor.decode(after, "traces", int, str)
    start, trace_id = place or (1 << 62, "")
    rows: list[TraceSummary] = []
    for summary in newest_first(snapshot, sources, start, bytes.fromhex(trace_id), ""):
        rows.append(summary)
        if len(rows) > limit:
            break
    more = cursor.encode("traces", rows[limit - 1].start_ns, rows[limit - 1].trace_id) if len(rows) > limit else None
    return Page(tuple(rows[:limit]), more, len(rows) if after is None and more is None else _total(snapshot, sources))


def _total(snapshot: Snapshot, sources: list[int] | None) -> int | None:
    """How many traces there are, where one segment knows."""
    if sources is not None or len(snapshot.segments) != 1:
        return None
    return int(snapshot.segments[0].db.execute("SELECT count(*) FROM trace WHERE start IS NOT NULL").fetchone()[0])


def newest_first(snapshot: Snapshot, sources: list[int] | None, start: int, trace_id: bytes, condition: str) -> Iterator[TraceSummary]:
    """Summaries after (start, trace_id), newest first; a trace counts where it started, and whatever part of it fits."""
    if sources is None and not condition:
        found = _all(snapshot, start, trace_id)
    else:
        found = (one for one in _chosen(snapshot, sources, condition) if not trace_id or one[:2] > (-start, _inverted(trace_id)))
    for _, _, summary in found:
        yield summary


def _all(snapshot: Snapshot, start: int, trace_id: bytes) -> Iterator[_Newest]:
    """(-start, inverted trace id, summary) of each trace after one, in ascending order."""
    parts = [_rows(segment, None, start, trace_id, "") for segment in snapshot.segments]
    last = b""
    for negative_start, inverted in heapq.merge(*parts):
        summary = summary_of(snapshot, _inverted(inverted))
        if summary.start_ns == -negative_start and inverted != last:
            last = inverted
            yield negative_start, inverted, summary


def _chosen(snapshot: Snapshot, sources: list[int] | None, condition: str) -> Iterator[_Newest]:
    """The same of traces of which a part fits. It may have started in an earlier segment than that part: it waits until no part that is
    still to come can be of one that started later."""
    parts = [_rows(segment, sources, 1 << 62, b"", condition) for segment in snapshot.segments]
    waiting: list[_Newest] = []
    known: set[bytes] = set()
    for negative_start, inverted in heapq.merge(*parts):
        while waiting and waiting[0][0] < negative_start:
            yield heapq.heappop(waiting)
        if inverted not in known:
            known.add(inverted)
            summary = summary_of(snapshot, _inverted(inverted))
            heapq.heappush(waiting, (-summary.start_ns, inverted, summary))
    while waiting:
        yield heapq.heappop(waiting)


def _inverted(id_: bytes) -> bytes:
    """An id that is the less the greater this one is, and back."""
    return bytes(255 - byte for byte in id_)


def _rows(segment: Segment, sources: list[int] | None, start: int, trace_id: bytes, condition: str) -> Iterator[tuple[int, bytes]]:
    """(-start, inverted trace id) of a segment's traces in ascending order, that is: newest first."""
    inside = ""
    if sources is not None:
        inside = f" AND id IN (SELECT trace FROM trace_source WHERE src IN ({','.join(map(str, sources))}))"
    query = f"SELECT start, trace_id FROM trace WHERE start IS NOT NULL{condition}{inside} AND start<=? ORDER BY start DESC, trace_id DESC"
    for found, id_ in segment.db.execute(query, (start,)):
        if found < start or not trace_id or id_ < trace_id:
            yield -found, _inverted(id_)


def trace_by_id(snapshot: Snapshot, trace_id: str) -> bytes:
    """The 16 bytes of a trace by id, unique prefix, `last` or `last-failed`. Raises NotFound, or UserError for an ambiguous prefix."""
    word = words.word(trace_id, _WORDS)
    if word is not None:
        newest = next(newest_first(snapshot, None, 1 << 62, b"", _WORDS[word]), None)
        if newest is None:
            raise NotFound(f"There is no {'failed ' if _WORDS[word] else ''}trace yet. {_newest(snapshot)}")
        return bytes.fromhex(newest.trace_id)
    known = sorted(_with_prefix(snapshot, trace_id.lower()))
    if len(known) == 1 and len(trace_id) >= 6:
        return known[0]
    if len(known) > 1:
        raise UserError(f"{trace_id!r} is the beginning of several traces: {', '.join(one.hex() for one in known[:_SHOWN])}.")
    if 0 < len(trace_id) < 6 and (beginning := newest_with_prefix(snapshot, trace_id, 1)):
        raise UserError(f"{trace_id!r} is too short for a trace's id: write at least 6 digits, as of {beginning[0]}.")
    meant = words.did_you_mean(trace_id.lower(), _WORDS)
    raise NotFound(f"There is no trace {trace_id!r}.{meant} {_newest(snapshot)}{expired.perhaps(snapshot)}")


def _with_prefix(snapshot: Snapshot, prefix: str) -> set[bytes]:
    bounds = _bounds(prefix)
    if bounds is None or len(prefix) < 6:
        return set()
    query = "SELECT trace_id FROM trace WHERE trace_id BETWEEN ? AND ? AND start IS NOT NULL LIMIT 10"
    return {row[0] for segment in snapshot.segments for row in segment.db.execute(query, bounds)}


def _bounds(prefix: str) -> tuple[bytes, bytes] | None:
    """The least and the greatest id that begins so; None where none can."""
    try:
        return bytes.fromhex(prefix.ljust(32, "0")), bytes.fromhex(prefix.ljust(32, "f"))
    except ValueError:
        return None


def newest_with_prefix(snapshot: Snapshot, prefix: str, limit: int) -> tuple[str, ...]:
    """Ids of traces that begin so, those with the newest part first."""
    bounds = _bounds(prefix.lower())
    if bounds is None:
        return ()
    inside, parameters = ("trace_id BETWEEN ? AND ? AND ", bounds) if prefix else ("", ())
    query = f"SELECT trace_id, start FROM trace WHERE {inside}start IS NOT NULL ORDER BY start DESC LIMIT ?"
    found: dict[bytes, int] = {}
    for segment in snapshot.segments:
        for trace_id, start in segment.db.execute(query, (*parameters, limit)):
            found[trace_id] = max(start, found.get(trace_id, start))
    return tuple(one.hex() for one in sorted(found, key=lambda one: (-found[one], one))[:limit])


def _newest(snapshot: Snapshot) -> str:
    found: list[str] = []
    for summary in newest_first(snapshot, None, 1 << 62, b"", ""):
        found.append(summary.trace_id)
        if len(found) == _SHOWN:
            break
    return f"The newest traces are {', '.join(found)}." if found else expired.nothing_is_left(snapshot)


def summary_of(snapshot: Snapshot, trace_id: bytes) -> TraceSummary:
    """One trace's summary, from all segments and the open spans."""
    query = "SELECT n, errs, start, end, src, root_fn, root_start, definition, id FROM trace WHERE trace_id=?"
    rows: list[Any] = [row for segment in snapshot.segments if (row := segment.db.execute(query, (trace_id,)).fetchone())]
    starts = [row[2] for row in rows if row[2] is not None]
    root = min((row for row in rows if row[6] is not None), key=lambda row: row[6], default=rows[0])
    names = snapshot.names
    definition = definitions.of_trace((row[7] for row in rows), root[4])
    ends = _open_ends(snapshot, trace_id)
    return TraceSummary(
        trace_id=trace_id.hex(),
        run_id=names.source(root[4]).run_id,
        type=str(definition.get("type", "call")),
        name=definitions.name_of(definition) or _function_name(snapshot, root[5]),
        start_ns=min(starts, default=0),
        end_ns=max([row[3] for row in rows if row[3] is not None] + starts + ends, default=0),
        spans=sum(row[0] for row in rows) + len(ends),
        errors=sum(row[1] for row in rows),
        attributes=definition,
    )


def _function_name(snapshot: Snapshot, function: int | None) -> str:
    return "" if function is None else snapshot.names.functions[function].name


def _open_ends(snapshot: Snapshot, trace_id: bytes) -> list[int]:
    """Until when each of a trace's open spans lasted at least, ns since the epoch."""
    opened = snapshot.open_spans()
    row = snapshot.segments[-1].db.execute("SELECT id FROM trace WHERE trace_id=?", (trace_id,)).fetchone() if opened.payloads else None
    if row is None:
        return []
    own: Array = opened.columns["trace"] == row[0]
    return (opened.columns["start"][own] + opened.columns["dur"][own]).tolist()


def open_until(snapshot: Snapshot) -> dict[bytes, int]:
    """Until when the traces that have open spans lasted at least."""
    ids: list[int] = np.unique(snapshot.open_spans().columns["trace"]).tolist()
    rows = [snapshot.segments[-1].db.execute("SELECT trace_id FROM trace WHERE id=?", (one,)).fetchone() for one in ids]
    return {row[0]: max(_open_ends(snapshot, row[0])) for row in rows}


@dataclass(frozen=True, slots=True)
class Part:
    """Which spans of a trace are wanted: down to a depth, and those that started at `start_ns` or later."""

    max_depth: int | None = None
    start_ns: int | None = None

    def columns(self) -> list[str]:
        """What tells whether a span is in it."""
        return ["trace", *(["depth"] if self.max_depth is not None else []), *(["start"] if self.start_ns is not None else [])]


@dataclass(frozen=True, slots=True)
class Wanted:
    """How many spans, from which cursor on, with their values or without; `whole`: none at all where there are more."""

    limit: int
    cursor: str | None
    values: bool
    whole: bool


def spans_of_trace(snapshot: Snapshot, trace_id: bytes, part: Part, wanted: Wanted) -> Page[Span]:
    """The spans of a trace by (start, depth, process, seq)."""
    limit = wanted.limit
    place: Any = cursor.decode(wanted.cursor, "trace", int, int, int, int)
    found = _columns(snapshot, trace_id, part)
    if wanted.whole and len(found["seq"]) > limit:
        return Page((), None, len(found["seq"]))
    keys = (found["seq"], found["src"], found["depth"], found["start"])
    order = np.lexsort(keys)
    total = len(order)
    if place is not None:
        order = order[_first_after(found, order, place) :]
    chosen = order[:limit]
    places = [Place(*row) for row in zip(*(found[name][chosen].tolist() for name in ("segment", "frame", "offset")), strict=True)]
    spans = SpanMaker(snapshot, wanted.values).make(places)
    last = [int(found[name][chosen[-1]]) for name in ("start", "depth", "src", "seq")] if len(order) > limit else None
    return Page(spans, cursor.encode("trace", *last) if last else None, total)


def _first_after(found: dict[str, Array], order: Array, place: tuple[int, int, int, int]) -> int:
    """The index in `order` of the first row behind the cursor's."""
    names = ("start", "depth", "src", "seq")
    low, high = 0, len(order)
    while low < high:
        middle = (low + high) // 2
        if tuple(int(found[name][order[middle]]) for name in names) <= place:
            low = middle + 1
        else:
            high = middle
    return low


def _columns(snapshot: Snapshot, trace_id: bytes, part: Part) -> dict[str, Array]:
    """start, depth, src, seq, and the place of every span of a part of a trace."""
    names = ("start", "depth", "src", "seq")
    parts: dict[str, list[Array]] = {name: [np.zeros(0, np.int64)] for name in (*names, "segment", "frame", "offset")}
    for index, frame, trace in frames_of(snapshot, trace_id):
        offsets = np.flatnonzero(_mask(columns_of(snapshot, index, frame, part.columns()), trace, part))
        if not len(offsets):  # most frames of a large trace hold nothing near its roots
            continue
        columns = columns_of(snapshot, index, frame, names)
        for name in names:
            parts[name].append(columns[name][offsets].astype(np.int64))
        for name, value in (("segment", index), ("frame", frame)):
            parts[name].append(np.full(len(offsets), value, np.int64))
        parts["offset"].append(offsets)
    return {name: np.concatenate(arrays) for name, arrays in parts.items()}


def _mask(columns: dict[str, Array], trace: int, part: Part) -> Array:
    mask: Array = columns["trace"] == trace
    if part.max_depth is not None:
        mask &= columns["depth"] <= part.max_depth
    if part.start_ns is not None:
        mask &= columns["start"] >= part.start_ns
    return mask


def columns_of(snapshot: Snapshot, index: int, frame: int, names: Iterable[str]) -> dict[str, Array]:
    """Columns of a frame, or of the open spans."""
    return snapshot.open_spans().columns if frame == OPEN_FRAME else snapshot.segments[index].read(frame, names)


def frames_of(snapshot: Snapshot, trace_id: bytes) -> Iterator[tuple[int, int, int]]:
    """(segment, frame, the trace's id there) of every frame that holds spans of the trace."""
    for index, segment in enumerate(snapshot.segments):
        row = segment.db.execute("SELECT id FROM trace WHERE trace_id=?", (trace_id,)).fetchone()
        if row is None:
            continue
        for frame in indexes.frames_of_traces(segment, [row[0]]).tolist():
            yield index, frame, row[0]
        if index == len(snapshot.segments) - 1:
            yield index, OPEN_FRAME, row[0]
