"""A batch's records as columns: wall-clock nanoseconds instead of ticks, global ids instead of the file's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from mcp_tracer.model import spool
from mcp_tracer.model.batch import SpoolBatch, SpoolSource
from mcp_tracer.storage.sqlite import sections
from mcp_tracer.storage.sqlite.catalog import SourceIds
from mcp_tracer.storage.sqlite.columns import Array
from mcp_tracer.storage.sqlite.rollup import SUMS

_MOST_NS: Final = 1 << 61


@dataclass(slots=True)
class Spans:
    """Spans as columns (names as in `columns.DTYPES`; `start` in wall ns, `trace` still the file's id) with their payloads."""

    columns: dict[str, Array]
    payloads: list[bytes]

    def __len__(self) -> int:
        return len(self.payloads)


def start_ns(source: SpoolSource, ticks: Array) -> Array:
    """Wall-clock ns of the writer's ticks; absurd ones, from damage, are bounded."""
    elapsed: Array = (ticks - np.uint64(source.origin_tick)).astype(np.int64)
    if source.ns_per_tick != 1.0:
        elapsed = np.rint(_bounded(elapsed * source.ns_per_tick)).astype(np.int64)
    return _bounded(np.maximum(min(source.origin_wall_ns, _MOST_NS) + _bounded(elapsed), 0))


def _bounded(values: Array) -> Array:
    return np.minimum(np.maximum(values, -_MOST_NS), _MOST_NS)


def spans_of(batch: SpoolBatch, chosen: Array, ids: SourceIds) -> Spans:
    """The records at the indexes `chosen` (spans, finished or open)."""
    records: Array = batch.records[chosen]
    indexes: list[int] = chosen.tolist()
    payloads = [batch.payloads[index] for index in indexes] if len(indexes) < len(batch.payloads) else batch.payloads
    flags: Array = records["flags"]
    duration, own = _durations(records, payloads, batch.source.ns_per_tick)
    failed = (flags & spool.FLAG_ERROR) > 0
    columns: dict[str, Array] = {
        "fn": ids.of(spool.DEF_FUNCTION, records["fn"]),
        "dur": duration,
        "self": own,
        "err": np.where(failed, ids.of(spool.DEF_ERROR, records["err"]), 0),
        "start": start_ns(batch.source, records["tick"]),
        "trace": records["trace"],
        "src": np.full(len(records), ids.source, np.uint32),
        "seq": records["seq"],
        "parent": records["parent"],
        "depth": records["depth"],
        "thread": ids.of(spool.DEF_THREAD, records["thread"]),
        "flags": _finished_or_open(flags, records["kind"]),
        "count": np.maximum(records["count"], 1),
    }
    return Spans(columns, payloads)


def _finished_or_open(flags: Any, kinds: Any) -> Array:
    """Flags that say what the record's kind says."""
    closed: Array = np.bitwise_and(flags, 255 - spool.FLAG_OPEN)
    return np.where(np.equal(kinds, spool.KIND_SPAN), closed, np.bitwise_or(closed, spool.FLAG_OPEN))


def _durations(records: Array, payloads: list[bytes], scale: float) -> tuple[Array, Array]:
    duration: Array = records["duration"].astype(np.int64)
    own: Array = records["self"].astype(np.int64)
    indexes: list[int] = np.flatnonzero((duration == spool.WIDE) | (own == spool.WIDE)).tolist()
    for index in indexes:
        wide = sections.wide_times(payloads[index])
        if wide is not None:
            duration[index], own[index] = min(max(wide[0], 0), _MOST_NS), min(max(wide[1], 0), _MOST_NS)
    if scale == 1.0:
        return duration, own
    return _scaled(duration, scale), _scaled(own, scale)


def _scaled(ticks: Array, scale: float) -> Array:
    return np.rint(_bounded(ticks * scale)).astype(np.int64)


@dataclass(slots=True)
class Aggregates:
    """Calls that were only counted: `at` in wall ns, `sums` as rollups hold them."""

    fn: Array
    at: Array
    sums: Array
    estimated: Array


def aggregates_of(batch: SpoolBatch, chosen: Array, ids: SourceIds) -> Aggregates:
    """The aggregate records at the indexes `chosen`; those with a damaged payload are left out."""
    indexes: list[int] = chosen.tolist()
    numbers = {index: sections.aggregate(batch.payloads[index]) for index in indexes}
    good = np.array([index for index, found in numbers.items() if found is not None], np.int64)
    records: Array = batch.records[good]
    sums = np.zeros(len(good), SUMS)
    sums["calls"] = records["count"]
    for row, index in enumerate(good.tolist()):
        total, own, least, most, errors = numbers[index] or (0, 0, 0, 0, 0)
        for name, ticks in (("total", total), ("self", own), ("least", least), ("most", most)):
            sums[name][row] = min(round(ticks * batch.source.ns_per_tick), _MOST_NS)
        sums["errors"][row] = min(errors, _MOST_NS)
    estimated: Array = (records["flags"] & spool.FLAG_ESTIMATED) > 0
    sums["estimated"][estimated] = sums["calls"][estimated]
    return Aggregates(ids.of(spool.DEF_FUNCTION, records["fn"]), start_ns(batch.source, records["tick"]), sums, estimated)
