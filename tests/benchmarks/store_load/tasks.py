"""What runs in processes of its own, and says what it measured as JSON: `python -m store_load.tasks TASK PROJECT …`."""

from __future__ import annotations

import json
import os
import resource
import sqlite3
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio

from mcp_tracer.app import open_service
from mcp_tracer.service.service import Service
from mcp_tracer.workspace.project import Project
from store_load.asking import ask, p95, questions
from store_load.spools import Load


async def ingest(project: Project, _: dict[str, Any]) -> dict[str, Any]:
    """Take everything that lies in the spool, on one core, sealing included."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    started, used = time.perf_counter(), time.process_time()
    async with open_service(project, ingest=False) as service:
        await service.tools.catch_up()
        taken = time.perf_counter() - started
    ended = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": ended, "taken": taken, "cpu": time.process_time() - used, "peakMB": peak}


async def size(project: Project, _: dict[str, Any]) -> dict[str, Any]:
    """How many spans there are, and what they take."""
    async with open_service(project, ingest=False) as service:
        stored, spans = await service.tools.store.size()
    return {"bytes": stored, "spans": spans, "values": sum(map(_values, project.traces_dir.glob("seg*.db")))}


def _values(segment: Path) -> int:
    """Bytes of the compressed values in a segment."""
    with closing(sqlite3.connect(segment)) as opened:
        return opened.execute("SELECT coalesce(sum(length(z)), 0) FROM payload").fetchone()[0]


async def warm(project: Project, asked: dict[str, Any]) -> dict[str, Any]:
    """95th percentile of each question's answers in ms, after a first answer that does not count."""
    return await _each(project, asked, lambda service, question: _warm(service, question, asked["times"]))


async def cold(project: Project, asked: dict[str, Any]) -> dict[str, Any]:
    """The first answer of this process to the one question, in ms. The caller has emptied the system's cache."""
    return await _each(project, asked, lambda service, question: ask(service, question, 1))


async def _warm(service: Service, question: Any, times: int) -> list[float]:
    await ask(service, question, 1)
    return await ask(service, question, times)


async def _each(project: Project, asked: dict[str, Any], measure: Callable[[Service, Any], Awaitable[list[float]]]) -> dict[str, Any]:
    load = Load(**asked["load"])
    async with open_service(project, ingest=False) as service:
        if asked.get("at_once"):  # as the store is, without waiting for what the other process has yet to take in
            service.tools = replace(service.tools, catch_up=_nothing)
        found = [one for one in questions(load, asked["trace"], asked["largest"]) if asked.get("only") in (None, one.name)]
        return {question.name: p95(await measure(service, question)) for question in found}


async def _nothing() -> None:
    """Instead of catching up."""


TASKS = {task.__name__: task for task in (ingest, size, warm, cold)}


def main() -> None:
    """Run one task."""
    name, root, asked = sys.argv[1:]
    print(json.dumps(anyio.run(TASKS[name], Project(Path(root)), json.loads(asked))))


if __name__ == "__main__":
    main()
