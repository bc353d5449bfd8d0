"""Statistics by (hour, run, function): exact sums, and a histogram of logarithmic buckets for percentiles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from mcp_tracer.storage.sqlite.columns import Array, decompress, pack, unpack, unshuffled

HOUR_NS: Final = 3_600 * 10**9
BUCKETS_AN_OCTAVE: Final = 8
BUCKETS: Final = 64 * BUCKETS_AN_OCTAVE

KEYS: Final = np.dtype([("hour", "<i4"), ("run", "<u4"), ("fn", "<u4")])
SUM_NAMES: Final = ("calls", "errors", "total", "self", "least", "most", "estimated")  # estimated: calls among `calls` of estimated time
SUMS: Final = np.dtype([(name, "<i8") for name in SUM_NAMES])
_OLD_SUMS: Final = np.dtype([(name, "<i8") for name in SUM_NAMES[:-1]])  # of segments that knew no estimates
_NO_CALL: Final = 1 << 62
_ADDING: Final[dict[str, np.ufunc]] = {
    **dict.fromkeys(("calls", "errors", "total", "self", "estimated"), np.add),
    "least": np.minimum,
    "most": np.maximum,
}
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
    """Roll up spans of one run: columns fn, dur, self, err; `starts` in wall ns. One of many counts once: the others are in aggregates."""
    n = len(starts)
    keys = np.zeros(n, KEYS)
    keys["hour"], keys["run"], keys["fn"] = starts // HOUR_NS, run, columns["fn"]
    sums = np.zeros(n, SUMS)
    sums["calls"], sums["errors"] = 1, columns["err"] > 0
    sums["total"], sums["self"] = columns["dur"], columns["self"]
    sums["least"] = sums["most"] = columns["dur"]
    return grouped(keys, sums, bucket(columns["dur"]), sums["calls"])


def of_aggregates(run: int, fn: Array, at: Array, sums: Array) -> Rollup:
    """Roll up calls that were only counted; each row's calls go into the bucket of their mean. A row of no call corrects the self time."""
    keys = np.zeros(len(fn), KEYS)
    keys["hour"], keys["run"], keys["fn"] = at // HOUR_NS, run, fn
    sums["least"][sums["calls"] == 0] = _NO_CALL
    calls: Array = np.maximum(sums["calls"], 1)
    return grouped(keys, sums, bucket(sums["total"] // calls), sums["calls"])


def grouped(keys: Array, sums: Array, buckets: Array, weights: Array) -> Rollup:
    """Add up single observations; all arrays have one entry an observation."""
    hist = np.zeros(len(keys), HIST)
    hist["row"], hist["bucket"], hist["calls"] = np.arange(len(keys)), buckets, weights
    return regrouped(Rollup(keys, sums, hist))


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
    codes = _codes(part.keys)
    order = np.argsort(codes, kind="stable")
    firsts = _firsts(codes[order])
    rows = np.empty(len(codes), np.int64)
    rows[order] = np.repeat(np.arange(len(firsts)), np.diff(firsts, append=len(codes)))
    sums = np.zeros(len(firsts), SUMS)
    for name, add in _ADDING.items():
        sums[name] = add.reduceat(part.sums[name][order], firsts)
    return Rollup(part.keys[order][firsts], sums, _histogram(rows[part.hist["row"]], part.hist))


def _histogram(rows: Array, hist: Array) -> Array:
    """The histogram with its rows renamed, equal buckets added up."""
    pairs: Array = rows * BUCKETS + hist["bucket"]
    order = np.argsort(pairs, kind="stable")
    firsts = _firsts(pairs[order])
    out = np.zeros(len(firsts), HIST)
    different = pairs[order][firsts]
    out["row"], out["bucket"] = different // BUCKETS, different % BUCKETS
    out["calls"] = np.add.reduceat(hist["calls"][order], firsts) if len(firsts) else 0
    return out


def _codes(keys: Array) -> Array:
    """One number a key, in the order of keys: 20 bits of hour, 21 of run, 22 of function."""
    hour, run, function = (keys[name].astype(np.int64) for name in ("hour", "run", "fn"))
    return (hour << 43) | (run << 22) | function


def _firsts(ordered: Array) -> Array:
    """Where a new value begins."""
    new = np.ones(len(ordered), np.bool_)
    new[1:] = ordered[1:] != ordered[:-1]
    return np.flatnonzero(new)


def kept(part: Rollup, keep: Array) -> Rollup:
    """The rows where `keep` is True."""
    rows: Array = np.cumsum(keep) - 1
    hist = part.hist[keep[part.hist["row"]]]
    hist["row"] = rows[hist["row"]]
    return Rollup(part.keys[keep], part.sums[keep], hist)


def encode(rollup: Rollup) -> tuple[int, int, int, bytes, bytes, bytes]:
    """(rows, first hour, last hour, keys, sums, histogram) for the table."""
    hours = rollup.keys["hour"]
    return (len(hours), int(hours.min()), int(hours.max()), pack(rollup.keys), pack(rollup.sums), pack(rollup.hist))


def decode(keys: bytes, sums: bytes, hist: bytes | None) -> Rollup:
    """The reverse of `encode`; without a histogram where it isn't wanted."""
    rows = unpack(keys, KEYS)
    return Rollup(rows, _sums(sums, len(rows)), EMPTY.hist if hist is None else unpack(hist, HIST))


def _sums(data: bytes, rows: int) -> Array:
    raw = decompress(data)
    if len(raw) == rows * SUMS.itemsize:
        return unshuffled(raw, SUMS)
    old, sums = unshuffled(raw, _OLD_SUMS), np.zeros(rows, SUMS)
    for name in SUM_NAMES[:-1]:
        sums[name] = old[name]
    return sums


def percentile(whole: Rollup, rows: Array, fraction: float) -> Array:
    """The duration in ns below which `fraction` of the calls lie, for some rows of a rollup; within what was measured."""
    order = np.argsort(whole.hist["row"], kind="stable")
    owners, cumulative = whole.hist["row"][order], np.cumsum(whole.hist["calls"][order])
    low, high = np.searchsorted(owners, rows, side="left"), np.searchsorted(owners, rows, side="right")
    before = np.where(low > 0, cumulative[low - 1], 0)
    wanted = before + np.ceil(fraction * (cumulative[high - 1] - before))
    at = np.minimum(np.searchsorted(cumulative, wanted, side="left"), high - 1)
    values: Array = bucket_ns(whole.hist["bucket"][order][at]).astype(np.int64)
    return np.minimum(np.maximum(values, whole.sums["least"][rows]), whole.sums["most"][rows])
