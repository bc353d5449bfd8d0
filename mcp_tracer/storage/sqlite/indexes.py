"""From traces, processes, errors, functions and texts to the frames that may hold them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from mcp_tracer.storage.sqlite import grams
from mcp_tracer.storage.sqlite.columns import Array, unpack
from mcp_tracer.storage.sqlite.snapshot import Segment

_PART: Final = 500
_BOUND_STEPS: Final = 64


def frames_of_traces(segment: Segment, traces: Sequence[int]) -> Array:
    """Frames with spans of these traces (ids of the segment)."""
    return _frames(segment, "trace_frame", "trace", traces)


def frames_of_sources(segment: Segment, sources: Sequence[int]) -> Array:
    """Frames with spans of these processes."""
    return _frames(segment, "source_frame", "src", sources)


def frames_of_errors(segment: Segment, errors: Sequence[int]) -> Array:
    """Frames with spans that failed so."""
    return _frames(segment, "err_frame", "err", errors)


def _frames(segment: Segment, table: str, column: str, ids: Sequence[int]) -> Array:
    found: set[int] = set()
    for first in range(0, len(ids), _PART):
        part = ids[first : first + _PART]
        query = f"SELECT DISTINCT frame FROM {table} WHERE {column} IN ({','.join('?' * len(part))})"
        found.update(row[0] for row in segment.db.execute(query, part))
    return np.array(sorted(found), np.int64)


def frames_of_functions(segment: Segment, mask: Array) -> Array | None:
    """Frames with calls of the functions in the mask; None where the segment has no such index yet, or it would not help."""
    ids: list[int] = np.flatnonzero(mask).tolist()
    if not segment.sealed or len(ids) > _PART:
        return None
    return np.unique(_calls(segment, ids)[0])


def slowest_calls(segment: Segment, mask: Array) -> dict[int, int] | None:
    """Frame -> a bound in ns for the longest call of these functions in it; None as in `frames_of_functions`."""
    ids: list[int] = np.flatnonzero(mask).tolist()
    if not segment.sealed or len(ids) > _PART:
        return None
    frames, bounds = _calls(segment, ids)
    order = np.argsort(bounds, kind="stable")  # of several functions in a frame the largest comes last and stays
    return dict(zip(frames[order].tolist(), bounds[order].tolist(), strict=True))


def _calls(segment: Segment, ids: list[int]) -> tuple[Array, Array]:
    """Frames that call the functions, once for each function, with bounds for the longest call."""
    query = f"SELECT frames, slowest FROM fn_frame WHERE fn IN ({','.join('?' * len(ids))})"
    frames, bounds = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for steps, exponents in segment.db.execute(query, ids):
        frames.append(np.cumsum(unpack(steps, np.dtype("<u4")), dtype=np.int64))
        bounds.append(_bound_ns(unpack(exponents, np.dtype("<u2"))))
    return np.concatenate(frames), np.concatenate(bounds)


def bound(durations: Array) -> Array:
    """Two bytes that stand for a duration that is at least as long."""
    return np.ceil(np.log2(np.maximum(durations, 1)) * _BOUND_STEPS + 0.01).astype("<u2")


def _bound_ns(exponents: Array) -> Array:
    return np.minimum(np.exp2(exponents / _BOUND_STEPS), 2.0**62).astype(np.int64) + 1


def frames_with_text(segment: Segment, blocks: Array | None, named: Array) -> Array | None:
    """Frames with one of the payload blocks or that call a function in `named`; None where the index cannot say."""
    by_name = frames_of_functions(segment, named) if named.any() else np.zeros(0, np.int64)
    if blocks is None or by_name is None:
        return None
    ids = segment.directory()["id"]
    return np.union1d(ids[np.searchsorted(ids, blocks, side="right") - 1], by_name)


def blocks_with_text(segment: Segment, needles: Sequence[bytes]) -> Array | None:
    """Ids of all payload blocks that may hold one of `needles`, ascending; None where the index cannot say."""
    found: Array | None = None
    for needle in needles:
        blocks = _blocks(segment, needle)
        if blocks is None:
            return None
        found = blocks if found is None else np.union1d(found, blocks)
    return found


def _blocks(segment: Segment, needle: bytes) -> Array | None:
    """Ids of all payload blocks that hold every piece of the needle."""
    if len(needle) < grams.PIECE:
        return None
    hashes: list[int] = np.unique(grams.pieces(needle)).tolist()[:64]
    return _sealed_blocks(segment, hashes) if segment.sealed else _growing_blocks(segment, hashes)


def _sealed_blocks(segment: Segment, hashes: list[int]) -> Array:
    table = "gram16"
    if not segment.has_table(table):  # sealed by an earlier version
        table, hashes = "gram", sorted({one >> 1 for one in hashes})
    rows = segment.db.execute(f"SELECT bits FROM {table} WHERE h IN ({','.join('?' * len(hashes))})", hashes).fetchall()
    ids = _block_ids(segment)
    if len(rows) < len(hashes):  # a gram without a row is in no block
        return ids[:0]
    bits = np.frombuffer(rows[0][0], np.uint8)
    for row in rows[1:]:
        bits = bits & np.frombuffer(row[0], np.uint8)
    return ids[np.flatnonzero(np.unpackbits(bits)[: len(ids)])]


def _growing_blocks(segment: Segment, hashes: list[int]) -> Array | None:
    bitmaps = segment.bitmaps()
    return None if bitmaps is None else bitmaps.holding(hashes)


def _block_ids(segment: Segment) -> Array:
    if segment.block_ids is None:
        segment.block_ids = np.array([row[0] for row in segment.db.execute("SELECT id FROM payload ORDER BY id")], np.int64)
    return segment.block_ids
