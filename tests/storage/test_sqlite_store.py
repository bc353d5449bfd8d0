"""The SQLite store's own promises: once and only once, refusing what it cannot read, saying what exists, deleting whole segments."""

from __future__ import annotations

import random
import sqlite3
import tracemalloc
from pathlib import Path

import pytest

from mcp_tracer.ingest.reader import SpoolReader
from mcp_tracer.model import spool
from mcp_tracer.model.batch import SpoolBatch, SpoolPosition
from mcp_tracer.model.errors import NotFound, Unavailable, UserError
from mcp_tracer.model.query import SpanQuery
from mcp_tracer.model.span import Event, RaisedError, Values
from mcp_tracer.model.values import Cut, Mark, Obj
from mcp_tracer.storage.sqlite import SqliteSpanStore, schema
from mcp_tracer.storage.sqlite.paths import MOST_FAILED
from mcp_tracer.storage.sqlite.writer import Limits
from tests.spool_builder import SpoolBuilder, ext, sections

pytestmark = pytest.mark.anyio
TRACE, OTHER = "ab" * 16, "cd" * 16


def batches_of(builder: SpoolBuilder, folder: Path, step: int = 32_768) -> list[SpoolBatch]:
    """The file's batches."""
    found, position = [], SpoolPosition()
    with SpoolReader(builder.write(folder / "spool")) as reader:
        while (batch := reader.read(position, max_records=step)) is not None:
            found.append(batch)
            position = batch.end
    return found


def program(number: int = 1, spans: int = 3, at: int = 0, **run: object) -> SpoolBuilder:
    """A run with some spans of one trace."""
    builder = SpoolBuilder(f"{number:02x}" * 16, number, number << 40, 1_700_000_000_000_000_000 + at, run=run)
    function, trace = builder.function("Store.save", "src/store.py", 9, "method", ["key"]), builder.trace(f"{number:02x}" * 16)
    for seq in range(1, spans + 1):
        builder.span(seq=seq, trace=trace, fn=function, at=seq, duration=5, payload=sections(P=[f"key {seq}"], R=seq))
    return builder


async def filled(folder: Path, *builders: SpoolBuilder, limits: Limits | None = None, compress: bool = True) -> SqliteSpanStore:
    """A store with these files."""
    store = SqliteSpanStore(folder / "traces", limits=limits, compress=compress)
    for builder in builders:
        for batch in batches_of(builder, folder, 10):
            await store.append([batch])
    return store


async def test_the_same_batch_twice_changes_nothing(tmp_path: Path) -> None:
    store = SqliteSpanStore(tmp_path / "traces")
    for batch in batches_of(program(spans=30), tmp_path, 7):
        await store.append([batch])
        await store.append([batch, batch])
        assert await store.position(batch.source.name) == batch.end
    assert (await store.size())[1] == 30
    assert (await store.function_stats())[0].calls == 30


async def test_a_batch_that_leaves_a_gap_is_refused(tmp_path: Path) -> None:
    batches = batches_of(program(spans=30), tmp_path, 7)
    store = SqliteSpanStore(tmp_path / "traces")
    with pytest.raises(UserError, match="read from there"):
        await store.append([batches[1]])
    await store.append(batches)
    assert (await store.size())[1] == 30


async def test_definitions_are_known_after_a_restart_and_in_the_next_segment(tmp_path: Path) -> None:
    for batch in batches_of(program(spans=30), tmp_path, 4):
        store = SqliteSpanStore(tmp_path / "traces", limits=Limits(spans=8))
        await store.append([batch])
        await store.seal()
        await store.aclose()
    rows = (await SqliteSpanStore(tmp_path / "traces").search(SpanQuery(limit=50))).rows
    assert {(row.function, row.file, row.trace_id) for row in rows} == {("Store.save", "src/store.py", "01" * 16)}
    assert len(rows) == 30


async def test_values_come_back_as_they_were(tmp_path: Path) -> None:
    builder = SpoolBuilder()
    function, trace = builder.function("f", params=["a", "b", "rest"]), builder.trace(TRACE)
    error = builder.error("ValueError")
    builder.span(
        seq=1, trace=trace, fn=function, flags=spool.FLAG_ERROR | spool.FLAG_SUSPENDED, err=error,
        payload=sections(
            P=[ext(1, [900, "long"]), ext(4, ["User", {"name": "x"}]), ext(5, b"name")],
            E={"type": "ValueError", "message": "bad", "stack": [["a.py", 3, "f"]], "cause": {"type": "KeyError", "message": "k"}},
            T={"db.query.text": "SELECT 1"}, S=[40, 2],
        ),
    )  # fmt: skip
    builder.span(seq=2, trace=trace, fn=function, payload=sections(R=None))
    builder.span(seq=3, trace=trace, fn=function)
    for compress in (True, False):
        store = await filled(tmp_path / str(compress), builder, compress=compress)
        failed = await store.span(builder.span_id(1))
        assert failed.values == Values(
            params={"a": Cut(900, "long"), "b": Obj("User", {"name": "x"}), "rest": Mark("redacted", "name")},
            error=RaisedError("ValueError", "bad", (("a.py", 3, "f"),), RaisedError("KeyError", "k")),
            attributes={"db.query.text": "SELECT 1"}, suspended_ns=40, resumes=2,
        )  # fmt: skip
        assert (await store.span(builder.span_id(2))).values == Values(has_return=True)
        assert (await store.span(builder.span_id(3))).values is None
        assert (await store.search(SpanQuery(text="select 1"))).total == 1


async def test_events_come_in_order(tmp_path: Path) -> None:
    builder = SpoolBuilder()
    function, trace, line = builder.function("f"), builder.trace(TRACE), builder.site("", "line", 7)
    for number in (2, 1):
        builder.event(1, number, line, 10 * number, {"x": number})
    builder.span(seq=1, trace=trace, fn=function)
    store = await filled(tmp_path, builder)
    start = builder.origin_wall_ns
    assert await store.events(builder.span_id(1)) == (
        Event(builder.span_id(1), 1, start + 10, "line", 7, {"x": 1}), Event(builder.span_id(1), 2, start + 20, "line", 7, {"x": 2}),
    )  # fmt: skip


async def test_a_trace_of_two_processes_is_one(tmp_path: Path) -> None:
    first, second = SpoolBuilder("01" * 16, 1, 1 << 40), SpoolBuilder("02" * 16, 2, 2 << 40)
    first.span(seq=1, trace=first.trace(TRACE, type="http-request", method="GET", url="/a"), fn=first.function("serve"), at=0, duration=100)
    trace = second.trace(TRACE, parentSpanId=first.span_id(1))
    second.span(seq=1, trace=trace, fn=second.function("work"), at=10, duration=50)
    store = await filled(tmp_path, second, first)
    summary = await store.trace("last")
    assert (summary.name, summary.run_id, summary.spans, summary.type) == ("GET /a", "01" * 16, 2, "http-request")
    spans = (await store.trace_spans(TRACE)).rows
    assert [(span.function, span.parent_span_id) for span in spans] == [("serve", None), ("work", first.span_id(1))]
    assert [trace.trace_id for trace in (await store.traces("02" * 16)).rows] == [TRACE]


async def test_words_for_runs_pass_over_child_runs(tmp_path: Path) -> None:
    child = program(3, at=30, parentRunId="02" * 16)
    builders = [program(1, at=10), program(2, at=20), child]
    builders[0].end(exit_code=1)
    store = await filled(tmp_path, *builders)
    assert [(await store.run(word)).run_id[:2] for word in ("last", "previous", "last-failed", "030303")] == ["02", "01", "01", "03"]
    pages = [await store.runs(limit=2)]
    pages.append(await store.runs(limit=2, cursor=pages[0].cursor))
    assert [run.run_id[:2] for page in pages for run in page.rows] == ["03", "02", "01"]
    assert (pages[0].total, pages[1].cursor) == (3, None)


@pytest.mark.parametrize("asked", ["ffffff", "0101", "nonsense"])
async def test_unknown_ids_say_what_exists(tmp_path: Path, asked: str) -> None:
    store = await filled(tmp_path, program(1))
    for ask in (store.run, store.trace, store.trace_spans):
        with pytest.raises((NotFound, UserError), match="01" * 16):
            await ask(asked)
    with pytest.raises(NotFound, match="16 hex digits"):
        await store.span(asked)


async def test_an_empty_store_says_so(tmp_path: Path) -> None:
    store = SqliteSpanStore(tmp_path / "traces")
    with pytest.raises(NotFound, match="Nothing was recorded yet"):
        await store.run("last")
    with pytest.raises(NotFound, match="Nothing was recorded yet"):
        await store.trace("last")
    assert ((await store.search(SpanQuery())).rows, await store.hotspots(), (await store.runs()).total) == ((), (), 0)
    assert await store.size() == (0, 0)


async def test_a_cursor_of_another_list_is_refused(tmp_path: Path) -> None:
    store = await filled(tmp_path, program(1))
    cursor = (await store.search(SpanQuery(limit=1))).cursor
    with pytest.raises(UserError, match="cursor"):
        await store.runs(cursor=cursor)
    with pytest.raises(UserError, match="cursor"):
        await store.search(SpanQuery(cursor="x"))


async def test_pages_stay_in_order_while_spans_are_added(tmp_path: Path) -> None:
    store = await filled(tmp_path, program(1, 10))
    first = await store.search(SpanQuery(limit=4))
    for batch in batches_of(program(2, 10, at=10**9), tmp_path):
        await store.append([batch])
    second = await store.search(SpanQuery(limit=50, cursor=first.cursor))
    assert [span.span_id for span in first.rows + second.rows] == [program(1).span_id(seq) for seq in range(10, 0, -1)]


@pytest.mark.parametrize("killed", [False, True])
async def test_only_the_end_of_a_killed_process_is_looked_for_in_all_segments(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, killed: bool
) -> None:
    one = program(1, 40)
    store = await filled(tmp_path, one, limits=Limits(spans=8))
    await store.seal()
    assert len(list((tmp_path / "traces").glob("seg*.db"))) > 3
    read: list[Path] = []
    connect = schema.connect

    def noted(path: Path, **options: bool) -> sqlite3.Connection:
        read.append(path)
        return connect(path, **options)

    monkeypatch.setattr(schema, "connect", noted)
    await store.finish(one.name, killed=killed)
    assert bool(read) == killed


@pytest.mark.parametrize("file", ["catalog.db", "seg00001.db"])
async def test_a_store_of_a_newer_version_is_left_alone(tmp_path: Path, file: str) -> None:
    await (await filled(tmp_path, program(1))).aclose()
    with sqlite3.connect(tmp_path / "traces" / file) as db:
        db.execute(f"PRAGMA user_version={schema.VERSION + 1}")
    db.close()
    before = (tmp_path / "traces" / file).read_bytes()
    store = SqliteSpanStore(tmp_path / "traces")
    with pytest.raises(Unavailable, match="newer mcp-tracer"):
        await store.search(SpanQuery())
    with pytest.raises(Unavailable, match="newer mcp-tracer"):
        await store.append(batches_of(program(2), tmp_path))
    assert (tmp_path / "traces" / file).read_bytes() == before


async def test_a_full_disk_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = await filled(tmp_path, program(1, 5))
    await store.aclose()
    store = SqliteSpanStore(tmp_path / "traces")
    large = program(2, 5)
    for seq in range(6, 50):
        large.span(seq=seq, trace=1, fn=1, payload=sections(R=random.Random(seq).randbytes(9000)))
    batches = batches_of(large, tmp_path)
    opened = schema.connect

    def small(path: Path, **options: bool) -> sqlite3.Connection:
        connection = opened(path, **options)
        connection.execute("PRAGMA max_page_count=1")
        return connection

    monkeypatch.setattr(schema, "connect", small)
    with pytest.raises(Unavailable, match="full"):
        await store.append(batches)
    monkeypatch.undo()
    assert (await store.size())[1] == 5
    await store.append(batches)
    assert (await store.size())[1] == 54


async def test_a_store_keeps_to_its_size_however_few_spans_take_it(tmp_path: Path) -> None:
    """500 calls with 40 KB each: far from a million spans."""
    most = 12_000_000
    store = SqliteSpanStore(tmp_path / "traces", compress=False, limits=Limits.within(most))
    rng = random.Random(0)
    for number in range(1, 26):
        builder = SpoolBuilder(f"{number:032x}", number, number << 40, 1_700_000_000_000_000_000 + number * 10**9)
        function, trace = builder.function(), builder.trace(f"{number:032x}")
        for seq in range(1, 21):
            builder.span(seq=seq, trace=trace, fn=function, at=seq, payload=sections(R=rng.randbytes(20_000).hex()))
        for batch in batches_of(builder, tmp_path):
            await store.append([batch])
        await store.finish(builder.name, killed=False)
        await store.retain(None, most)
    size, spans = await store.size()
    assert most * 0.6 < size < most * 1.1
    assert 100 < spans < 500 and (await store.run("last")).spans == 20


async def test_retention_deletes_whole_segments(tmp_path: Path) -> None:
    hour = 3600 * 10**9
    builders = [program(number, 20, at=number * hour) for number in (1, 2, 3)]
    store = await filled(tmp_path, *builders, limits=Limits(spans=15))
    for builder in builders:
        await store.finish(builder.name, killed=False)
    await store.seal()
    deleted = await store.retain(builders[1].origin_wall_ns, None)
    assert 0 < deleted <= 20  # the segment in which the second run began stays
    assert (await store.size())[1] == 60 - deleted
    deleted += await store.retain(None, 1)
    assert [run.run_id[:2] for run in (await store.runs()).rows][:1] == ["03"]
    deleted += await store.retain(1 << 62, None)
    assert (deleted, (await store.size())[1], (await store.runs()).rows) == (60, 0, ())
    for batch in batches_of(program(4), tmp_path):
        await store.append([batch])
    assert [span.run_id[:2] for span in (await store.search(SpanQuery())).rows] == ["04"] * 3


async def test_a_lost_definition_gives_a_stand_in(tmp_path: Path) -> None:
    builder = SpoolBuilder()
    builder.span(seq=1, trace=77, fn=88, err=99, flags=spool.FLAG_ERROR)
    store = await filled(tmp_path, builder)
    (span,) = (await store.search(SpanQuery())).rows
    assert (span.function, span.error, len(span.trace_id)) == ("<unknown>", "Error", 32)
    assert (await store.trace(span.trace_id)).spans == 1


@pytest.mark.parametrize("seed", range(12))
async def test_garbage_in_an_unsealed_chunk_harms_nothing_else(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    raw = bytearray(program(1, 300).to_bytes())
    for _ in range(rng.choice((3, 40))):
        at = rng.choice((rng.randrange(4096 + 32, 4096 + 14_000), rng.randrange(len(raw) - 9000, len(raw) - 8)))
        raw[at : at + 8] = rng.randbytes(8)
    path = tmp_path / "garbage.spool"
    path.write_bytes(bytes(raw))
    store = await filled(tmp_path, program(2, 5))
    position = SpoolPosition()
    with SpoolReader(path) as reader:
        while (batch := reader.read(position, final=True)) is not None:
            await store.append([batch])
            position = batch.end
    await store.finish(path.name, killed=True)
    found = await store.search(SpanQuery(limit=1000, text="key"))
    assert {span.run_id[:2] for span in found.rows} >= {"02"}
    await store.search(SpanQuery(limit=1000))
    await store.hotspots()
    for run in (await store.traces(limit=400)).rows:
        await store.trace_spans(run.trace_id)


async def test_call_paths_take_no_more_memory_where_numbers_lie_far_apart(tmp_path: Path) -> None:
    """A task that lives as long as its process: its last call's number is near the greatest there is."""
    builder = SpoolBuilder()
    functions, trace = [builder.function(name) for name in ("serve", "stop", "lost")], builder.trace(TRACE)
    for function, seq, parent in zip(functions, (1, 4_000_000_000, 4_000_000_001), (0, 1, 7), strict=True):
        builder.span(seq=seq, parent=parent, trace=trace, fn=function, at=seq, duration=5)
    store = await filled(tmp_path, builder)
    tracemalloc.start()
    found = [(path.above, path.function) for path in await store.call_paths(TRACE)]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10 << 20
    assert found == [(-1, "serve"), (-1, "lost"), (0, "stop")]


async def test_of_very_many_failed_calls_in_small_paths_a_choice_keeps_its_paths(tmp_path: Path) -> None:
    """One of each function and caller: all paths in which something failed would be tens of thousands."""
    builder = SpoolBuilder()
    trace, error, main = builder.trace(TRACE), builder.error("KeyError"), builder.function("main")
    builder.span(seq=1, trace=trace, fn=main, at=0, duration=1_000_000_000)
    callers = [builder.function(f"caller{number}") for number in range(MOST_FAILED + 50)]
    tasks = [builder.function(name) for name in ("load", "keep")]
    for number, (caller, task) in enumerate([(callers[0], tasks[1]), *((caller, tasks[0]) for caller in callers * 2)]):
        seq = 2 + 2 * number
        builder.span(seq=seq, parent=1, trace=trace, fn=caller, at=seq, duration=2)
        builder.span(seq=seq + 1, parent=seq, trace=trace, fn=task, at=seq, duration=1, err=error, flags=spool.FLAG_ERROR)
    store = await filled(tmp_path, builder)
    found = await store.call_paths(TRACE, 0.002)
    assert [one.function for one in found if one.above == -1] == ["main"]
    assert [one.calls for one in found if one.function == "load"] == [2] * MOST_FAILED
    assert len(await store.call_paths(TRACE)) == 1 + 2 * len(callers) + 1


async def test_names_complete(tmp_path: Path) -> None:
    store = await filled(tmp_path, program(1), program(2, at=5))
    assert await store.names("file", "src/") == ("src/store.py",)
    assert await store.names("function", "SAVE") == ("Store.save",)
    assert await store.names("run", "01") == ("01" * 16,)
    assert await store.names("trace", "") == ("02" * 16, "01" * 16)
    with pytest.raises(UserError, match="use file"):
        await store.names("thing", "")


async def test_in_memory_keeps_the_newest_traces(tmp_path: Path) -> None:
    store = SqliteSpanStore(None, max_traces=8)
    for number in range(1, 21):
        for batch in batches_of(program(number, 5, at=number), tmp_path):
            await store.append([batch])
    kept = [trace.trace_id[:2] for trace in (await store.traces(limit=50)).rows]
    assert kept == [f"{number:02x}" for number in range(20, 20 - len(kept), -1)]
    assert 4 <= len(kept) <= 8
    await store.aclose()
