"""What calls took that were only counted, for spans that stand for them."""

from __future__ import annotations

import numpy as np

from mcp_tracer.storage.sqlite.columns import Array
from mcp_tracer.storage.sqlite.snapshot import Snapshot

_Sums = dict[int, tuple[int, int, int]]
"""(calls, total ns, self ns) by run << 32 | function."""


def times(snapshot: Snapshot, spans: dict[str, Array]) -> dict[str, Array] | None:
    """`dur` and `self`, in ns, that each span has to be given for the calls that it stands for besides itself; None where there are none.

    They took what the counted calls of its function took on average in its run; where nothing is known of those, what it took itself: one
    call may be many times as slow as the others, and would be taken as many times. Of a function that called some while they had no probes
    their time is taken back: it was counted as the function's own.
    """
    standing = np.flatnonzero(spans["count"] > 1)
    runs = {snapshot.names.source(source).run for source in np.unique(spans["src"]).tolist()}
    given_back = _sums(snapshot, "calls=0", runs)
    if not len(standing) and not given_back:
        return None
    added = {name: np.zeros(len(spans["count"]), np.int64) for name in ("dur", "self")}
    different, which = np.unique(_keys(snapshot, spans, standing), return_inverse=True)
    counted = _sums(snapshot, "calls>0", runs) if len(standing) else {}
    others = spans["count"][standing].astype(np.int64) - 1
    for column, name in enumerate(added, 1):
        sums = [counted.get(key, (0, 0, 0)) for key in different.tolist()]
        calls, took = (np.array([one[place] for one in sums], np.int64)[which] for place in (0, column))
        mean = np.where(calls > 0, took / np.maximum(calls, 1), spans[name][standing])
        added[name][standing] = (mean * others).astype(np.int64)
    _give_back(snapshot, spans, given_back, added["self"])
    return added


def _give_back(snapshot: Snapshot, spans: dict[str, Array], given_back: _Sums, own: Array) -> None:
    """What was taken for the time of these functions themselves: from each call as much of its own as from the others."""
    for key, (_, _, less) in given_back.items():
        among = np.flatnonzero(spans["fn"] == key & 0xFFFFFFFF)
        there = among[_keys(snapshot, spans, among) == key]
        had = spans["self"][there] + own[there]
        if (whole := int(had.sum())) > 0:
            own[there] -= (had * min(-less / whole, 1.0)).astype(np.int64)


def _keys(snapshot: Snapshot, spans: dict[str, Array], places: Array) -> Array:
    sources, which = np.unique(spans["src"][places], return_inverse=True)
    runs = np.array([snapshot.names.source(source).run for source in sources.tolist()], np.int64)
    return runs[which] << 32 | spans["fn"][places].astype(np.int64)


def _sums(snapshot: Snapshot, which: str, runs: set[int]) -> _Sums:
    query = f"""SELECT run << 32 | fn, sum(calls), sum(total), sum(self) FROM aggregate
        WHERE {which} AND run IN ({",".join(map(str, sorted(runs)))}) GROUP BY run, fn"""
    found: _Sums = {}
    for segment in snapshot.segments:
        for key, calls, total, own in segment.db.execute(query):
            before = found.get(key, (0, 0, 0))
            found[key] = (before[0] + calls, before[1] + total, before[2] + own)
    return found
