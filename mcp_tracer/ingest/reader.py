"""Reading a spool file from a position: header, records, payloads and definitions, in batches of bounded size."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from mcp_tracer.ingest.chunks import Chunk, ChunkFile, Gap, read_at
from mcp_tracer.ingest.open_table import Defined, open_spans
from mcp_tracer.model import spool
from mcp_tracer.model.batch import SpoolBatch, SpoolPosition, SpoolSource

MAX_RECORDS: Final = 32_768
MAX_PAYLOAD_BYTES: Final = 32 << 20

_STORED_KINDS: Final = np.isin(np.arange(256), [spool.KIND_SPAN, spool.KIND_OPEN, spool.KIND_EVENT, spool.KIND_AGGREGATE])
_KNOWN_KINDS: Final = np.arange(256) <= spool.KIND_RUN_END


class DamagedSpool(Exception):
    """The file is no spool file that this version can read: foreign, or its header is torn. `str()` says why."""


class NewerSpool(DamagedSpool):
    """A newer version of this server can read the file. `str()` says which version of the format it has."""


@dataclass(slots=True)
class _Taken:
    """What has been collected for one batch."""

    records: list[NDArray[np.void]] = field(default_factory=list[NDArray[np.void]])
    payloads: list[bytes] = field(default_factory=list[bytes])
    definitions: list[tuple[int, int, dict[str, Any]]] = field(default_factory=list[tuple[int, int, dict[str, Any]]])
    run_end: dict[str, Any] | None = None
    run_end_tick: int = 0
    count: int = 0
    payload_bytes: int = 0
    damaged: int = 0


class SpoolReader:
    """One spool file. Raises DamagedSpool when its header isn't a spool header, OSError when it cannot be read."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        try:
            self.source = _read_header(path.name, read_at(self._descriptor, spool.HEADER_SIZE, 0))
        except BaseException:
            self.close()
            raise
        self._chunks = ChunkFile(self._descriptor)
        self._defined = Defined()

    def __enter__(self) -> SpoolReader:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Give the descriptor back; the reader cannot be used afterwards."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def read(self, position: SpoolPosition, *, final: bool = False, max_records: int = MAX_RECORDS) -> SpoolBatch | None:
        """The records after `position`, at most `max_records`; None where there is nothing new.

        `final`: the writer is gone, so a torn tail is given up instead of waited for.
        """
        taken = _Taken()
        start = at = SpoolPosition(max(position.slot_offset, spool.HEADER_SIZE), position.records)
        while taken.count < max_records and taken.payload_bytes < MAX_PAYLOAD_BYTES:
            step = self._step(at, taken, final, max_records)
            if step is None:
                self._defined.learn(start, at, taken.definitions, taken.damaged)
                at = self._end(at, taken) if final else at
                break
            at = step
        else:
            self._defined.learn(start, at, taken.definitions, taken.damaged)
        return None if at == start else self._batch(position, at, taken)

    def reached(self, position: SpoolPosition) -> SpoolPosition:
        """The place behind everything that can be read now, from `position` on."""
        offset, records = max(position.slot_offset, spool.HEADER_SIZE), position.records
        while (found := self._chunks.at(offset, False)) is not None:
            if isinstance(found, Chunk) and not found.complete:
                whole = found if found.whole.all() else _until_torn(found)
                return SpoolPosition(offset, len(whole.records))
            offset, records = found.next_offset, 0
        return SpoolPosition(offset, records)

    def run_definition(self) -> dict[str, Any]:
        """The run's own description, the first record of every file; empty while it isn't there."""
        batch = self.read(SpoolPosition(), max_records=1)
        found = [content for kind, _, content in batch.definitions if kind == spool.DEF_RUN] if batch else []
        return found[0] if found else {}

    def _step(self, at: SpoolPosition, taken: _Taken, final: bool, max_records: int) -> SpoolPosition | None:
        """Take what the slot at `at` offers; None where there is nothing more."""
        found = self._chunks.at(at.slot_offset, final)
        if found is None:
            return None
        if isinstance(found, Gap):
            taken.damaged += found.slots
            return SpoolPosition(found.next_offset, 0)
        if not found.complete and not bool(found.whole.all()):
            found = _until_torn(found)
        until = min(len(found.records), at.records + max_records - taken.count)
        if until > at.records:
            _take(found, at.records, until, taken)
        if found.complete and until >= len(found.records):
            taken.damaged += found.torn and bool(found.whole.all())  # else that was counted with what isn't whole
            return SpoolPosition(found.next_offset, 0)
        return SpoolPosition(at.slot_offset, until) if until > at.records else None

    def _end(self, at: SpoolPosition, taken: _Taken) -> SpoolPosition:
        """Take what stands behind everything else: what the file's table of open spans still holds, and whether its end is missing.

        The place behind that is one slot past the file's end.
        """
        end = self._chunks.end
        if at.slot_offset > end:
            return at
        records, payloads = open_spans(self._descriptor, self._chunks.last_records(end), self.source.origin_tick)
        known = self._defined.are_known(records, at)
        payloads = [payload for payload, is_known in zip(payloads, known.tolist(), strict=True) if is_known]
        records = records[known]
        cut = self._chunks.is_cut()
        if not len(records) and not cut:
            return at
        taken.damaged += cut
        taken.records.append(records)
        taken.payloads += payloads
        return SpoolPosition(end + spool.SLOT_SIZE, 0)

    def _batch(self, start: SpoolPosition, end: SpoolPosition, taken: _Taken) -> SpoolBatch:
        records: NDArray[np.void] = np.concatenate(taken.records) if taken.records else np.zeros(0, spool.RECORD)
        batch = SpoolBatch(self.source, start, end, records, taken.payloads, taken.definitions)
        batch.damaged = taken.damaged
        if taken.run_end is not None:
            batch.run_end = taken.run_end
            batch.run_end_ns = wall_ns(self.source, taken.run_end_tick)
            batch.finished = True
        return batch


def wall_ns(source: SpoolSource, tick: int) -> int:
    """A tick of the writer's clock as wall-clock nanoseconds since the epoch."""
    return source.origin_wall_ns + round((tick - source.origin_tick) * source.ns_per_tick)


def _until_torn(chunk: Chunk) -> Chunk:
    """The chunk up to its first record that isn't wholly in the file: the rest is still being written."""
    until = int(np.argmin(chunk.whole))
    return Chunk(chunk.offset, chunk.next_offset, False, chunk.records[:until], chunk.body, chunk.ends[:until], chunk.whole[:until])


def _take(chunk: Chunk, start: int, until: int, taken: _Taken) -> None:
    records, ends, whole = chunk.records[start:until], chunk.ends[start:until], chunk.whole[start:until]
    taken.count += until - start
    good = whole & _KNOWN_KINDS[records["kind"]] & (records["kind"] > 0)
    stored = good & _STORED_KINDS[records["kind"]]
    if not good.all():
        taken.damaged += 1
    for index in np.flatnonzero(good & ~stored).tolist():
        _take_special(records[index], _payload(chunk.body, int(ends[index]), int(records["length"][index])), taken)
    kept = records if bool(stored.all()) else records[stored]
    stops: list[int] = (ends if bool(stored.all()) else ends[stored]).tolist()
    lengths: list[int] = kept["length"].tolist()
    taken.records.append(kept)
    taken.payloads += [chunk.body[stop - length : stop] for stop, length in zip(stops, lengths, strict=True)]
    taken.payload_bytes += sum(lengths)


def _take_special(record: Any, payload: bytes, taken: _Taken) -> None:
    """Decode a definition or the run's end; a damaged one is counted and left out."""
    try:
        content = msgspec.msgpack.decode(payload, type=dict[str, Any], strict=False) if payload else {}
    except (msgspec.DecodeError, UnicodeDecodeError):
        taken.damaged += 1
        return
    if int(record["kind"]) == spool.KIND_DEFINITION:
        taken.definitions.append((int(record["err"]), int(record["fn"]), content))
    else:
        taken.run_end, taken.run_end_tick = content, int(record["tick"])


def _payload(body: bytes, end: int, length: int) -> bytes:
    return body[end - length : end]


def _read_header(name: str, raw: bytes) -> SpoolSource:
    if not raw.startswith(spool.MAGIC):
        raise DamagedSpool(f"{name} is not a spool file: it starts with {raw[:8]!r}.")
    version = int.from_bytes(raw[len(spool.MAGIC) : len(spool.MAGIC) + 2], "little")
    if version > spool.VERSION:
        raise NewerSpool(f"spool version {version}, this mcp-tracer reads {spool.VERSION}")
    if len(raw) < spool.HEADER_SIZE:
        raise DamagedSpool(f"{name} ends inside its header, after {len(raw)} bytes.")
    header: Any = np.frombuffer(raw, spool.HEADER, 1)[0]
    if version != spool.VERSION or int(header["slot_size"]) != spool.SLOT_SIZE:
        raise DamagedSpool(
            f"{name} has spool version {version} with slots of {int(header['slot_size'])} bytes: no program writes such files."
        )
    scale = float(header["ns_per_tick"])
    if not 0 < scale < 1e9:
        raise DamagedSpool(f"{name} has a clock of {scale} ns a tick.")
    return SpoolSource(
        name=name,
        run_id=bytes(header["run_id"]).hex(),
        language=spool.LANGUAGES.get(int(header["language"]), "unknown"),
        pid=int(header["pid"]),
        parent_pid=int(header["parent_pid"]),
        process_start=int(header["process_start"]),
        origin_wall_ns=int(header["origin_wall_ns"]),
        origin_tick=int(header["origin_tick"]),
        ns_per_tick=scale,
        span_salt=int(header["span_salt"]),
    )
