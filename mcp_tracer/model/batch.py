"""What one reading of one spool file yields, ready for a store. Ids in it are local to the file."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class SpoolPosition:
    """How far a spool file has been taken: the byte offset of a slot, and how many records of the chunk there."""

    slot_offset: int = 0
    records: int = 0


@dataclass(frozen=True, slots=True)
class SpoolSource:
    """The header of a spool file: who wrote it, and how its ticks become wall-clock nanoseconds."""

    name: str
    run_id: str
    language: str
    pid: int
    parent_pid: int
    process_start: int
    origin_wall_ns: int
    origin_tick: int
    ns_per_tick: float
    span_salt: int


@dataclass(slots=True)
class SpoolBatch:
    """Whole records of one file, from `start` (exclusive of what was taken before) to `end`.

    `records` has dtype `model.spool.RECORD` and holds spans, open spans, events and aggregates in file order; `payloads[i]` belongs to
    `records[i]`. `definitions` are (class, id, content) in file order. `damaged` counts chunks that had to be passed over.
    """

    source: SpoolSource
    start: SpoolPosition
    end: SpoolPosition
    records: NDArray[np.void]
    payloads: list[bytes]
    definitions: list[tuple[int, int, dict[str, Any]]] = field(default_factory=list[tuple[int, int, dict[str, Any]]])
    run_end: dict[str, Any] | None = None
    run_end_ns: int | None = None
    finished: bool = False
    damaged: int = 0
