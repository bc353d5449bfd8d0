"""The write side: batches into recordings."""

from __future__ import annotations

from collections.abc import Sequence

from mcp_tracer.model import spool
from mcp_tracer.model.batch import SpoolBatch, SpoolPosition
from mcp_tracer.model.errors import UserError
from tests.contracts.recording import Recording
from tests.contracts.reference import Reference


class InMemorySpanWriter:
    """Takes batches. A segment is what arrived together: so many spans."""

    def __init__(self, segment_spans: int) -> None:
        self._segment_spans = segment_spans
        self._positions: dict[str, SpoolPosition] = {}
        self._recordings: dict[str, Recording] = {}
        self._reference: Reference | None = None
        self.arrived: list[str] = []
        self.deleted: list[tuple[str, str]] = []

    @property
    def reference(self) -> Reference:
        """The pure functions over what there is."""
        if self._reference is None:
            self._reference = Reference(self._recordings.values())
        return self._reference

    async def position(self, spool_name: str) -> SpoolPosition:
        """How far a spool file has been taken."""
        return self._positions.get(spool_name, SpoolPosition())

    async def append(self, batches: Sequence[SpoolBatch]) -> None:
        """Take batches that were not taken before."""
        for batch in batches:
            name, at = batch.source.name, self._positions.get(batch.source.name, SpoolPosition())
            if _order(batch.end) <= _order(at):
                continue
            if _order(batch.start) != _order(at):
                raise UserError(f"{name}: the batch starts at {batch.start}, the store is at {at}: read from there.")
            self._reference = None
            self._take(batch)
            self._positions[name] = batch.end

    async def finish(self, spool_name: str, killed: bool) -> None:
        """The writer is gone; what it had open has arrived now."""
        recording = self._recordings.get(spool_name)
        if recording is not None and recording.gone is None:
            recording.gone, self._reference = killed, None
            self.arrived += [row.span_id for row in recording.rows() if not row.finished]

    async def retain(self, older_than_ns: int | None, max_bytes: int | None) -> int:
        """Delete the segments that ended before, all of them where nothing may stay; what takes spans stays unless it ended, too."""
        ends = {row.span_id: (row.end_ns, row.run_id) for row in self.reference.rows}
        gone = [one for part in self._segments() if self._must_go(part, ends, older_than_ns, max_bytes) for one in part]
        self.deleted += [(one, ends[one][1]) for one in gone]
        self.arrived = [one for one in self.arrived if one not in set(gone)]
        self._reference = None
        for recording in self._recordings.values():
            recording.spans = {seq: row for seq, row in recording.spans.items() if row.span_id not in set(gone)}
        if gone:
            known = {row.run_id for row in self.reference.rows}
            self._recordings = {name: one for name, one in self._recordings.items() if one.gone is None or one.run_id in known}
            self._reference = None
        return len(gone)

    def _must_go(self, part: list[str], ends: dict[str, tuple[int, str]], older_than_ns: int | None, max_bytes: int | None) -> bool:
        outdated = older_than_ns is not None and max(ends[one][0] for one in part) < older_than_ns
        return outdated or (max_bytes is not None and self.bytes_of(self.arrived) > max_bytes and len(part) == self._segment_spans)

    def _segments(self) -> list[list[str]]:
        size = self._segment_spans
        return [self.arrived[at : at + size] for at in range(0, len(self.arrived), size)]

    @staticmethod
    def bytes_of(spans: Sequence[str]) -> int:
        """What they take, had each its record's size."""
        return spool.RECORD_SIZE * len(spans)

    def _take(self, batch: SpoolBatch) -> None:
        source = batch.source
        origins = (source.origin_wall_ns, source.origin_tick)
        new = Recording(len(self._recordings) + 1, source.run_id, source.pid, source.span_salt, origins)
        recording = self._recordings.setdefault(source.name, new)
        for class_, number, content in batch.definitions:
            recording.define(class_, number, content)
        names = spool.RECORD.names or ()
        for record, payload in zip(batch.records.tolist(), batch.payloads, strict=True):
            fields = dict(zip(names, record, strict=True))
            recording.take(fields, payload)
            if fields["kind"] == spool.KIND_SPAN:
                self.arrived.append(recording.span_id(fields["seq"]))
        if batch.run_end is not None and batch.run_end_ns is not None:
            recording.end = batch.run_end, batch.run_end_ns


def _order(position: SpoolPosition) -> tuple[int, int]:
    return max(position.slot_offset, spool.HEADER_SIZE), position.records
