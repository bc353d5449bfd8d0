"""Which 4-byte pieces of captured values are in which payload block, so that a search reads only the blocks that may hold its text.

While a segment takes spans it has one bitmap a block (`block_gram16`, which readers keep in memory as it grows); when it is sealed the
bitmaps are turned round, to one row a hashed piece (`gram16`).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from threading import Lock
from typing import Any, Final

import numpy as np

from mcp_tracer.storage.sqlite.columns import Array, Block, compress, decompress

BITS: Final = 16
PIECE: Final = 4
_ROW: Final = (1 << BITS) // 8
_AT_ONCE: Final = _ROW // 4
_TOGETHER: Final = 256


def pieces(data: bytes) -> Array:
    """Hashes of all 4-byte pieces of `data` (BITS bits), as indexes: numpy would make such of others first."""
    if len(data) < PIECE:
        return np.zeros(0, np.intp)
    overlapping: Any = np.ndarray((len(data) - PIECE + 1,), "<u4", data, 0, (1,))
    return ((overlapping * np.uint32(2654435761)) >> np.uint32(32 - BITS)).astype(np.intp)


def bitmap(values: bytes) -> Array:
    """One bit for each hash of a piece of `values`, whatever the case of ASCII letters."""
    there = np.zeros(1 << BITS, np.bool_)
    there[pieces(values.lower())] = True
    return np.packbits(there)


def write(db: sqlite3.Connection, block: int, n: int, values: bytes) -> None:
    """Keep the bitmap of a payload block of a segment that takes spans."""
    db.execute("INSERT INTO block_gram16 VALUES(?,?,?)", (block, n, compress(bitmap(values).tobytes())))


def turn_round(db: sqlite3.Connection) -> None:
    """Fill the table `gram` of the segment that is being sealed, from the old one's bitmaps where blocks stayed as they were."""
    (n,) = db.execute("SELECT count(*) FROM main.payload").fetchone()
    for first in range(0, _ROW, _AT_ONCE):  # so large is the matrix of blocks and bits that is in memory
        blocks = np.zeros((n, _AT_ONCE), np.uint8)
        for row, bits in enumerate(_of_blocks(db)):
            blocks[row] = bits[first : first + _AT_ONCE]
        _turn_part(db, blocks, first)


def _of_blocks(db: sqlite3.Connection) -> Iterator[Array]:
    kept = "SELECT p.id, b.bits FROM main.payload p LEFT JOIN old.block_gram16 b ON b.id = p.id AND b.n = p.n ORDER BY p.id"
    for block, bits in db.execute(kept):
        yield _computed(db, block) if bits is None else _unpacked(bits)


def _turn_part(db: sqlite3.Connection, blocks: Array, begin: int) -> None:
    for first in range(0, _AT_ONCE, _TOGETHER):  # a few columns of the matrix at a time
        part: Any = np.unpackbits(blocks[:, first : first + _TOGETHER], axis=1)
        rows: Any = np.packbits(part.T, axis=1)
        found: list[int] = np.flatnonzero(rows.any(axis=1)).tolist()
        db.executemany("INSERT INTO gram16 VALUES(?,?)", [((begin + first) * 8 + at, rows[at].tobytes()) for at in found])


def _computed(db: sqlite3.Connection, id_: int) -> Array:
    block = Block(*db.execute("SELECT n, codec, z FROM main.payload WHERE id=?", (id_,)).fetchone())
    return bitmap(block.raw[block.head :])


def _unpacked(bits: bytes) -> Array:
    return np.frombuffer(decompress(bits), np.uint8)


@dataclass(frozen=True, slots=True)
class Bitmaps:
    """The bitmaps of a segment's blocks, by block id; `ns` are the blocks' numbers of spans."""

    ids: Array
    ns: Array
    rows: Array

    def holding(self, hashes: list[int]) -> Array:
        """Ids of the blocks in which all these pieces are."""
        there = np.ones(len(self.ids), np.bool_)
        for one in hashes:
            there &= (self.rows[:, one >> 3] & (128 >> (one & 7))) > 0
        return self.ids[there]

    def cover(self, spans: int) -> bool:
        """Whether they are of all `spans` first spans: not so where an earlier version wrote some of the blocks."""
        ends: Array = self.ids + self.ns
        return bool(np.array_equal(np.append(0, ends), np.append(self.ids, spans)))


_NONE: Final = Bitmaps(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros((0, _ROW), np.uint8))


class GrowingBitmaps:
    """What was read of the segment that takes spans. A block with the same id and number of spans is the same. Any thread may ask."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._segment, self._known = 0, _NONE

    def read(self, db: sqlite3.Connection, segment: int) -> Bitmaps:
        """All bitmaps in the connection's snapshot of a segment, which `segment` tells from others."""
        rows = db.execute("SELECT id, n FROM block_gram16 ORDER BY id").fetchall()
        there: Array = np.array(rows, np.int64) if rows else np.zeros((0, 2), np.int64)
        with self._lock:
            known = self._known if self._segment == segment else _NONE
        n = min(len(there), len(known.ids))
        same = (there[:n, 0] == known.ids[:n]) & (there[:n, 1] == known.ns[:n])
        if n == len(there) == len(known.ids) and same.all():
            return known
        first = n if same.all() else int(np.argmin(same))
        found = Bitmaps(there[:, 0], there[:, 1], np.concatenate([known.rows[:first], *_read(db, there[first:, 0])]))
        with self._lock:
            self._segment, self._known = segment, found
        return found


def _read(db: sqlite3.Connection, ids: Array) -> list[Array]:
    if not len(ids):
        return []
    rows = db.execute("SELECT bits FROM block_gram16 WHERE id>=? ORDER BY id", (int(ids[0]),)).fetchall()
    return [np.stack([_unpacked(row[0]) for row in rows])]
