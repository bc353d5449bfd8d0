"""What runs in processes of its own, and says what it measured as JSON: `python -m store_load.tasks TASK PROJECT …`."""

from __future__ import annotations

import json
import os
import resource
import sqlite3
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import anyio

from mcp_tracer.app import open_service
from mcp_tracer.ingest.reader import SpoolReader
from mcp_tracer.model.batch import SpoolBatch, SpoolPosition
from mcp_tracer.service.service import Service
from mcp_tracer.storage.sqlite import SqliteSpanStore
from mcp_tracer.workspace.project import Project
from store_load import spools
from store_load.asking import Places, ask, in_the_middle, p95, questions
from store_load.spools import Load

FEW = 20


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


async def places(project: Project, asked: dict[str, Any]) -> dict[str, Any]:
    """What the questions name, found once, so that a process that is asked for the first time has not looked before."""
    async with open_service(project, ingest=False) as service:
        return asdict(await in_the_middle(service, asked["trace"], asked["largest"]))


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
        found = [one for one in questions(load, Places(**asked["places"])) if asked.get("only") in (None, one.name)]
        return {question.name: p95(await measure(service, question)) for question in found}


async def _nothing(progress: object = None) -> int:
    """Instead of catching up."""
    return 0


async def small(project: Project, asked: dict[str, Any]) -> dict[str, Any]:
    """What a commit of few records takes in ms, in the store as it is, definitions and the merging of small frames included."""
    load = Load(200 * FEW, FEW, seed=3, end_ns=Load(**asked["load"]).end_ns, first_run=20_000)
    store = SqliteSpanStore(project.traces_dir)
    took: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        for batch in (batch for path in spools.write(Path(folder), load) for batch in _batches(path)):
            started = time.perf_counter()
            await store.append([batch])
            took.append((time.perf_counter() - started) * 1e3)
    await store.aclose()
    return {"mean": sum(took) / len(took), "p95": p95(took)}


def _batches(path: Path) -> Iterator[SpoolBatch]:
    position = SpoolPosition()
    with SpoolReader(path) as reader:
        while (batch := reader.read(position, max_records=FEW)) is not None:
            yield batch
            position = batch.end


TASKS = {task.__name__: task for task in (ingest, size, places, warm, cold, small)}


def main() -> None:
    """Run one task."""
    name, root, asked = sys.argv[1:]
    print(json.dumps(anyio.run(TASKS[name], Project(Path(root)), json.loads(asked))))


if __name__ == "__main__":
    main()
