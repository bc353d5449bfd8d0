"""The table of checks of a sealed chunk (docs/spool-format.md): which of its records are as they were written where not all are."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mcp_tracer.model import spool


def sound_records(body: bytes, count: int, payload_bytes: int, check: int) -> tuple[NDArray[np.bool_], NDArray[np.int64]] | None:
    """(whether each record and its payload are sound, where its payload ends); None where that cannot be told.

    `body` is the whole chunk, `check` the checksum of the table itself, 0 for a writer that makes none.
    """
    at = len(body) - payload_bytes - spool.CHECKS.itemsize * spool.CHECK_GROUPS
    if not check or at < spool.CHUNK_HEADER_SIZE + count * spool.RECORD_SIZE:
        return None
    table: NDArray[Any] = np.frombuffer(body, spool.CHECKS, spool.CHECK_GROUPS, at)
    if zlib.crc32(table.tobytes()) != check:
        return None
    sound, ends = np.zeros(count, np.bool_), np.zeros(count, np.int64)
    size = max(1, -(-count // spool.CHECK_GROUPS))
    for group, first in enumerate(range(0, count, size)):
        if _is_sound(body, table, group, first, min(first + size, count)):
            part = slice(first, min(first + size, count))
            lengths = np.frombuffer(body, spool.RECORD, count, spool.CHUNK_HEADER_SIZE)["length"][part].astype(np.int64)
            sound[part] = True
            ends[part] = len(body) - _payload_before(table, group) - np.cumsum(lengths) + lengths
    return sound, ends


def _is_sound(body: bytes, table: NDArray[Any], group: int, first: int, stop: int) -> bool:
    """Each checksum goes on from the one before it, in the order of the file: records upward, then payload from the last group's on."""
    records = memoryview(body)[spool.CHUNK_HEADER_SIZE + first * spool.RECORD_SIZE : spool.CHUNK_HEADER_SIZE + stop * spool.RECORD_SIZE]
    if zlib.crc32(records, int(table["records"][group - 1]) if group else 0) != int(table["records"][group]):
        return False
    payload = memoryview(body)[len(body) - int(table["payload_bytes"][group]) : len(body) - _payload_before(table, group)]
    before = table["payload"][group + 1] if group + 1 < spool.CHECK_GROUPS else table["records"][group]
    return zlib.crc32(payload, int(before)) == int(table["payload"][group])


def _payload_before(table: NDArray[Any], group: int) -> int:
    return int(table["payload_bytes"][group - 1]) if group else 0
