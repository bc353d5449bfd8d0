"""Chunks of a spool file (docs/spool-format.md): finding them, telling whole from torn, passing over damage."""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mcp_tracer.ingest.checks import sound_records
from mcp_tracer.model import spool

_HEADER: Final = struct.Struct("<IBBHIIII")
_MAGIC: Final = struct.pack("<I", spool.CHUNK_MAGIC)


@dataclass(frozen=True, slots=True)
class Chunk:
    """A readable chunk. `records[i]`'s payload is `body[ends[i] - length : ends[i]]`; where `whole[i]` is False it isn't in the file.

    `complete`: nothing will be added to it. `next_offset` is where the next chunk may start. `torn`: it counts more
    records than the file holds. `damaged`: it is sealed, and not as it was written; what isn't `whole` must not be used.
    """

    offset: int
    next_offset: int
    complete: bool
    records: NDArray[np.void]
    body: bytes
    ends: NDArray[np.int64]
    whole: NDArray[np.bool_]
    torn: bool = False
    damaged: bool = False


@dataclass(frozen=True, slots=True)
class Gap:
    """Damage that has to be passed over, `slots` of it; the next chunk (or the file's end) is at `next_offset`."""

    next_offset: int
    slots: int = 1


@dataclass(frozen=True, slots=True)
class _Head:
    state: int
    slots: int
    count: int
    payload_bytes: int
    crc: int
    check: int


class ChunkFile:
    """Random access to the chunks of one open file descriptor. Raises OSError where the file cannot be read."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def at(self, offset: int, final: bool) -> Chunk | Gap | None:
        """What stands at a slot; None where nothing can be read (yet).

        `final` says that the writer is gone: then what is torn is given up instead of waited for.
        """
        found = self._look(offset)
        if isinstance(found, Chunk) and not found.damaged:
            return self._settled(found, offset, final)
        if found is None and not final:
            return None
        following = self._next_magic(offset + spool.SLOT_SIZE)
        if following is not None:
            again = self._look(offset)
            return again if isinstance(again, Chunk) else Gap(following, (following - offset) // spool.SLOT_SIZE)
        return (found if isinstance(found, Chunk) else Gap(self._aligned_end())) if final and found is not None else None

    def _settled(self, chunk: Chunk, offset: int, final: bool) -> Chunk | Gap:
        """An open chunk that another chunk follows, or whose writer is gone, gets no more records."""
        if chunk.complete:
            return chunk
        if not final and self._next_magic(chunk.next_offset, only_here=True) is None:
            return chunk
        again = self._look(offset)  # it may have been sealed, or have grown, since it was read
        if not isinstance(again, Chunk):
            return Gap(chunk.next_offset)
        return replace(again, complete=True)

    def _look(self, offset: int) -> Chunk | Gap | None:
        """The chunk at `offset`; Gap where it is damaged or not wholly written; None where nothing was written."""
        raw = read_at(self._descriptor, spool.CHUNK_HEADER_SIZE, offset)
        if len(raw) < spool.CHUNK_HEADER_SIZE or raw[:4] == b"\0\0\0\0":
            return None if not raw.strip(b"\0") else Gap(offset + spool.SLOT_SIZE)
        magic, state, kind, slots, count, payload_bytes, crc, check = _HEADER.unpack_from(raw)
        head = _Head(state, slots, count, payload_bytes, crc, check)
        if magic == spool.CHUNK_MAGIC and kind == spool.CHUNK_OPEN_SPANS and slots > 0:
            return _nothing(offset, offset + slots * spool.SLOT_SIZE)
        if magic != spool.CHUNK_MAGIC or kind != spool.CHUNK_RECORDS or slots == 0 or state not in (spool.STATE_OPEN, spool.STATE_SEALED):
            return Gap(offset + spool.SLOT_SIZE)
        # The header was read before the body: every record that it counts was in the file before.
        body = read_at(self._descriptor, slots * spool.SLOT_SIZE, offset)
        return _parse(head, body, offset) or Gap(offset + spool.SLOT_SIZE)

    def last_records(self, offset: int) -> NDArray[np.void]:
        """The records of the last chunk that starts before `offset`; none where there is none."""
        last = self._last_chunk(offset)
        return np.zeros(0, spool.RECORD) if last is None else last.records[last.whole]

    def is_cut(self) -> bool:
        """Whether a gone writer's file lost its end between two chunks: all keep a slot behind a sealed chunk until the run has ended."""
        last = self._last_chunk(self.end)
        if last is None:
            return self._is_cut_in_table()
        if not last.complete or last.damaged or os.fstat(self._descriptor).st_size != last.next_offset:
            return False
        return not (_has_end(last) or any(isinstance(one, Chunk) and _has_end(one) for one in self._all()))

    def _is_cut_in_table(self) -> bool:
        """A file with a table of open spans has a slot for records behind it before it can be seen."""
        first = self._look(spool.HEADER_SIZE)
        if not isinstance(first, Chunk) or not first.complete or len(first.records):
            return False
        return os.fstat(self._descriptor).st_size <= first.next_offset

    def _last_chunk(self, before: int) -> Chunk | None:
        """The last chunk with records that starts before an offset."""
        for offset in range(before - spool.SLOT_SIZE, spool.HEADER_SIZE - 1, -spool.SLOT_SIZE):
            found = self._look(offset)
            if isinstance(found, Chunk) and len(found.records):
                return found
        return None

    def _all(self) -> Iterator[Chunk | Gap]:
        offset = spool.HEADER_SIZE
        while (found := self._look(offset)) is not None:
            yield found
            offset = found.next_offset

    @property
    def end(self) -> int:
        """The first slot boundary that the file does not reach."""
        return self._aligned_end()

    def _next_magic(self, offset: int, only_here: bool = False) -> int | None:
        size = os.fstat(self._descriptor).st_size
        while offset + 4 <= size:
            if read_at(self._descriptor, 4, offset) == _MAGIC:
                return offset
            if only_here:
                return None
            offset += spool.SLOT_SIZE
        return None

    def _aligned_end(self) -> int:
        size = os.fstat(self._descriptor).st_size - spool.HEADER_SIZE
        return spool.HEADER_SIZE + -(-size // spool.SLOT_SIZE) * spool.SLOT_SIZE


def _has_end(chunk: Chunk) -> bool:
    return bool((chunk.records["kind"][chunk.whole] == spool.KIND_RUN_END).any())


def _nothing(offset: int, next_offset: int) -> Chunk:
    """A chunk without records of its own: the table of open spans, which `open_spans` reads."""
    return Chunk(offset, next_offset, True, np.zeros(0, spool.RECORD), b"", np.zeros(0, np.int64), np.zeros(0, np.bool_))


def read_at(descriptor: int, length: int, offset: int) -> bytes:
    """At most `length` bytes from `offset`; fewer at the file's end."""
    if hasattr(os, "pread"):
        return os.pread(descriptor, length, offset)
    os.lseek(descriptor, offset, os.SEEK_SET)  # Windows has no pread; a reader isn't shared between threads
    return os.read(descriptor, length)


def _parse(head: _Head, body: bytes, offset: int) -> Chunk | None:
    """The chunk, or None where lengths or checksum don't fit."""
    size = head.slots * spool.SLOT_SIZE
    records_end = spool.CHUNK_HEADER_SIZE + head.count * spool.RECORD_SIZE
    if records_end > size:
        return None
    if head.state == spool.STATE_SEALED and not _checks(head, body, records_end, size):
        return _sound_part(head, body, offset) if len(body) == size else None
    there = min(head.count, max(0, (len(body) - spool.CHUNK_HEADER_SIZE) // spool.RECORD_SIZE))
    records: NDArray[Any] = np.frombuffer(body, spool.RECORD, there, spool.CHUNK_HEADER_SIZE)
    lengths = records["length"].astype(np.int64)
    starts = size - np.cumsum(lengths)
    if there and int(starts[-1]) < spool.CHUNK_HEADER_SIZE + there * spool.RECORD_SIZE:
        return None
    ends = starts + lengths
    whole = (lengths == 0) | (ends <= len(body))
    return Chunk(offset, offset + size, head.state == spool.STATE_SEALED, records, body, ends, whole, there < head.count)


def _sound_part(head: _Head, body: bytes, offset: int) -> Chunk | None:
    """A sealed chunk of which a part is damaged; None where nothing in it can be trusted."""
    found = sound_records(body, head.count, head.payload_bytes, head.check)
    if found is None or not found[0].any():
        return None
    records: NDArray[Any] = np.frombuffer(body, spool.RECORD, head.count, spool.CHUNK_HEADER_SIZE)
    return Chunk(offset, offset + len(body), True, records, body, found[1], found[0], damaged=True)


def _checks(head: _Head, body: bytes, records_end: int, size: int) -> bool:
    if len(body) != size or head.payload_bytes > size - records_end:
        return False
    view = memoryview(body)
    crc = zlib.crc32(view[spool.CHUNK_HEADER_SIZE : records_end])
    return zlib.crc32(view[size - head.payload_bytes :], crc) == head.crc
