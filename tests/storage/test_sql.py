"""SQL over the SQLite store: what it refuses, what it says, what it looks at, how it ends."""

from __future__ import annotations

import re
import sqlite3
import sys
import time
from pathlib import Path
from threading import Event

import anyio
import pytest

from mcp_tracer.model.errors import UserError
from mcp_tracer.model.sql import BY_NAME, VIEWS, Scope, SqlQuery
from mcp_tracer.storage.sqlite import SqliteSpanStore
from mcp_tracer.storage.sqlite.sql import guard, spans, values
from mcp_tracer.storage.sqlite.writer import Limits
from tests.spool_builder import SpoolBuilder, ext, sections
from tests.storage.test_sqlite_store import filled, program

pytestmark = pytest.mark.anyio
TRACE = "ab" * 16
FOREVER = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n"


def shop() -> SpoolBuilder:
    """A failed request with a statement, a variable, and a call that is still open."""
    builder = SpoolBuilder(run={"argv": ["python", "shop app.py"], "gitCommit": "abc"})
    trace = builder.trace(TRACE, type="http-request", method="GET", url="/cart", statusCode=500)
    buy, execute = builder.function("buy", "shop.py", 4, params=["user"]), builder.function("execute", "", 0, "db")
    error, site = builder.error("KeyError"), builder.site("", "variable", 6, "shop.py")
    builder.open_span(seq=9, trace=trace, fn=buy, at=9, depth=1, parent=1, payload=sections(P=["still here"]))
    builder.span(
        seq=2, trace=trace, fn=execute, at=2_000_000, duration=3_000_000, parent=1, depth=1,
        payload=sections(T={"db.system.name": "sqlite", "db.query.text": ext(1, [900, "SELECT 1"]), "db.query.parameters": [7],
                            "db.response.returned_rows": 2}),
    )  # fmt: skip
    failure = {"type": "KeyError", "message": "no user", "stack": [["shop.py", 3, "outer"], ["shop.py", 6, "buy"]]}
    builder.span(seq=1, trace=trace, fn=buy, at=1_000_000, duration=8_000_000, flags=1, err=error,
                 payload=sections(P=[ext(4, ["User", {"id": 7, "rate": float("inf")}])], E=failure))  # fmt: skip
    builder.event(1, 1, site, 20, {"total": 3})
    return builder


async def ask(store: SqliteSpanStore, sql: str, **more: object) -> list[dict[str, object]]:
    """The rows with their columns' names."""
    answer = await store.sql(SqlQuery(sql, **more))  # type: ignore[arg-type]
    return [dict(zip(answer.columns, row, strict=True)) for row in answer.rows]


async def test_every_view_gives_what_was_recorded(tmp_path: Path) -> None:
    builder = shop()
    store = await filled(tmp_path, builder)
    at = "2023-11-14T22:13:20"
    common = {"trace_id": TRACE, "run": builder.run_id}
    root = {**common, "span_id": builder.span_id(1), "start_time": f"{at}.001Z", "duration_ms": 8.0, "file": "shop.py", "line": 4}
    user = '{"user": {"$type": "User", "$value": {"id": 7, "rate": "inf"}}}'
    assert await ask(store, "SELECT * FROM spans WHERE parent_id IS NULL") == [
        {**root, "parent_id": None, "function": "buy", "kind": "function", "start_ns": 1_700_000_000_001_000_000, "self_ms": 8.0,
         "depth": 0, "thread": "main", "error": "KeyError", "finished": 1, "calls": 1, "params": user, "return_value": None,
         "error_message": "no user", "attributes": None}
    ]  # fmt: skip
    assert await ask(store, "SELECT * FROM errors") == [
        {**root, "parent_id": None, "function": "buy", "depth": 0, "type": "KeyError", "message": "no user", "raised_file": "shop.py",
         "raised_line": 6, "params": user}
    ]  # fmt: skip
    assert await ask(store, "SELECT * FROM statements") == [
        {**common, "span_id": builder.span_id(2), "parent_id": builder.span_id(1), "system": "sqlite", "statement": "SELECT 1",
         "parameters": "[7]", "returned_rows": 2, "start_time": f"{at}.002Z", "duration_ms": 3.0, "error": None}
    ]  # fmt: skip
    assert await ask(store, "SELECT * FROM traces") == [
        {**common, "type": "http-request", "name": "GET /cart", "test_id": None, "method": "GET", "url": "/cart", "status_code": 500,
         "start_time": f"{at}.000Z", "duration_ms": 9.0 - 9e-6, "spans": 2, "errors": 1}
    ]  # fmt: skip
    assert await ask(store, "SELECT * FROM runs") == [
        {"run": builder.run_id, "parent_run": None, "command": "python 'shop app.py'", "cwd": "/project", "language": "python",
         "version": "3.11", "pid": 4242, "start_time": f"{at}.000Z", "duration_ms": None, "state": "running", "exit_code": None,
         "git_commit": "abc", "spans": 3, "errors": 1, "dropped": 0, "damaged": 0, "expired": 0}
    ]  # fmt: skip
    assert await ask(store, "SELECT * FROM events") == [
        {"span_id": builder.span_id(1), "run": builder.run_id, "number": 1, "kind": "variable", "file": "shop.py", "line": 6,
         "at_ns": 1_700_000_000_000_000_020, "variables": '{"total": 3}'}
    ]  # fmt: skip
    assert await ask(store, "SELECT finished, params ->> '$.user' AS user FROM spans WHERE finished = 0") == [
        {"finished": 0, "user": "still here"}
    ]
    (row,) = await ask(store, "SELECT * FROM functions WHERE function = 'buy'")
    assert (row["calls"], row["errors"], row["total_ms"], row["p50_ms"]) == (1, 1, 8.0, 8.0)
    (row,) = await ask(store, "SELECT * FROM hours WHERE function = 'execute'")
    assert (row["hour"], row["calls"], row["total_ms"]) == ("2023-11-14T22:00:00Z", 1, 3.0)


async def test_columns_are_the_documented_ones(tmp_path: Path) -> None:
    store = await filled(tmp_path, shop())
    for view in VIEWS:
        answer = await store.sql(SqlQuery(f"SELECT * FROM {view.name}"))
        assert answer.columns == tuple(column.name for column in view.columns)
    assert {view: set(columns) for view, columns in spans.EXPRESSIONS.items()} == {
        view: {column.name for column in BY_NAME[view].columns} for view in spans.EXPRESSIONS
    }


@pytest.mark.parametrize(
    "sql",
    [
        "ATTACH 'other.db' AS other", "DETACH main", "PRAGMA query_only=OFF", "PRAGMA writable_schema=ON", "PRAGMA table_info(spans)",
        "SELECT * FROM pragma_database_list", "INSERT INTO spans(span_id) VALUES(1)", "UPDATE spans SET span_id=1", "DELETE FROM spans",
        "CREATE TABLE t(x)", "CREATE TEMP TABLE t(x)", "CREATE VIEW v AS SELECT 1", "DROP TABLE spans", "VACUUM", "VACUUM INTO 'copy.db'",
        "BEGIN", "SAVEPOINT s", "REINDEX", "ANALYZE", "SELECT load_extension('x')", "SELECT readfile('/etc/hostname')",
        "SELECT writefile('x', 'y')", "SELECT fts3_tokenizer('simple')", "SELECT zeroblob(100)", "SELECT randomblob(100)",
        "SELECT * FROM sqlite_master", "SELECT * FROM sqlite_temp_schema", "SELECT * FROM dbstat", "CREATE VIRTUAL TABLE t USING fts5(x)",
        "SELECT 1; SELECT 2", "EXPLAIN SELECT 1", "SELECT span_value(1, 1, 'params')", "SELECT * FROM span_row", "SELECT", "", "nonsense",
        "CREATE TRIGGER t AFTER INSERT ON spans BEGIN SELECT 1; END", "ALTER TABLE spans ADD COLUMN x",
    ],
)  # fmt: skip
async def test_everything_but_reading_the_views_is_refused(tmp_path: Path, sql: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    store = await filled(tmp_path / "home", program())
    with pytest.raises(UserError):
        await store.sql(SqlQuery(sql))
    assert [path.name for path in tmp_path.iterdir()] == ["home"]
    assert await ask(store, "SELECT count(*) AS n FROM spans") == [{"n": 3}]


def test_the_engine_itself_only_reads() -> None:
    """Whatever the authorizer might miss, the database takes no writes, and is nobody's file."""
    patience = guard.Patience(5, Event())
    db = guard.opened(patience)
    db.execute("CREATE TABLE t(x)")
    guard.restrict(db, guard.Authorizer(), patience)
    db.set_authorizer(None)
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        db.execute("INSERT INTO t VALUES(1)")
    assert db.execute("PRAGMA database_list").fetchall() == [(0, "main", "")]


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("SELECT functon FROM spans", "There is no column functon. Did you mean function? spans has span_id, trace_id,"),
        ("SELECT exit FROM runs", "There is no column exit. Did you mean exit_code? runs has run,"),
        ("SELECT * FROM span", "There is no view span. Did you mean spans? The views are spans, errors,"),
        ("SELECT cuont(*) FROM spans", "There is no function cuont. Did you mean count?"),
        ("BEGIN", "BEGIN, COMMIT and ROLLBACK are not allowed: query_sql reads the views, with one SELECT. The views are"),
        ("PRAGMA table_info(spans)", "PRAGMA is not allowed: query_sql reads the views, with one SELECT. The views are"),
        ("SELECT load_extension('x')", "The function load_extension is not available:"),
        ("SELECT 1; SELECT 2", "Only one statement at a time: send one SELECT."),
        ("SELECT * FROM spans WHERE span_id = ?", "The statement has a parameter (?, :name): write the value itself."),
        ("SELEC 1", 'SQLite says: near "SELEC": syntax error.'),
        ("SELECT json_extract('{', '$.a') FROM spans", "SQLite says: malformed JSON."),
    ],
)
async def test_errors_name_what_there_is(tmp_path: Path, sql: str, said: str) -> None:
    store = await filled(tmp_path, program())
    with pytest.raises(UserError) as raised:
        await store.sql(SqlQuery(sql))
    assert str(raised.value).startswith(said)


async def test_a_function_that_this_sqlite_lacks_is_not_suggested(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = await filled(tmp_path, program())
    monkeypatch.setattr(guard, "FUNCTIONS", guard.FUNCTIONS | {"medean"})
    version = re.escape(sqlite3.sqlite_version)
    with pytest.raises(UserError, match=rf"^This SQLite \({version}\) has no function medean\.$"):
        await store.sql(SqlQuery("SELECT medean(duration_ms) FROM spans"))
    with pytest.raises(UserError, match=r"^There is no function medeann\.(?! Did you mean medean)"):
        await store.sql(SqlQuery("SELECT medeann(duration_ms) FROM spans"))


@pytest.mark.parametrize("sql", [FOREVER, "SELECT count(*) FROM spans a, spans b, spans c, spans d, spans e, spans f, spans g, spans h"])
async def test_a_query_that_does_not_end_is_ended(tmp_path: Path, sql: str) -> None:
    store = await filled(tmp_path, program(spans=30))
    began = time.monotonic()
    with pytest.raises(UserError, match=r"took more than 0\.3 s: name a `run`"):
        await store.sql(SqlQuery(sql, timeout_s=0.3))
    assert time.monotonic() - began < 10


async def test_decoding_values_is_ended_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where SQLite's own steps are too few to notice: every value takes a second here."""
    store, decoded = await filled(tmp_path, program(spans=600)), []
    monkeypatch.setattr(guard, "OPS_BETWEEN_LOOKS", 1 << 30)
    monkeypatch.setattr(guard.time, "monotonic", lambda: len(decoded))
    monkeypatch.setattr(values, "values_of", lambda *_: decoded.append(1))
    with pytest.raises(UserError, match="took more than 5 s"):
        await store.sql(SqlQuery("SELECT max(params) FROM spans", timeout_s=5))
    assert len(decoded) < 300


async def test_a_caller_that_goes_away_ends_its_query(tmp_path: Path) -> None:
    store = await filled(tmp_path, program())
    with anyio.move_on_after(0.2) as scope:
        await store.sql(SqlQuery(FOREVER, timeout_s=3600))
    assert scope.cancelled_caught
    with anyio.fail_after(20):
        while anyio.to_thread.current_default_thread_limiter().borrowed_tokens:
            await anyio.sleep(0.01)


async def test_large_values_are_refused_or_shortened(tmp_path: Path) -> None:
    store = await filled(tmp_path, program())
    ((cell,),) = (await store.sql(SqlQuery("SELECT replace(printf('%30000d', 1), ' ', 'x')"))).rows
    assert isinstance(cell, str) and len(cell) < 20_100 and cell.endswith("…30,000")
    with pytest.raises(UserError, match="too long"):
        await store.sql(SqlQuery("SELECT replace(replace(printf('%5000d', 1), ' ', printf('%5000d', 1)), ' ', 'xx')"))


LONG = "replace(printf('%900000d', 1), ' ', 'a')"


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("SELECT printf('%.*c', 900000000, 'x')", r"printf takes no \* here: write the width or precision itself"),
        ("SELECT format('%*d', 900000000, 1)", r"takes no \* here"),
        ("SELECT printf('%.900000000c', 'x')", "would be too long"),
        ("SELECT printf('%600000d%600000d', 1, 1)", "would be too long"),
        ("SELECT printf('%9999999999999999999999d', 1)", "would be too long"),
        (f"SELECT replace({LONG}, substr({LONG}, 1, 400000) || 'b', 'c')", "replace of texts this long takes too long"),
        (f"SELECT instr({LONG}, substr({LONG}, 1, 400000) || 'b')", "instr of texts this long takes too long"),
        (f"SELECT replace({LONG}, 'a', {LONG})", "replace of texts this long takes too long"),
        *((f"SELECT {name}({LONG}, {LONG})", f"{name} of texts this long") for name in ("trim", "ltrim", "rtrim")),
        (f"SELECT json_patch({LONG}, {LONG})", "The function json_patch is not available"),
    ],
)  # fmt: skip
async def test_one_call_that_nothing_could_interrupt_is_refused(tmp_path: Path, sql: str, said: str) -> None:
    store = await filled(tmp_path, program())
    began = time.process_time()
    with pytest.raises(UserError, match=said):
        await store.sql(SqlQuery(sql, timeout_s=30))
    assert time.process_time() - began < 3


@pytest.mark.skipif(sys.version_info < (3, 11), reason="sqlite3.Connection.setlimit is new in 3.11")
@pytest.mark.parametrize(
    "sql",
    [
        f"SELECT length({LONG} || {LONG})",
        f"SELECT length(hex({LONG}))",
        f"SELECT length(group_concat({LONG}, '')) FROM spans",
        f"SELECT {LONG} LIKE printf('%%%600d', 1)",
        f"SELECT {LONG} GLOB printf('*%600d', 1)",
    ],
)
async def test_a_value_or_pattern_that_is_too_long_is_refused(tmp_path: Path, sql: str) -> None:
    store = await filled(tmp_path, program())
    with pytest.raises(UserError, match=r"too long|too complex"):
        await store.sql(SqlQuery(sql))


async def test_many_long_calls_in_one_row_are_ended(tmp_path: Path) -> None:
    """Between the calls of one row SQLite asks nobody."""
    store = await filled(tmp_path, program())
    calls = ", ".join(f"instr({LONG}, substr({LONG}, 1, 200) || '{number}')" for number in range(90))
    began = time.monotonic()
    with pytest.raises(UserError, match=r"took more than 0\.3 s"):
        await store.sql(SqlQuery(f"SELECT {calls}", timeout_s=0.3))
    assert time.monotonic() - began < 10


async def test_weighed_functions_give_what_sqlite_gives(tmp_path: Path) -> None:
    store = await filled(tmp_path, program())
    texts = (
        "replace('añb', 'ñ', 'n'), replace(1.5, '.', ','), replace(NULL, 1, 2), instr('größe', 'ß'), instr(x'0102', x'02'),"
        " trim('xxaxx', 'x'), ltrim(' a '), rtrim('abß', 'ß'),"
        " printf('%05.1f|%-4s|%,d|1700000000', 2.25, 'ab', 1234567), printf('%d%%', 50), printf(NULL)"
    )
    expected = sqlite3.connect(":memory:").execute(f"SELECT {texts}").fetchone()
    assert (await store.sql(SqlQuery(f"SELECT {texts}"))).rows == (expected,)


async def test_infinity_is_text_as_json_has_none(tmp_path: Path) -> None:
    store = await filled(tmp_path, program(1))
    assert (await store.sql(SqlQuery("SELECT 1e999, -1e999, 1.5"))).rows == (("inf", "-inf", 1.5),)


async def test_rows_are_limited_and_counted(tmp_path: Path) -> None:
    store = await filled(tmp_path, program(spans=30))
    answer = await store.sql(SqlQuery("SELECT span_id FROM spans", limit=7))
    assert (len(answer.rows), answer.total, answer.spans, answer.spans_left_out) == (7, 30, 30, 0)


@pytest.mark.parametrize("sealed", [False, True])
async def test_too_many_spans_are_left_out_from_the_oldest_on_and_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sealed: bool
) -> None:
    store = await filled(tmp_path, program(1, 30), program(2, 20, at=10**12), limits=Limits(spans=30))
    if sealed:
        await store.seal()
    monkeypatch.setattr(spans, "MOST_SPANS", 25)
    answer = await store.sql(SqlQuery(f"SELECT count(*) FROM spans WHERE run = '{'02' * 16}'"))
    assert answer.rows == ((20,),)
    assert answer.spans <= 25  # whole frames: how many of the oldest fit depends on whether they have been merged yet
    assert answer.spans + answer.spans_left_out == 50
    answer = await store.sql(SqlQuery("SELECT sum(calls) FROM functions"))
    assert (answer.rows, answer.spans_left_out) == (((50,),), 0)


async def test_the_scope_is_what_is_looked_at(tmp_path: Path) -> None:
    store = await filled(tmp_path, program(1, 5), program(2, 4, at=10**12))
    start = 1_700_000_000_000_000_000
    for scope, expected in (
        (Scope(run_id="01" * 16), 5),
        (Scope(trace_id="02" * 16), 4),
        (Scope(start_ns=start + 3, end_ns=start + 10**9), 3),
    ):
        assert (await store.sql(SqlQuery("SELECT count(*) FROM spans", scope))).rows == ((expected,),)


async def test_an_empty_store_answers(tmp_path: Path) -> None:
    store = SqliteSpanStore(tmp_path / "traces")
    for view in VIEWS:
        assert (await store.sql(SqlQuery(f"SELECT * FROM {view.name}"))).rows == ()
