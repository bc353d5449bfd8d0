"""Groups of rows, and statements, for the detectors."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mcp_tracer.model.calls import Calls
from mcp_tracer.model.patterns import Finding, Kind
from mcp_tracer.model.span import Values
from mcp_tracer.model.values import Cut

_LITERAL = re.compile(r"'(?:[^']|'')*'|\b\d+(?:\.\d+)?\b")
_LIST = re.compile(r"\(\s*\?(?:\s*,\s*\?)*\s*\)")


def groups(rows: NDArray[np.int64], least: int, *keys: Any) -> Iterator[list[int]]:
    """The rows that share all keys, in order, where there are at least so many."""
    if len(rows) < least:
        return
    order = np.lexsort(tuple(key[rows] for key in reversed(keys)))
    chosen = rows[order]
    new = np.zeros(len(chosen), np.bool_)
    new[0] = True
    for key in keys:
        new[1:] |= key[chosen][1:] != key[chosen][:-1]
    firsts = np.flatnonzero(new)
    sizes = np.diff(firsts, append=len(chosen))
    for at in np.flatnonzero(sizes >= least).tolist():
        yield np.sort(chosen[firsts[at] : firsts[at] + sizes[at]]).tolist()


def statement_of(values: Values | None) -> str:
    """A statement's text without its literals, on one line; '' where none was recorded."""
    text: Any = values.attributes.get("db.query.text") if values else None
    text = text.kept if isinstance(text, Cut) else text
    return _LIST.sub("(?)", _LITERAL.sub("?", " ".join(text.split()))) if isinstance(text, str) else ""


def shown(text: str, most: int = 120) -> str:
    """A text within a sentence."""
    return text if len(text) <= most else text[: most - 1] + "…"


def finding(calls: Calls, kind: Kind, subject: str, sentence: str, rows: Sequence[int], evidence: Sequence[int]) -> Finding:
    """A finding about some rows of one run."""
    starts = calls.rows["start"][list(rows)]
    return Finding(
        kind, subject, calls.run_id(rows[0]), sentence, calls.span_ids(evidence), len(rows), int(starts.min()), int(starts.max())
    )
