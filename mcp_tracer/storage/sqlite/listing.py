"""Names for completion, and small lookups over all segments."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from mcp_tracer.model.batch import SpoolPosition
from mcp_tracer.model.errors import UserError
from mcp_tracer.storage.sqlite.snapshot import Snapshot
from mcp_tracer.storage.sqlite.trace_list import newest_with_prefix
from mcp_tracer.storage.sqlite.writer import position_in


def names(snapshot: Snapshot, kind: str, prefix: str, limit: int) -> tuple[str, ...]:
    """Names that start with (functions: contain) `prefix`; traces and runs newest first, others by name."""
    if kind not in ("file", "function", "trace", "run"):
        raise UserError(f"kind {kind!r} is unknown: use file, function, trace or run.")
    if kind == "trace":
        return newest_with_prefix(snapshot, prefix, limit)
    found = {"file": _files, "function": _functions, "run": _runs}[kind](snapshot, prefix)
    return tuple(islice(found, limit))


def _files(snapshot: Snapshot, prefix: str) -> Iterator[str]:
    yield from sorted({one.file for one in snapshot.names.functions if one.file and one.file.startswith(prefix)})


def _functions(snapshot: Snapshot, part: str) -> Iterator[str]:
    known = {one.name for one in snapshot.names.functions if one.file and not one.site}
    yield from sorted(name for name in known if part.lower() in name.lower())


def _runs(snapshot: Snapshot, prefix: str) -> Iterator[str]:
    query = "SELECT r.run_id FROM source s JOIN run r ON r.id=s.run WHERE substr(r.run_id, 1, ?)=? GROUP BY r.id ORDER BY min(s.start) DESC"
    for (run_id,) in snapshot.all(query, (len(prefix), prefix.lower())):
        yield run_id


def position(snapshot: Snapshot, spool_name: str) -> SpoolPosition:
    """How far a spool file was taken; older segments know of finished ones."""
    found = (position_in(segment.db, spool_name) for segment in reversed(snapshot.segments))
    return next((one for one in found if one is not None), SpoolPosition())


def traces_of_test(snapshot: Snapshot, test_id: str) -> list[bytes]:
    """The traces of a test; where none has that id, of all tests whose id it is a part of."""
    for condition in ("test_id=?", "test_id IS NOT NULL AND instr(test_id, ?)"):
        query = f"SELECT trace_id FROM trace WHERE {condition}"
        found = {row[0] for segment in snapshot.segments for row in segment.db.execute(query, (test_id,))}
        if found:
            return sorted(found)
    return []


def span_count(snapshot: Snapshot) -> int:
    """All spans, open ones included."""
    query = "SELECT coalesce(sum(spans), 0) FROM source_count"
    return sum(segment.db.execute(query).fetchone()[0] for segment in snapshot.segments) + len(snapshot.open_spans())
