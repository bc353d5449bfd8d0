"""Searching events by what their values hold: a scan of event frames, within a scope and a time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from mcp_tracer.model.query import Scan, SpanQuery
from mcp_tracer.model.span import Event
from mcp_tracer.storage.sqlite import events, indexes, matching
from mcp_tracer.storage.sqlite.columns import Array
from mcp_tracer.storage.sqlite.events import Events
from mcp_tracer.storage.sqlite.sections import event_leaves
from mcp_tracer.storage.sqlite.snapshot import Segment, Snapshot
from mcp_tracer.storage.sqlite.spans import span_id

Seqs = dict[int, Array]
"""Process -> seqs of spans."""


class EventSearch:
    """One search in one snapshot. `sources` and `trace` are resolved by the caller; None doesn't restrict."""

    def __init__(self, snapshot: Snapshot, query: SpanQuery, sources: list[int] | None, trace: bytes | None) -> None:
        self._snapshot, self._query = snapshot, query
        self._seqs = None if trace is None else seqs_of_trace(snapshot, trace)
        self._sources = sources if self._seqs is None else [one for one in self._seqs if sources is None or one in sources]
        self._text = matching.fold(query.text) if query.text else None
        self._needles = matching.needles(query.text) if query.text else (b"",)
        self._sites = self._fitting_sites()

    def found(self, seconds: float) -> Scan[Event]:
        """The events by time."""
        deadline = time.monotonic() + seconds
        made: list[Event] = []
        for source, n, blob in self._frames():
            if len(made) >= self._query.limit or time.monotonic() > deadline:
                return Scan(self._in_order(made), False)
            made += self._in_frame(source, events.unpacked(n, blob))
        return Scan(self._in_order(made), len(made) <= self._query.limit)

    def _in_order(self, made: list[Event]) -> tuple[Event, ...]:
        made.sort(key=lambda one: (one.at_ns, one.span_id, one.number), reverse=self._query.descending)
        return tuple(made[: self._query.limit])

    def _frames(self) -> Iterator[tuple[int, int, bytes]]:
        order = "DESC" if self._query.descending else "ASC"
        segments = list(self._snapshot.segments)
        for segment in reversed(segments) if self._query.descending else segments:
            rows = segment.db.execute(f"SELECT id, src, min_seq, max_seq FROM event_frame ORDER BY id {order}").fetchall()
            for id_, source, least, most in rows:
                if self._may_hold(source, least, most):
                    yield source, *_frame(segment, id_)

    def _may_hold(self, source: int, least: int, most: int) -> bool:
        if self._sources is not None and source not in self._sources:
            return False
        seqs = None if self._seqs is None else self._seqs[source]
        return seqs is None or bool(((seqs >= least) & (seqs <= most)).any())

    def _in_frame(self, source: int, found: Events) -> Iterator[Event]:
        rows = found.rows
        mask: Array = np.array(self._sites[rows["fn"]])
        if self._seqs is not None:
            mask &= np.isin(rows["seq"], self._seqs[source])
        if self._query.start_ns is not None:
            mask &= rows["at"] >= self._query.start_ns
        if self._query.end_ns is not None:
            mask &= rows["at"] < self._query.end_ns
        chosen: list[int] = np.flatnonzero(mask).tolist()
        for index in chosen:
            if self._holds(found.payloads[index]):
                yield self._event(source, rows[index], found.payloads[index])

    def _holds(self, payload: bytes) -> bool:
        if self._text is None:
            return True
        folded = payload.lower()
        return any(needle in folded for needle in self._needles) and matching.says(self._text, *event_leaves(payload))

    def _event(self, source: int, row: Any, payload: bytes) -> Event:
        owner = self._snapshot.names.source(source)
        return events.made(self._snapshot.names, span_id(owner, int(row["seq"])), row, payload)

    def _fitting_sites(self) -> Array:
        """True at the ids of sites within the query's file and function."""
        query, names = self._query, self._snapshot.names
        fits = [
            one.id
            for one in names.functions
            if (query.file is None or matching.file_matches(query.file, one.file))
            and (query.function is None or matching.function_matches(query.function, one.owner))
        ]
        return names.mask(fits)


def _frame(segment: Segment, id_: int) -> tuple[int, bytes]:
    return segment.db.execute("SELECT n, z FROM event_frame WHERE id=?", (id_,)).fetchone()


def seqs_of_trace(snapshot: Snapshot, trace_id: bytes) -> Seqs:
    """The spans of a trace, open ones included."""
    found: dict[int, list[Array]] = {}
    for segment in snapshot.segments:
        row = segment.db.execute("SELECT id FROM trace WHERE trace_id=?", (trace_id,)).fetchone()
        if row is None:
            continue
        for frame in indexes.frames_of_traces(segment, [row[0]]).tolist():
            _add(found, segment.read(frame, ("src", "seq", "trace")), row[0])
        if segment is snapshot.segments[-1]:
            _add(found, snapshot.open_spans().columns, row[0])
    return {source: np.concatenate(parts) for source, parts in found.items()}


def _add(found: dict[int, list[Array]], columns: dict[str, Array], trace: int) -> None:
    inside = columns["trace"] == trace
    for source in np.unique(columns["src"][inside]).tolist():
        found.setdefault(source, []).append(columns["seq"][inside & (columns["src"] == source)])
