"""What processes say of a trace: its type, its name, the request or test. A trace is called what the process of its earliest root calls it.

A process may begin a trace and then serve requests that belong to it: those don't rename the trace.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Final

from mcp_tracer.storage.sqlite.catalog import as_json

Said = tuple[int, dict[str, Any]]
"""The trace's id in a process's file, and its definition; `parentSpanId` in it says that the process joined the trace."""
_EARLY: Final = -1


def of_row(text: str) -> dict[int, Said]:
    """By process, from a segment's row; what an early version wrote is nobody's."""
    found: dict[str, Any] = json.loads(text)
    if all(isinstance(one, list) for one in found.values()):
        return {int(source): (one[0], one[1]) for source, one in found.items()}
    return {_EARLY: (0, found)}


def as_row(said: dict[int, Said]) -> str:
    """The reverse of `of_row`."""
    return as_json({str(source): one for source, one in said.items()})


def joined(before: Said, later: Said) -> Said:
    """What counts of two that one process said: what began the trace before what joined it, else the earlier one; of the same, both."""
    if before[0] == later[0]:
        return before[0], {**before[1], **later[1]}
    return later if "parentSpanId" in before[1] and "parentSpanId" not in later[1] else before


def of_trace(texts: Iterable[str], source: int) -> dict[str, Any]:
    """The definition of a trace from its segments' rows, oldest first; `source` is the process of its earliest root."""
    known: dict[int, Said] = {}
    for text in texts:
        for one, said in of_row(text).items():
            known[one] = joined(known[one], said) if one in known else said
    chosen = known.get(source) or known.get(_EARLY) or next(iter(known.values()), None)
    return {key: value for key, value in chosen[1].items() if key != "parentSpanId"} if chosen else {}


def name_of(definition: dict[str, Any]) -> str:
    """What a trace is called after: its request, its test; nothing where it is neither."""
    if definition.get("method") and definition.get("url"):
        return f"{definition['method']} {definition['url']}"
    return str(definition.get("testId") or definition.get("name") or definition.get("url") or "")
