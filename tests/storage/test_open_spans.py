"""Calls that have not ended: how long they have lasted so far is the same in all answers, and no call below one lasted longer."""

from __future__ import annotations

from pathlib import Path

import pytest

from mcp_tracer.model.query import SpanQuery
from mcp_tracer.model.sql import Scope, SqlQuery
from mcp_tracer.storage.sqlite import SqliteSpanStore
from mcp_tracer.storage.sqlite.writer import Limits
from tests.spool_builder import SpoolBuilder
from tests.storage.test_sqlite_store import batches_of

pytestmark = pytest.mark.anyio
TRACE = "ab" * 16
MS = 1_000_000


def running() -> SpoolBuilder:
    """A program whose `main` was written 500 ms after it began, and whose calls went on for a second."""
    builder = SpoolBuilder()
    trace = builder.trace(TRACE, type="call")
    main, step = builder.function("main"), builder.function("step")
    builder.open_span(seq=1, trace=trace, fn=main, at=0, duration=500 * MS)
    builder.span(seq=2, trace=trace, fn=step, parent=1, depth=1, at=1 * MS, duration=998 * MS)
    builder.event(1, 1, builder.site("x", "variable", 3), at=1200 * MS, values={"x": 1})
    return builder


async def so_far(store: SqliteSpanStore) -> list[float]:
    """For how many ms `main` has lasted, as the answers say it."""
    (main,) = (await store.search(SpanQuery(function="main"))).rows
    slowest = (await store.search(SpanQuery(order="duration"))).rows[0]
    in_trace = (await store.trace_spans(TRACE)).rows[0]
    trace = await store.trace(TRACE)
    (path, *_) = await store.call_paths(TRACE)
    sql = "SELECT duration_ms, (SELECT duration_ms FROM traces) FROM spans WHERE function='main'"
    told = [span.duration_ns for span in (main, slowest, in_trace, await store.span(main.span_id))]
    return [*(ns / MS for ns in (*told, trace.end_ns - trace.start_ns, path.total_ns)), *(await store.sql(SqlQuery(sql, Scope()))).rows[0]]


@pytest.mark.parametrize("limits", [Limits(), Limits(spans=1)])
async def test_an_open_call_has_lasted_until_its_process_was_last_heard_of(tmp_path: Path, limits: Limits) -> None:
    store = SqliteSpanStore(tmp_path / "traces", limits=limits)
    batches = batches_of(running(), tmp_path, 1)
    for batch in batches[:-1]:
        await store.append([batch])
    assert await so_far(store) == [999] * 8
    await store.append(batches[-1:])
    assert await so_far(store) == [1200] * 8
    await store.finish(batches[0].source.name, killed=True)
    assert await so_far(store) == [1200] * 8
    (run,) = (await store.runs()).rows
    assert (run.state, (run.end_ns or 0) - run.start_ns) == ("killed", 1200 * MS)
    await store.aclose()
