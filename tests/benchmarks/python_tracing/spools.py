"""What one of our runs wrote: calls, records, bytes, and whether the times add up."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from mcp_tracer.ingest.chunks import Chunk, ChunkFile
from mcp_tracer.model import spool
from mcp_tracer.storage.sqlite.sections import split

FUNCTIONS = ("function", "method", "generator", "coroutine", "async-generator")  # what CountedCalls counts


@dataclass
class Contents:
    """Sums over all spool files of one process. A span is one call, also where it is one of many: those are in aggregates."""

    calls: int = 0
    records: int = 0
    bytes: int = 0
    self_ticks: int = 0
    root_ticks: int = 0
    dropped: int = 0
    faults: int = 0
    kinds: dict[int, str] = field(default_factory=dict[int, str])


def taken(folder: Path) -> Contents:
    """The contents of the folder's spool files, which are deleted."""
    whole = Contents()
    for path in sorted(folder.glob("*.spool")):
        with path.open("rb") as file:
            whole.kinds.clear()
            _read(ChunkFile(file.fileno()), whole)
        path.unlink()
    return whole


def _read(chunks: ChunkFile, whole: Contents) -> None:
    offset: int = spool.HEADER_SIZE
    while (found := chunks.at(offset, True)) is not None:
        if isinstance(found, Chunk):
            _add(found, whole)
        offset = found.next_offset


def _add(chunk: Chunk, whole: Contents) -> None:
    records, kind = chunk.records, chunk.records["kind"]
    for index in np.flatnonzero((kind == spool.KIND_DEFINITION) | (kind == spool.KIND_RUN_END)).tolist():
        _told(records[index], _payload(chunk, index), whole)
    kept = records[(kind != spool.KIND_DEFINITION) & (kind != spool.KIND_RUN_END)]
    whole.records += len(kept)
    whole.bytes += len(kept) * spool.RECORD_SIZE + int(kept["length"].sum())
    for index in np.flatnonzero(kind == spool.KIND_AGGREGATE).tolist():
        if whole.kinds.get(int(records[index]["fn"])) in FUNCTIONS:
            whole.calls += int(records[index]["count"])
        whole.self_ticks += _numbers(_payload(chunk, index), "A")[1]
    _add_spans(chunk, np.flatnonzero(kind == spool.KIND_SPAN), whole)


def _add_spans(chunk: Chunk, indexes: Any, whole: Contents) -> None:
    spans = chunk.records[indexes]
    duration, own = (spans[name].astype(np.int64) for name in ("duration", "self"))
    for at in np.flatnonzero((duration == spool.WIDE) | (own == spool.WIDE)).tolist():
        duration[at], own[at] = _numbers(_payload(chunk, int(indexes[at])), "W")[:2]
    whole.self_ticks += int(own.sum())
    whole.root_ticks += int(duration[spans["parent"] == 0].sum())
    ids, numbers = np.unique(spans["fn"], return_counts=True)
    whole.calls += sum(number for id_, number in zip(ids.tolist(), numbers.tolist(), strict=True) if whole.kinds.get(id_) in FUNCTIONS)


def _told(record: Any, payload: bytes, whole: Contents) -> None:
    content = msgspec.msgpack.decode(payload, type=dict[str, Any], strict=False) if payload else {}
    if int(record["kind"]) == spool.KIND_RUN_END:
        whole.dropped += content.get("dropped", 0)
        whole.faults += content.get("faults", 0)
    elif int(record["err"]) in (spool.DEF_FUNCTION, spool.DEF_SITE):
        whole.kinds[int(record["fn"])] = content.get("kind", "")


def _payload(chunk: Chunk, index: int) -> bytes:
    end = int(chunk.ends[index])
    return chunk.body[end - int(chunk.records[index]["length"]) : end]


def _numbers(payload: bytes, tag: str) -> list[int]:
    """The numbers of section `A` (total, self, …) or `W` (duration, self)."""
    return msgspec.msgpack.decode(dict(split(payload))[tag], type=list[int])
