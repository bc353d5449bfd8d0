"""Plan many files: here, or in processes of our own on every core where there is enough to do."""

from __future__ import annotations

import os
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

from mcp_tracer.model.errors import UserError
from mcp_tracer.model.plan import InstrumentRequest, Plan
from mcp_tracer.workspace.applying import Report
from mcp_tracer.workspace.originals import Originals
from mcp_tracer.workspace.planner import PlannerProcess, Task, attempt

WORTH_A_PROCESS_BYTES = 1_500_000
"""What one process plans in about a second; starting one takes a third of that."""
FILE_BYTES = 10_000
"""What the smallest file costs, in the same measure: finding, opening and handing it over."""
_AT_ONCE = 32


def plan_all(originals: Originals, tasks: Sequence[Task], report: Report, processes: int | None = None) -> list[Plan | UserError]:
    """The plan of each (request, entry), in order, or why there is none. What `report` raises stops it.

    `processes`: how many, 0 for none; by default as many as there are cores and as the files are worth.
    """
    count = _worth(originals, [request for request, _ in tasks]) if processes is None else processes
    found = _planned_apart(originals, tasks, count) if count > 1 else _planned_here(originals, tasks)
    plans: list[Plan | UserError] = []
    with closing(found):
        for (request, _), plan in zip(tasks, found, strict=True):
            plans.append(plan)
            report(request.path)
    return plans


def _planned_here(originals: Originals, tasks: Sequence[Task]) -> Generator[Plan | UserError]:
    for task in tasks:
        yield attempt(originals, task)


def _planned_apart(originals: Originals, tasks: Sequence[Task], count: int) -> Generator[Plan | UserError]:
    """Each thread drives a process of its own; a process that cannot start or dies leaves its part to the thread."""
    processes = [PlannerProcess(originals) for _ in range(count)]
    free = list(processes)
    parts = [tasks[start : start + _AT_ONCE] for start in range(0, len(tasks), _AT_ONCE)]

    def plan_part(part: Sequence[Task]) -> list[Plan | UserError]:
        process = free.pop()
        try:
            return process.plan(part)
        finally:
            free.append(process)

    threads = ThreadPoolExecutor(count, thread_name_prefix="planning")
    try:
        for plans in threads.map(plan_part, parts):
            yield from plans
    finally:
        threads.shutdown(cancel_futures=True)
        for process in processes:
            process.close()


def _worth(originals: Originals, requests: Sequence[InstrumentRequest]) -> int:
    """How many processes pay: one a core, and none that would have less than a second of work."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    most = min(cores, 16)
    if most < 2 or len(requests) < 2 * _AT_ONCE:
        return 0
    total = 0
    for request in requests:
        total += FILE_BYTES + _size(originals, request)
        if total >= most * WORTH_A_PROCESS_BYTES:
            return most
    return total // WORTH_A_PROCESS_BYTES


def _size(originals: Originals, request: InstrumentRequest) -> int:
    try:
        return (originals.project.root / request.path).stat().st_size
    except OSError:
        return 0  # planning will say what is wrong with it
