"""Statistics by (hour, run, function): exact sums, and a histogram of logarithmic buckets for percentiles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from mcp_tracer.storage.sqlite.columns import Array, pack, unpack

HOUR_NS: Final = 3_600 * 10**9
BUCKETS_AN_OCTAVE: Final = 8
BUCKETS: Final = 64 * BUCKETS_AN_OCTAVE

KEYS: Final = np.dtype([("hour", "<i4"), ("run", "<u4"), ("fn", "<u4")])
SUMS: Final = np.dtype([("calls", "<i8"), ("errors", "<i8"), ("total", "<i8"), ("self", "<i8"), ("least", "<i8"), ("most", "<i8")])
HIST: Final = np.dtype([("row", "<u4"), ("bucket", "<u2"), ("calls", "<i8")])


@dataclass(frozen=True, slots=True)
class Rollup:
    """Rows of `keys` (ascending, unique) with their `sums`; `hist` refers to rows by index."""

    keys: Array
    sums: Array
    hist: Array


EMPTY: Final = Rollup(np.zeros(0, KEYS), np.zeros(0, SUMS), np.zeros(0, HIST))


def bucket(durations: Array) -> Array:
    """The histogram bucket of each duration in ns."""
    return np.minimum(np.log2(np.maximum(durations, 1).astype(np.float64)) * BUCKETS_AN_OCTAVE, BUCKETS - 1).astype(np.int64)


def bucket_ns(index: Array | int) -> Any:
    """The duration that stands for a bucket: at most 4.5 % away from any in it."""
    return np.exp2((np.asarray(index) + 0.5) / BUCKETS_AN_OCTAVE)


def of_spans(run: int, columns: dict[str, Array], starts: Array) -> Rollup:
    """Roll up spans of one run: columns fn, dur, self, err, count; `starts` in wall ns."""
    n = len(starts)
    keys = np.zeros(n, KEYS)
    keys["hour"], keys["run"], keys["fn"] = starts // HOUR_NS, run, columns["fn"]
    count: Array = columns["count"].astype(np.int64)
    sums = np.zeros(n, SUMS)
    sums["calls"], sums["errors"] = count, np.where(columns["err"] > 0, count, 0)
    sums["total"], sums["self"] = columns["dur"] * count, columns["self"] * count
    sums["least"] = sums["most"] = columns["dur"]
    return grouped(keys, sums, bucket(columns["dur"]), count)


def of_aggregates(run: int, fn: Array, at: Array, sums: Array) -> Rollup:
    """Roll up calls that were only counted; each row's calls go into the bucket of their mean."""
    keys = np.zeros(len(fn), KEYS)
    keys["hour"], keys["run"], keys["fn"] = at // HOUR_NS, run, fn
    calls: Array = np.maximum(sums["calls"], 1)
    return grouped(keys, sums, bucket(sums["total"] // calls), sums["calls"])


def grouped(keys: Array, sums: Array, buckets: Array, weights: Array) -> Rollup:
    """Add up single observations; all arrays have one entry an observation."""
    if not len(keys):
        return EMPTY
    unique, rows = _unique(keys)
    pairs, inverse = np.unique(rows.astype(np.int64) * BUCKETS + buckets, return_inverse=True)
    hist = np.zeros(len(pairs), HIST)
    hist["row"], hist["bucket"] = pairs // BUCKETS, pairs % BUCKETS
    np.add.at(hist["calls"], inverse, weights)
    return Rollup(unique, _added(sums, rows, len(unique)), hist)


def merged(parts: list[Rollup]) -> Rollup:
    """One rollup that says the same as all of `parts`."""
    parts = [part for part in parts if len(part.keys)]
    if len(parts) < 2:
        return parts[0] if parts else EMPTY
    offsets = np.cumsum([0, *(len(part.keys) for part in parts)])
    hist: Array = np.concatenate([part.hist for part in parts])
    hist["row"] += np.repeat(offsets[:-1], [len(part.hist) for part in parts]).astype(np.uint32)
    return regrouped(Rollup(np.concatenate([part.keys for part in parts]), np.concatenate([part.sums for part in parts]), hist))


def regrouped(part: Rollup) -> Rollup:
    """Add up rows with equal keys, in any order."""
    if not len(part.keys):
        return EMPTY
    unique, rows = _unique(part.keys)
    pairs, inverse = np.unique(rows[part.hist["row"]] * BUCKETS + part.hist["bucket"].astype(np.int64), return_inverse=True)
    out = np.zeros(len(pairs), HIST)
    out["row"], out["bucket"] = pairs // BUCKETS, pairs % BUCKETS
    np.add.at(out["calls"], inverse, part.hist["calls"])
    return Rollup(unique, _added(part.sums, rows, len(unique)), out)


def kept(part: Rollup, keep: Array) -> Rollup:
    """The rows where `keep` is True."""
    rows: Array = np.cumsum(keep) - 1
    hist = part.hist[keep[part.hist["row"]]]
    hist["row"] = rows[hist["row"]]
    return Rollup(part.keys[keep], part.sums[keep], hist)


def _unique(keys: Array) -> tuple[Array, Array]:
    """(the different keys in order, for each key the index of its row)."""
    order = np.lexsort((keys["fn"], keys["run"], keys["hour"]))
    in_order = keys[order]
    new = np.ones(len(keys), np.bool_)
    new[1:] = in_order[1:] != in_order[:-1]
    rows = np.empty(len(keys), np.int64)
    rows[order] = np.cumsum(new) - 1
    return in_order[new], rows


def _added(sums: Array, rows: Array, n: int) -> Array:
    out = np.zeros(n, SUMS)
    for name in ("calls", "errors", "total", "self"):
        np.add.at(out[name], rows, sums[name])
    out["least"] = np.iinfo(np.int64).max
    np.minimum.at(out["least"], rows, sums["least"])
    np.maximum.at(out["most"], rows, sums["most"])
    return out


def encode(rollup: Rollup) -> tuple[int, int, int, bytes, bytes, bytes]:
    """(rows, first hour, last hour, keys, sums, histogram) for the table."""
    hours = rollup.keys["hour"]
    return (len(hours), int(hours.min()), int(hours.max()), pack(rollup.keys), pack(rollup.sums), pack(rollup.hist))


def decode(keys: bytes, sums: bytes, hist: bytes | None) -> Rollup:
    """The reverse of `encode`; without a histogram where it isn't wanted."""
    return Rollup(unpack(keys, KEYS), unpack(sums, SUMS), EMPTY.hist if hist is None else unpack(hist, HIST))


def percentile(buckets: Array, calls: Array, fraction: float, least: int, most: int) -> int:
    """The duration in ns below which `fraction` of the calls lie. `buckets` ascending and unique, `calls` their counts."""
    if not len(buckets):
        return 0
    cumulative = np.cumsum(calls)
    index = int(np.searchsorted(cumulative, fraction * float(cumulative[-1]), side="left"))
    value = float(bucket_ns(buckets[min(index, len(buckets) - 1)]))
    return int(min(max(value, least), most))
