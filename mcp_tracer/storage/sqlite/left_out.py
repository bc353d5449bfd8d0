"""Whose calls may be in a segment that is damaged and left out of all answers: its neighbours tell."""

from __future__ import annotations

from collections.abc import Mapping

from mcp_tracer.storage.sqlite.snapshot import Segment, Snapshot


def may_be_in(snapshot: Snapshot, number: int, processes: Mapping[int, str]) -> bool:
    """Whether the segment with this number may have had calls of processes (id -> state) that no other has.

    It has none of a process that was finished before it, or begun after it. What was taken in anew after it was left out is in later ones.
    """
    earlier = [one for one in snapshot.segments if one.number < number]
    later = [one for one in snapshot.segments if one.number > number]
    left = set(processes) - _finished(earlier, processes)
    if not later:
        return bool(left)
    meta = dict(later[0].db.execute("SELECT key, value FROM meta WHERE key IN ('last_source', 'follows')").fetchall())
    left = {one for one in left if one <= meta.get("last_source", one)}
    if meta.get("follows", number) < number:  # made when the segment was left out already: spool files that were there were read again
        left -= _finished(later, processes) | {one for one, state in processes.items() if state == "running"}
    return bool(left)


def _finished(there: list[Segment], processes: Mapping[int, str]) -> set[int]:
    """Those that were taken in wholly by the time that one of the segments was the newest."""
    marks = ",".join("?" * len(processes))
    query = f"SELECT src FROM position WHERE finished=1 AND src IN ({marks})"
    return {row[0] for one in there for row in one.db.execute(query, tuple(processes))}
