"""Spans added up by call path."""

from __future__ import annotations

from collections.abc import Sequence

from mcp_tracer.model.span import CallPath
from tests.contracts.recording import Counted, Row

Path = tuple[tuple[str, str, int, str], ...]


def paths_of(rows: Sequence[Row], counted: Sequence[Counted], least_share: float) -> tuple[CallPath, ...]:
    """Callers before what they call; without those below a share of the roots' time, and what is below them, unless a call failed there."""
    sums = added_up(rows, counted)
    least = least_share * sum(one[2] for path, one in sums.items() if len(path) == 1)
    kept: dict[Path, int] = {}
    for path in sorted(sums, key=len):
        failed = any(one[: len(path)] == path and numbers[1] for one, numbers in sums.items())
        if (sums[path][2] >= least or failed) and (len(path) == 1 or path[:-1] in kept):
            kept[path] = len(kept)
    return tuple(CallPath(kept.get(path[:-1], -1), *path[-1], *sums[path]) for path in kept)


def added_up(rows: Sequence[Row], counted: Sequence[Counted]) -> dict[Path, tuple[int, int, int, int]]:
    """Path -> (calls, errors, total, self). A span that is one of many stands for them."""
    by_id = {row.span_id: row for row in rows}
    sums: dict[Path, tuple[int, int, int, int]] = {}
    for row in rows:
        path = _path(row, by_id)
        before = sums.get(path, (0, 0, 0, 0))
        total, own = _others(row, counted)
        more = (row.count, int(row.error is not None), row.duration_ns + total, row.self_ns + own)
        sums[path] = (before[0] + more[0], before[1] + more[1], before[2] + more[2], before[3] + more[3])
    return sums


def _others(row: Row, counted: Sequence[Counted]) -> tuple[int, int]:
    """What the calls took that it stands for: what counted ones of the function in its run did on average; else what it took."""
    same = [one for one in counted if (one.key, one.line, one.run_id) == ((row.file, row.function, row.kind), row.line, row.run_id)]
    calls = sum(one.calls for one in same) or 1
    total, own = (sum(one.total_ns for one in same), sum(one.self_ns for one in same)) if same else (row.duration_ns, row.self_ns)
    return int(total / calls * (row.count - 1)), int(own / calls * (row.count - 1))


def _path(row: Row, by_id: dict[str, Row]) -> Path:
    """From the outermost caller in its process on."""
    found: list[tuple[str, str, int, str]] = []
    above: Row | None = row
    while above is not None:
        found.append((above.file, above.function, above.line, above.kind))
        parent = by_id.get(above.parent_span_id or "")
        above = parent if parent is not None and parent.source == above.source else None
    return tuple(reversed(found))
