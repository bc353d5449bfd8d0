"""What single spans captured, by place: blocks are decoded once while they are needed."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from mcp_tracer.storage.sqlite.columns import Block
from mcp_tracer.storage.sqlite.snapshot import Snapshot

ORDINAL_BITS: Final = 40
_BLOCKS: Final = 16


class Payloads:
    """`at(place)`. A place is a segment's index and an ordinal in one number; open spans: below 0."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._blocks: OrderedDict[tuple[int, int], Block] = OrderedDict()
        self._range = (0, 0, 0)

    def at(self, place: int) -> bytes:
        """The payload of one span."""
        if place < 0:
            return self._snapshot.open_spans().payloads[-place - 1]
        segment, ordinal = place >> ORDINAL_BITS, place & ((1 << ORDINAL_BITS) - 1)
        known, first, stop = self._range
        if known != segment or not first <= ordinal < stop:
            query = "SELECT id, n FROM payload WHERE id<=? ORDER BY id DESC LIMIT 1"
            first, n = self._snapshot.segments[segment].db.execute(query, (ordinal,)).fetchone()
            self._range = (segment, first, first + n)
        return self._block(segment, first)[ordinal - first]

    def _block(self, segment: int, first: int) -> Block:
        found = self._blocks.get((segment, first))
        if found is None:
            row = self._snapshot.segments[segment].db.execute("SELECT n, codec, z FROM payload WHERE id=?", (first,)).fetchone()
            found = self._blocks[segment, first] = Block(*row)
            if len(self._blocks) > _BLOCKS:
                self._blocks.popitem(last=False)
        else:
            self._blocks.move_to_end((segment, first))
        return found
