"""N+1 queries: one call sends the same statement again and again, itself or through what it calls."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mcp_tracer.analysis.patterns.groups import finding, groups, shown, statement_of
from mcp_tracer.model.calls import Calls
from mcp_tracer.model.patterns import Finding, Thresholds

LEVELS: Final = 3
MOST_DECODED: Final = 500
_PAGES: Final = re.compile(r"\boffset\b|[<>]=?\s*[?:%$@].*\border\s+by\b.*\b(?:limit|fetch)\b", re.IGNORECASE)
"""A loop over pages of one list, by number or by the last key seen, asks for what it needs."""
_BRACKETS: Final = ("BEGIN", "START", "COMMIT", "END", "ROLLBACK", "SAVEPOINT", "RELEASE")
"""What begins and ends transactions can't be sent together."""
_READS: Final = "fetch them with one query"
_ADVICE: Final = {
    **dict.fromkeys(("SELECT", "WITH", "GET", "HGET"), _READS),
    **dict.fromkeys(("INSERT", "REPLACE"), "insert them with one statement of many rows, or in one batch (executemany)"),
    **dict.fromkeys(("UPDATE", "DELETE", "MERGE"), "change them with one statement, or in one batch (executemany)"),
}


def n_plus_one_queries(calls: Calls, thresholds: Thresholds) -> list[Finding]:
    """Statements that one caller, at most three calls up, sent so often; the nearest such caller is named."""
    queries = np.flatnonzero(calls.of_kind("db"))
    above: NDArray[np.int64] = calls.callers
    found, told = list[Finding](), set[int]()
    for _ in range(LEVELS):
        inside = queries[above[queries] >= 0]
        for rows in groups(inside, thresholds.queries, above):
            rest = [row for row in rows if row not in told]
            for same in _statements(calls, rest[:MOST_DECODED], thresholds.queries):
                told.update(same)
                found.append(_finding(calls, int(above[same[0]]), same))
        above = np.where(above >= 0, calls.callers[above], -1).astype(np.int64)
    return found


def _statements(calls: Calls, rows: list[int], least: int) -> Iterator[list[int]]:
    by_text: dict[str, list[int]] = {}
    for row, values in zip(rows, calls.values(rows) if len(rows) >= least else [], strict=False):
        by_text.setdefault(statement_of(values), []).append(row)
    return (same for text, same in by_text.items() if text and len(same) >= least and not _is_due(text))


def _is_due(text: str) -> bool:
    """Whether a statement is rightly sent again and again."""
    return text.split(maxsplit=1)[0].upper().rstrip(";") in _BRACKETS or _PAGES.search(text) is not None


def _advice(text: str) -> str:
    verb = text.split(maxsplit=1)[0].upper()
    return _ADVICE.get(verb, "send them as one statement")


def _finding(calls: Calls, caller: int, rows: list[int]) -> Finding:
    text = statement_of(calls.values(rows[:1])[0])
    took = int(calls.rows["dur"][rows].sum()) / 1e6
    sentence = f"{calls.name(caller)} sent {shown(text)} {len(rows)} times in one call, {took:.3g} ms in all: {_advice(text)}."
    return finding(calls, "n-plus-one-query", f"{calls.name(caller)} {text}", sentence, rows, [caller, *rows])
