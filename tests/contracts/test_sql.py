"""SQL over a store says the same as SQL over a plain table of the reference's rows."""

from __future__ import annotations

import sqlite3
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from mcp_tracer.model.sql import VIEWS, Cell, Scope, SqlQuery
from mcp_tracer.storage.sqlite import SqliteSpanStore
from tests.contracts import views
from tests.contracts.programs import RUNS, START, TRACES, programs
from tests.contracts.reference import Reference
from tests.contracts.statistics import HOUR_NS
from tests.contracts.stores import Shape, compare, in_sqlite, shapes, some
from tests.spool_builder import SpoolBuilder

COLUMNS = (
    "span_id, trace_id, parent_id, run, function, file, line, kind, start_ns, duration_ms, self_ms, depth, thread, error, finished, calls"
)
QUERIES = (
    f"SELECT {COLUMNS} FROM spans",
    "SELECT * FROM (SELECT function, duration_ms FROM spans) WHERE duration_ms > 1",
    "SELECT function, count(*), sum(duration_ms), max(self_ms) FROM spans WHERE error IS NULL GROUP BY function, run",
    "SELECT p.function, c.function, count(*) FROM spans p JOIN spans c ON c.parent_id = p.span_id GROUP BY 1, 2",
    "SELECT count(*) FROM spans",
    "SELECT span_id, duration_ms FROM spans ORDER BY duration_ms DESC, span_id LIMIT 5 OFFSET 2",
    "SELECT depth, count(DISTINCT trace_id) FROM spans GROUP BY depth HAVING count(*) > 1",
    "SELECT span_id FROM spans JOIN (SELECT span_id, depth AS d FROM spans) USING (span_id) WHERE d > 1",
    "SELECT span_id, type FROM errors",
    "SELECT function, row_number() OVER (PARTITION BY run ORDER BY start_ns, span_id) FROM spans",
    "WITH RECURSIVE up(id, parent) AS (SELECT span_id, parent_id FROM errors UNION SELECT s.span_id, s.parent_id FROM spans s JOIN up "
    "ON s.span_id = up.parent) SELECT count(*) FROM up",
    "SELECT DISTINCT file FROM spans WHERE line BETWEEN 2 AND 12 AND start_ns >= 1700000000000000500",
)
scopes = st.builds(
    Scope,
    run_id=st.sampled_from([None, None, RUNS[0]]),
    trace_id=st.sampled_from([None, None, TRACES[0]]),
    start_ns=st.none() | st.integers(START, START + 2 * HOUR_NS),
    end_ns=st.none() | st.integers(START, START + 3 * HOUR_NS),
)


def plain(reference: Reference, scope: Scope) -> sqlite3.Connection:
    """The reference's rows in a table, as simple as can be."""
    db = sqlite3.connect(":memory:")
    db.execute(f"CREATE TABLE spans({COLUMNS})")
    for row in reference.rows:
        if views.fits(row, scope):
            cells = (
                row.span_id, row.trace_id, row.parent_span_id, row.run_id, row.function, row.file, row.line, row.kind, row.start_ns,
                row.duration_ns / 1e6, row.self_ns / 1e6, row.depth, row.thread, row.error, int(row.finished), row.count,
            )  # fmt: skip
            db.execute(f"INSERT INTO spans VALUES({','.join('?' * 16)})", cells)
    db.execute("CREATE VIEW errors AS SELECT span_id, parent_id, error AS type FROM spans WHERE error IS NOT NULL")
    return db


def in_order(rows: list[tuple[Cell, ...]]) -> list[tuple[str, ...]]:
    """As text, sorted; sums of floats may differ in their last digits."""
    return sorted(tuple(f"{cell:.9g}" if isinstance(cell, float) else str(cell) for cell in row) for row in rows)


@given(programs, shapes, scopes, st.lists(st.sampled_from(QUERIES), min_size=3, max_size=6, unique=True))
@some
def test_sql_says_what_a_plain_table_says(builders: list[SpoolBuilder], shape: Shape, scope: Scope, asked: list[str]) -> None:
    async def check(store: SqliteSpanStore, reference: Reference) -> None:
        known = scope if scope.trace_id in {row.trace_id for row in reference.rows} else replace(scope, trace_id=None)
        expected = plain(reference, known)
        for sql in asked:
            answer = await store.sql(SqlQuery(sql, known, limit=10_000, timeout_s=60))
            assert in_order(list(answer.rows)) == in_order(expected.execute(sql).fetchall()), sql
            assert answer.total == len(answer.rows)

    compare(builders, shape, check, stores=[in_sqlite])


@given(programs, shapes, scopes, st.booleans())
@some
def test_every_view_says_what_the_reference_says(builders: list[SpoolBuilder], shape: Shape, scope: Scope, gone: bool) -> None:
    async def check(store: SqliteSpanStore, reference: Reference) -> None:
        known = scope if scope.trace_id in {row.trace_id for row in reference.rows} else replace(scope, trace_id=None)
        for view in VIEWS:
            answer = await store.sql(SqlQuery(f"SELECT * FROM {view.name}", known, limit=10_000, timeout_s=60))
            assert answer.columns == tuple(column.name for column in view.columns)
            found = views.in_order(view.name, answer.rows)
            expected = views.in_order(view.name, views.rows_of(view.name, reference, known))
            assert len(found) == len(expected), view.name
            for row, wanted in zip(found, expected, strict=True):
                assert all(map(views.is_same, row, wanted)), (view.name, row, wanted)

    compare(builders, shape, check, gone, [in_sqlite])
