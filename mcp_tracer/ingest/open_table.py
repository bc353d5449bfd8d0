"""The table of open spans (docs/spool-format.md): the calls that a process had not ended when it was gone."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mcp_tracer.ingest.chunks import read_at
from mcp_tracer.model import spool
from mcp_tracer.model.batch import SpoolPosition

_TYPE_AT: Final = 5
_PAYLOAD_BYTES: Final = spool.OPEN_SPAN["payload"].itemsize


class Defined:
    """Which ids of functions and traces a file defines, as far as it was read from its start on without a gap."""

    def __init__(self) -> None:
        self._upto = SpoolPosition(spool.HEADER_SIZE)
        self._ids: dict[str, set[int]] = {"fn": set(), "trace": set()}

    def learn(self, start: SpoolPosition, end: SpoolPosition, definitions: Iterable[tuple[int, int, Any]], damaged: int) -> None:
        """What a reading from `start` to `end` has found. Where something was damaged, what it defined is not known."""
        if _order(start) <= _order(self._upto) < _order(end) and not damaged:
            self._upto = end
        for kind, number, _ in definitions:
            if kind in (spool.DEF_FUNCTION, spool.DEF_SITE, spool.DEF_TRACE):
                self._ids["trace" if kind == spool.DEF_TRACE else "fn"].add(number)

    def are_known(self, records: NDArray[Any], upto: SpoolPosition) -> NDArray[np.bool_]:
        """Whether the ids of records are defined before `upto`; True where that cannot be told."""
        known = np.ones(len(records), np.bool_)
        for name, ids in self._ids.items() if upto == self._upto else ():
            known &= np.isin(records[name], list(ids))
        return known


def open_spans(descriptor: int, last: NDArray[np.void], origin_tick: int) -> tuple[NDArray[np.void], list[bytes]]:
    """Records (kind 2, oldest first) and payloads of the table in a gone writer's file; none where it has no table.

    `last` are the file's last records: the writer may have been stopped between ending a span and giving its entry back. The table has no
    checksum: what no writer writes is left out.
    """
    body = read_at(descriptor, spool.SLOT_SIZE, spool.HEADER_SIZE)
    if len(body) < spool.SLOT_SIZE or body[:4] != spool.CHUNK_MAGIC.to_bytes(4, "little") or body[_TYPE_AT] != spool.CHUNK_OPEN_SPANS:
        return np.zeros(0, spool.RECORD), []
    entries: NDArray[Any] = np.frombuffer(
        body, spool.OPEN_SPAN, (len(body) - spool.CHUNK_HEADER_SIZE) // spool.OPEN_SPAN.itemsize, spool.CHUNK_HEADER_SIZE
    )
    records: NDArray[Any] = entries["record"]
    ended = last["seq"][last["kind"] == spool.KIND_SPAN]
    held = (
        (records["seq"] != 0)
        & (records["kind"] == spool.KIND_OPEN)
        & (records["flags"] & spool.FLAG_OPEN != 0)
        & (records["length"] <= _PAYLOAD_BYTES)
        & (records["parent"] < records["seq"])
        & (records["tick"] >= origin_tick)
        & ~np.isin(records["seq"], ended)
    )
    found = entries[held][np.argsort(records["seq"][held])]
    taken: NDArray[Any] = np.ascontiguousarray(found["record"])
    lengths: list[int] = taken["length"].tolist()
    return taken, [bytes(entry["payload"])[:length] for entry, length in zip(found, lengths, strict=True)]


def _order(position: SpoolPosition) -> tuple[int, int]:
    return position.slot_offset, position.records
