"""Calls that were counted and not recorded one by one: what an answer about single calls must say."""

from __future__ import annotations

from collections.abc import Iterable

from mcp_tracer.model.span import FunctionStats
from mcp_tracer.service.context import Tools


async def of_run(tools: Tools, run_id: str) -> str | None:
    """A sentence where calls of a run are known by their number alone."""
    found = await tools.store.run(run_id)
    return _sentence("this run", await tools.store.call_count(found.run_id), found.spans)


def of_function(function: str, stats: Iterable[FunctionStats], recorded: int | None) -> str | None:
    """The same of one function, of which `recorded` calls can be shown; None where that is not known."""
    calls = sum(row.calls for row in stats)
    if recorded is None:
        return f"{calls:,} calls of {function} in all; such as were only counted, to save time, are not listed."
    return _sentence(function, calls, recorded)


def _sentence(what: str, calls: int, recorded: int) -> str | None:
    if calls <= recorded:
        return None
    return (
        f"Of {calls:,} calls of {what} {recorded:,} were recorded one by one; the others were only counted, to save time "
        "(get_stats has them; TRACING_OVERHEAD_BUDGET=off records all)."
    )
