"""Which traces there are: newest first, by id, by the words `last` and `last-failed`."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from typing import Any, Final

from mcp_tracer.model import cursor, words
from mcp_tracer.model.errors import NotFound, UserError
from mcp_tracer.model.query import Page
from mcp_tracer.model.span import TraceSummary
from mcp_tracer.storage.sqlite import expired
from mcp_tracer.storage.sqlite.snapshot import Segment, Snapshot
from mcp_tracer.storage.sqlite.traces import summary_of

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
