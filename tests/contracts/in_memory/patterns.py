"""What noticing patterns needs: looking at calls by arrival, and findings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np

from mcp_tracer.model import cursor as cursors
from mcp_tracer.model.calls import ROW, Callee, Calls
from mcp_tracer.model.patterns import Finding, Looked
from mcp_tracer.model.query import Page
from tests.contracts.recording import Row
from tests.contracts.reference import Reference

T = TypeVar("T")


class InMemoryPatterns:
    """A part of the store."""

    arrived: list[str]
    reference: Reference

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str, str], Finding] = {}
        self._looked = Looked()

    async def scan(self, place: str | None, look: Callable[[Calls], T], limit: int = 100_000) -> tuple[T, str | None]:
        """Look at the next calls by arrival."""
        first = (cursors.decode(place, "scan", int) or (0,))[0]
        known = {row.span_id: row for row in self.reference.rows}
        chosen = [known[one] for one in self.arrived[first : first + limit]]
        return look(_calls(chosen)), cursors.encode("scan", first + len(chosen)) if chosen else place

    async def looked(self) -> Looked:
        """How far was looked."""
        return self._looked

    async def keep_findings(self, found: Sequence[Finding], place: str | None = None, compared: Sequence[str] = ()) -> tuple[Finding, ...]:
        """Of one that is known of the run the one that counts more stays, from the first to the last of both."""
        new: list[Finding] = []
        for one in found:
            new += [one] if not any(key[:2] == (one.kind, one.subject) for key in self._kept) else []
            before = self._kept.get((one.kind, one.subject, one.run_id))
            if before is None or one.count > before.count:
                first, last = (before or one).first_ns, (before or one).last_ns
                both = {"first_ns": min(first, one.first_ns), "last_ns": max(last, one.last_ns)}
                self._kept[one.kind, one.subject, one.run_id] = _with(one, **both)
        self._looked = Looked(self._looked.place if place is None else place, self._looked.compared | {*compared})
        return tuple(new)

    async def findings(
        self, run_id: str | None = None, kind: str | None = None, limit: int = 20, cursor: str | None = None
    ) -> Page[Finding]:
        """The last first; of several runs the newest of each."""
        groups: dict[tuple[str, str], list[Finding]] = {}
        for one in self._kept.values():
            if run_id in (None, one.run_id) and kind in (None, one.kind):
                groups[one.kind, one.subject] = [*groups.pop((one.kind, one.subject), []), one]
        rows = [_with(group[-1], runs=len(group)) for group in reversed(groups.values())]
        first = (cursors.decode(cursor, "findings", int) or (0,))[0]
        more = cursors.encode("findings", first + limit) if len(rows) > first + limit else None
        return Page(tuple(rows[first : first + limit]), more, len(rows))


def _with(one: Finding, **changes: int) -> Finding:
    return replace(one, **changes)  # type: ignore[arg-type]


def _calls(rows: Sequence[Row]) -> Calls:
    functions = sorted({Callee(row.file, row.function, row.line, row.kind) for row in rows})
    errors = ["", *sorted({row.error for row in rows if row.error})]
    runs, traces = sorted({row.run_id for row in rows}), sorted({row.trace_id for row in rows})
    made = np.zeros(len(rows), ROW)
    for at, row in enumerate(rows):
        function = functions.index(Callee(row.file, row.function, row.line, row.kind))
        parent = 0 if row.is_root else int(row.parent_span_id or "0", 16)
        place = (row.start_ns, row.duration_ns, row.self_ns, function, errors.index(row.error or ""), row.depth, at)
        made[at] = (int(row.span_id, 16), parent, traces.index(row.trace_id), runs.index(row.run_id), *place)
    return Calls(made, functions, errors, dict(enumerate(runs)), lambda chosen: [rows[one].values for one in chosen])
