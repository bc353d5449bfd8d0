"""Calls that are missing, and calls that were counted and not recorded one by one: what an answer about calls must say."""

from __future__ import annotations

from collections.abc import Iterable

from mcp_tracer.analysis.text import counted as counting
from mcp_tracer.model.span import FunctionStats, Run
from mcp_tracer.service.context import Tools


async def of_run(tools: Tools, run_id: str, since_ns: int = 0) -> str | None:
    """What is to be known of a run's calls: that some are missing, or known by their number alone."""
    found = await tools.store.run(run_id)
    few = _sentence("this run", await tools.store.call_count(found.run_id), found.spans)
    return " ".join(filter(None, (lacking(found, since_ns), few))) or None


async def expired(tools: Tools, run_id: str | None) -> str | None:
    """A sentence where answers about a run, or about all, lack calls."""
    if run_id is not None:
        return lacking(await tools.store.run(run_id))
    _, runs = await tools.store.expired()
    return f"Older calls of {counting(runs, 'run')} were deleted by retention: list_runs says how many." if runs else None


def lacking(run: Run, since_ns: int = 0) -> str | None:
    """A sentence where calls of a run are missing from all answers, numbers of calls too. What ended before `since_ns` isn't missed."""
    said: list[str] = []
    if run.damaged:
        said.append(
            f"{counting(run.damaged, 'part')} of its recording could not be read, with up to 1,365 calls each (more where it was cut off)"
        )
    if run.stopped:
        said.append(f"tracing stopped before the program ended ({run.stopped}): {run.dropped:,} calls were not recorded")
    if run.expired and since_ns <= run.expired_until_ns:
        said.append(f"the oldest {run.expired:,} were deleted by retention")
    sure = "are" if said else "may be"
    if run.may_lack:
        said.append(
            "they may be in the damaged part of the store" if sure == "may be" else "others may be in the damaged part of the store"
        )
    return f"Calls of run {run.run_id} {sure} missing: {'; '.join(said)}." if said else None


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
