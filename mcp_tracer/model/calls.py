"""Recorded calls as columns, for looking at many of them at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mcp_tracer.model.span import Values

SITES: Final = ("call", "await")
"""Kinds of spans that level 3 adds between a caller and what it calls."""

ROW: Final = np.dtype(
    [
        ("span", "<u8"),
        ("parent", "<u8"),
        ("trace", "<i8"),
        ("run", "<i8"),
        ("start", "<i8"),
        ("dur", "<i8"),
        ("self", "<i8"),
        ("fn", "<i8"),
        ("err", "<i8"),
        ("depth", "<i8"),
        ("place", "<i8"),
    ]
)
"""`span` and `parent` are ids as numbers, 0 for none; `trace` and `run` tell traces and runs apart; `place` is the store's. Times in ns."""


class Callee(NamedTuple):
    """What was called."""

    file: str
    name: str
    line: int
    kind: str


@dataclass(frozen=True)
class Calls:
    """`rows` (dtype `ROW`) in order of arrival: what is called before its caller. `values` decodes what some rows captured."""

    rows: NDArray[np.void]
    functions: Sequence[Callee]
    errors: Sequence[str]
    runs: dict[int, str]
    values: Callable[[Sequence[int]], list[Values | None]]

    def of_kind(self, *kinds: str) -> NDArray[np.bool_]:
        """Which rows are calls of these kinds."""
        mask = np.array([one.kind in kinds for one in self.functions], np.bool_)
        return mask[self.rows["fn"]]

    @cached_property
    def callers(self) -> NDArray[np.int64]:
        """For each row the row of its caller, over call sites; -1 where it is not among these rows."""
        spans: Any = self.rows["span"]
        if not len(spans):
            return np.zeros(0, np.int64)
        order = np.argsort(spans, kind="stable")
        at = np.minimum(np.searchsorted(spans[order], self.rows["parent"]), len(spans) - 1)
        rows: NDArray[np.int64] = np.where(spans[order][at] == self.rows["parent"], order[at], -1).astype(np.int64)
        is_site = self.of_kind(*SITES)
        for _ in range(2):  # an await of a call is two sites
            over = (rows >= 0) & is_site[rows]
            rows = np.where(over, rows[rows], rows).astype(np.int64)
        return rows

    def name(self, row: int) -> str:
        """The function of a row, with its place."""
        one = self.functions[int(self.rows["fn"][row])]
        return f"{one.name} ({one.file}:{one.line})" if one.file else one.name

    def span_ids(self, rows: Sequence[int], most: int = 3) -> tuple[str, ...]:
        """The ids of the first of some rows."""
        return tuple(f"{int(self.rows['span'][row]):016x}" for row in rows[:most])

    def run_id(self, row: int) -> str:
        """The run of a row."""
        return self.runs[int(self.rows["run"][row])]
