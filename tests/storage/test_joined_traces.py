"""Traces in which a process serves requests besides what it began itself: whose parent is whose, and what the trace is called."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from mcp_tracer.model.query import SpanQuery
from mcp_tracer.model.sql import Scope, SqlQuery
from mcp_tracer.storage.sqlite import SqliteSpanStore
from mcp_tracer.storage.sqlite.writer import Limits
from tests.spool_builder import SpoolBuilder
from tests.storage.test_sqlite_store import batches_of, filled

pytestmark = pytest.mark.anyio
TRACE, TEST = "ab" * 16, "tests/test_app.py::test_nine"


def live_server_test(trailing: int = 0) -> SpoolBuilder:
    """A test that asks a server in its own process twice; the requests end before it does."""
    builder = SpoolBuilder()
    functions = [builder.function(name) for name in ("test_nine", "get", "serve")]
    of_test = builder.trace(TRACE, type="test", testId=TEST)
    for turn in range(2):
        asking = 2 + 2 * turn
        served = builder.trace(TRACE, parentSpanId=builder.span_id(asking), type="http-request", method="GET", url=f"/p/{turn}")
        builder.span(seq=asking + 1, trace=served, fn=functions[2], at=20 + 20 * turn, duration=5)
        builder.define(4, {"traceId": TRACE, "statusCode": 200}, served)
        builder.span(seq=asking, trace=of_test, fn=functions[1], parent=1, depth=1, at=10 + 20 * turn, duration=18)
    builder.span(seq=1, trace=of_test, fn=functions[0], at=0, duration=100)
    for seq in range(6, 6 + trailing):
        builder.span(seq=seq, trace=of_test, fn=functions[1], parent=1, depth=1, at=60, duration=1)
    builder.end(at=110)
    return builder


async def callers_in(store: SqliteSpanStore) -> dict[str, str | None]:
    """Span -> the span that it says is above it, by the last digit."""
    spans = (await store.trace_spans(TRACE)).rows
    return {span.span_id[-1]: span.parent_span_id and span.parent_span_id[-1] for span in spans}


ABOVE = {"1": None, "2": "1", "3": "2", "4": "1", "5": "4"}


@pytest.mark.parametrize("limits", [Limits(), Limits(spans=2)])
async def test_a_process_that_asks_itself_keeps_its_root(tmp_path: Path, limits: Limits) -> None:
    store = SqliteSpanStore(tmp_path / "traces", limits=limits)
    for batch in batches_of(live_server_test(), tmp_path, 2):
        await store.append([batch])
        await store.seal()
    assert await callers_in(store) == ABOVE
    rows = (await store.sql(SqlQuery("SELECT substr(span_id, 16), substr(parent_id, 16) FROM spans", Scope()))).rows
    assert dict(rows) == ABOVE
    await store.aclose()


@pytest.mark.parametrize("limits", [Limits(), Limits(spans=2)])
async def test_a_trace_is_called_what_its_earliest_root_is(tmp_path: Path, limits: Limits) -> None:
    store = SqliteSpanStore(tmp_path / "traces", limits=limits)
    for batch in batches_of(live_server_test(), tmp_path, 2):
        await store.append([batch])
    trace = await store.trace(TRACE)
    assert (trace.type, trace.name, trace.attributes) == ("test", TEST, {"type": "test", "testId": TEST})
    rows = (await store.sql(SqlQuery("SELECT type, name, url, status_code FROM traces", Scope()))).rows
    assert list(rows) == [("test", TEST, None, None)]
    assert [len((await store.search(SpanQuery(test_id=part))).rows) for part in (TEST, TEST[3:-1], "x" + TEST)] == [5, 5, 0]
    await store.aclose()


@pytest.mark.parametrize("first", [0, 1])
async def test_a_trace_of_two_processes_is_called_what_the_one_that_began_earlier_says(tmp_path: Path, first: int) -> None:
    asking, asked = SpoolBuilder("0a" * 16, 1, 1 << 40), SpoolBuilder("0b" * 16, 2, 2 << 40)
    for builder, at, url, parent in ((asking, 0, "/outer", "00000000000000aa"), (asked, 10, "/inner", asking.span_id(1))):
        trace = builder.trace(TRACE, parentSpanId=parent, type="http-request", method="GET", url=url)
        builder.span(seq=1, trace=trace, fn=builder.function("serve"), at=at, duration=50 - at)
        builder.define(4, {"traceId": TRACE, "statusCode": 200 + at}, trace)
    store = await filled(tmp_path, *((asking, asked) if first == 0 else (asked, asking)))
    trace = await store.trace(TRACE)
    assert (trace.name, trace.run_id, trace.attributes["statusCode"]) == ("GET /outer", asking.run_id, 200)
    assert [span.parent_span_id for span in (await store.trace_spans(TRACE)).rows] == ["00000000000000aa", asking.span_id(1)]
    await store.aclose()


async def test_a_request_that_is_still_served_in_the_next_segment_keeps_its_caller_and_its_name(tmp_path: Path) -> None:
    builder = SpoolBuilder()
    served = builder.trace(TRACE, parentSpanId="00000000000000aa", type="http-request", method="GET", url="/long")
    function = builder.function("serve")
    builder.open_span(seq=1, trace=served, fn=function, at=0)
    for seq in range(2, 8):
        builder.span(seq=seq, trace=served, fn=function, parent=1, depth=1, at=seq, duration=1)
    store = await filled(tmp_path, builder, limits=Limits(spans=3))
    await store.retain(None, 1)
    spans = (await store.trace_spans(TRACE)).rows
    assert [(span.span_id, span.parent_span_id) for span in spans] == [(builder.span_id(1), "00000000000000aa")]
    assert (await store.trace(TRACE)).name == "GET /long"
    await store.aclose()


async def test_an_early_versions_guess_is_never_a_span_of_the_same_process(tmp_path: Path) -> None:
    store = await filled(tmp_path, live_server_test())
    await store.aclose()
    with closing(sqlite3.connect(tmp_path / "traces" / "seg00001.db", isolation_level=None)) as db:
        db.execute("DROP TABLE remote_root")
        db.execute("PRAGMA user_version=1")
    store = SqliteSpanStore(tmp_path / "traces")
    assert await callers_in(store) == {**ABOVE, "3": None, "5": None}
    for batch in batches_of(SpoolBuilder("0c" * 16), tmp_path):
        await store.append([batch])  # brings the segment forward
    assert await callers_in(store) == {**ABOVE, "3": None, "5": None}
    await store.aclose()
