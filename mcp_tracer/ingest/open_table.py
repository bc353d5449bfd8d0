"""The table of open spans (docs/spool-format.md): the calls that a process had not ended when it was gone."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mcp_tracer.ingest.chunks import read_at
from mcp_tracer.model import spool

_TYPE_AT: Final = 5
_PAYLOAD_BYTES: Final = spool.OPEN_SPAN["payload"].itemsize


def open_spans(descriptor: int, last: NDArray[np.void]) -> tuple[NDArray[np.void], list[bytes]]:
    """Records (kind 2, oldest first) and payloads of the table in a gone writer's file; none where it has no table.

    `last` are the file's last records: the writer may have been stopped between ending a span and giving its entry back.
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
        & (records["length"] <= _PAYLOAD_BYTES)
        & ~np.isin(records["seq"], ended)
    )
    found = entries[held][np.argsort(records["seq"][held])]
    taken: NDArray[Any] = np.ascontiguousarray(found["record"])
    lengths: list[int] = taken["length"].tolist()
    return taken, [bytes(entry["payload"])[:length] for entry, length in zip(found, lengths, strict=True)]
