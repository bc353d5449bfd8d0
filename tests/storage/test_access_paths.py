"""How much of a store a question reads: counted frames and payload blocks, and SQLite's own plan of every statement."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncGenerator, Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from mcp_tracer.analysis.provenance import wanted
from mcp_tracer.ingest.reader import SpoolReader
from mcp_tracer.model.query import SpanQuery
from mcp_tracer.model.sql import Scope, SqlQuery
from mcp_tracer.service.operations.value_search import look
from mcp_tracer.storage.sqlite import SqliteSpanStore, columns, dense, frames, schema, seal
from mcp_tracer.storage.sqlite.writer import Limits
from tests.spool_builder import SpoolBuilder, sections

pytestmark = pytest.mark.anyio
RUNS, SPANS, SEGMENT, FRAME, BLOCK = 20, 500, 1000, 100, 25
START = 1_700_000_000_000_000_000
HOUR = 3600 * 10**9
LARGE = ("frame", "payload", "trace_frame", "err_frame", "source_frame", "trace", "event_frame", "fn_frame", "gram", "aggregate", "dense",
         "rollup")  # fmt: skip


@dataclass
class Reads:
    """What was decoded since the last look: payload blocks and frames; and the statements that ran."""

    blocks: int = 0
    frames: set[tuple[int, int]] = field(default_factory=set)
    statements: set[str] = field(default_factory=set)


def program(number: int) -> SpoolBuilder:
    """A run an hour of one trace: `step` often, `Part<number>.only` once, with values that name the run and the call."""
    builder = SpoolBuilder(f"{number:032x}", number, number << 40, START + number * HOUR)
    step = builder.function("step", "src/hot.py", 1, "function", ["text", "size"])
    only = builder.function(f"Part{number}.only", "src/parts.py", number, "method", ["text"])
    variable = builder.site("text", "variable", 2, "src/hot.py", "step")
    trace, error = builder.trace(f"{number:032x}"), builder.error("KeyError")
    for seq in range(1, SPANS + 1):
        fields = {"fn": only, "err": error, "flags": 1} if seq == SPANS // 2 else {"fn": step}
        values = sections(P=[f"parcel {number} of {seq}", seq % 7], R="pending")
        builder.span(seq=seq, trace=trace, parent=seq // 2, depth=seq.bit_length(), at=seq * 1000, duration=seq, payload=values, **fields)
        if seq % 100 == 0:
            builder.event(seq, 1, variable, seq * 1000, {"text": f"parcel {number} of {seq}"})
    builder.end(at=SPANS * 1000)
    return builder


@pytest.fixture
async def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[SqliteSpanStore]:
    """Nine sealed segments and one that takes spans, of frames and blocks so small that there are many."""
    for module in (frames, seal):
        monkeypatch.setattr(module, "FRAME_SPANS", FRAME)
    monkeypatch.setattr(frames, "BLOCK_SPANS", BLOCK)
    monkeypatch.setattr(dense, "LEAST", FRAME // 4)
    monkeypatch.setattr(dense, "_MOST", 2 * FRAME)
    filled = SqliteSpanStore(tmp_path / "traces", limits=Limits(spans=SEGMENT + 1))
    for number in range(1, RUNS + 1):
        with SpoolReader(program(number).write(tmp_path / "spool")) as reader:
            while (batch := reader.read(await filled.position(reader.source.name), max_records=FRAME)) is not None:
                await filled.append([batch])
        await filled.finish(reader.source.name, killed=False)
    await filled.seal()
    yield filled
    await filled.aclose()


@pytest.fixture
def reads(store: SqliteSpanStore, monkeypatch: pytest.MonkeyPatch) -> Reads:
    """Counts from here on."""
    seen = Reads()
    decoded, read, connect = columns.Block.__init__, frames.read, schema.connect

    def block(self: columns.Block, *arguments: Any) -> None:
        seen.blocks += 1
        decoded(self, *arguments)

    def frame(db: sqlite3.Connection, ordinal: int, *names: Any) -> Any:
        seen.frames.add((id(db), ordinal))
        return read(db, ordinal, *names)

    def traced(path: Path, **options: bool) -> sqlite3.Connection:
        connection = connect(path, **options)
        connection.set_trace_callback(seen.statements.add)
        return connection

    monkeypatch.setattr(columns.Block, "__init__", block)
    monkeypatch.setattr(frames, "read", frame)
    monkeypatch.setattr(schema, "connect", traced)
    return seen


Question = Callable[[SqliteSpanStore], Coroutine[Any, Any, object]]
TRACE = f"{7:032x}"
SPAN = f"{(7 << 40) + 250:016x}"

# Of 10 segments with 100 frames and 400 payload blocks: what a question may decode at most.
QUESTIONS: dict[str, tuple[Question, int, int]] = {
    "rare text": (lambda store: store.search(SpanQuery(text="parcel 7 of 123")), 4, 12),
    "rare text, in the newest segment": (lambda store: store.search(SpanQuery(text="parcel 20 of 123")), 4, 12),
    "absent text": (lambda store: store.search(SpanQuery(text="nowhere")), 0, 0),
    "absent text beyond ASCII": (lambda store: store.search(SpanQuery(text="Größe")), 0, 0),
    "absent text without any ASCII": (lambda store: store.search(SpanQuery(text="Привет")), 0, 0),
    "common text, newest first": (lambda store: store.search(SpanQuery(text="pending", limit=10)), 2, 10),
    "one function": (lambda store: store.search(SpanQuery(function="Part7.only")), 11, 2),
    "errors of a type, newest first": (lambda store: store.search(SpanQuery(error_type="KeyError", limit=2)), 4, 4),
    "where a value appeared": (
        lambda store: look(store, SpanQuery(text="parcel 7 of 123", descending=False), wanted("parcel 7 of 123", None), 1e12),
        4,
        12,
    ),
    "one span": (lambda store: store.span(SPAN), 2, 1),
    "one span's lines": (lambda store: store.events(SPAN), 2, 0),
    "a flame graph": (lambda store: store.call_paths(TRACE), 6, 0),
    "a trace's first page": (lambda store: store.trace_spans(TRACE, limit=20), 6, 4),
    "a comparison's samples of a function": (
        lambda store: store.search(SpanQuery(run_id=TRACE, function="Part7.only", limit=200)),
        2,
        1,
    ),
    "a comparison's failures": (lambda store: store.search(SpanQuery(run_id=TRACE, has_error=True, limit=500)), 1, 1),
    "SQL over one trace": (
        lambda store: store.sql(SqlQuery("SELECT function, count(*) FROM spans GROUP BY 1", scope=Scope(trace_id=TRACE))),
        6,
        0,
    ),
    "SQL over one trace, values of one span": (
        lambda store: store.sql(
            SqlQuery(f"SELECT return_value FROM spans WHERE span_id = '{SPAN}'", scope=Scope(trace_id=TRACE)),
        ),
        6,
        1,
    ),
    "hotspots, two parts of hours": (lambda store: store.hotspots(start_ns=START + 3 * HOUR, end_ns=START + 9 * HOUR), 1, 0),
    "hotspots, from the middle of a run on": (lambda store: store.hotspots(start_ns=START + 19 * HOUR + 250_000), 3, 0),
    "statistics": (lambda store: store.function_stats(function="step"), 0, 0),
    "patterns of one run": (lambda store: store.findings(TRACE), 0, 0),
    "new calls, for patterns": (lambda store: store.scan(None, lambda calls: len(calls.rows), limit=200), 3, 0),
    "two hours": (lambda store: store.search(SpanQuery(start_ns=START + 3 * HOUR, end_ns=START + 5 * HOUR, limit=20)), 12, 4),
}


@pytest.mark.parametrize("name", QUESTIONS)
async def test_a_question_reads_little(store: SqliteSpanStore, reads: Reads, name: str) -> None:
    question, most_frames, most_blocks = QUESTIONS[name]
    await question(store)
    assert (len(reads.frames) <= most_frames, reads.blocks <= most_blocks) == (True, True), (len(reads.frames), reads.blocks)


@pytest.mark.parametrize("name", QUESTIONS)
async def test_statements_find_rows_by_keys(store: SqliteSpanStore, reads: Reads, name: str) -> None:
    """Only what leads to frames and blocks is read whole: no statement goes through a table that holds their columns and values."""
    await QUESTIONS[name][0](store)
    sealed = sqlite3.connect(next((store._folder).glob("seg*.sealed.db")))  # pyright: ignore[reportPrivateUsage]
    try:
        for statement in reads.statements:
            if not statement.startswith("SELECT") or not any(f"FROM {table} " in f"{statement} " for table in LARGE):
                continue
            for *_, detail in sealed.execute(f"EXPLAIN QUERY PLAN {statement}"):
                assert not detail.startswith("SCAN") or "COVERING INDEX" in detail, (statement, detail)
    finally:
        sealed.close()


async def test_a_process_first_reads_without_a_mapping(store: SqliteSpanStore, reads: Reads) -> None:
    """Where the system reads ahead a lot, a mapping costs a first question the whole file."""
    fresh = SqliteSpanStore(store._folder)  # pyright: ignore[reportPrivateUsage]
    for number in range(20):
        await fresh.function_stats(function="step")
        mapped = any("mmap_size" in statement for statement in reads.statements)
        assert mapped == (number >= 15)
    await fresh.aclose()
