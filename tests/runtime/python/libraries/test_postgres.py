"""Drivers of PostgreSQL, against a real server."""

from __future__ import annotations

from typing import Any

import pytest

PASSWORD = "sesame-Op3n"
HEAD = f'''"""t"""
import asyncio, os
PORT = int(os.environ["PORT"])
PLACE = dict(host="127.0.0.1", port=PORT, user="tracer", password="{PASSWORD}")
'''


def told(span: Any, *names: str) -> tuple[Any, ...]:
    """Attributes of a span; the text of the statement if none is named."""
    return tuple(span.sections["T"].get(name) for name in names or ("db.query.text",))


def place(port: int) -> dict[str, Any]:
    return {"db.system.name": "postgresql", "server.address": "127.0.0.1", "server.port": port, "db.namespace": "postgres"}


def secrets_stay(project: Any) -> None:
    for file in (project.home / "spool").glob("*.spool"):
        assert PASSWORD.encode() not in file.read_bytes()


def test_psycopg2(project: Any, postgres: int) -> None:
    source = (
        HEAD
        + """
import psycopg2, psycopg2.extras, psycopg2.extensions
from psycopg2 import sql
def work():
    base = psycopg2.connect(dbname="postgres", **PLACE)
    assert isinstance(base, psycopg2.extensions.connection)
    assert type(base).__name__ == "connection"
    with base, base.cursor() as cursor:
        assert isinstance(cursor, psycopg2.extensions.cursor)
        cursor.execute("create temp table t(a int, b text)")
        cursor.executemany("insert into t values (%s, %s)", [(1, "x"), (2, "y")])
        cursor.execute(sql.SQL("update {} set a = {}").format(sql.Identifier("t"), sql.Literal(5)))
        cursor.execute("select * from t where a = %(a)s", {"a": 5})
        assert cursor.fetchall() == [(5, "x"), (5, "y")]
    with base.cursor(cursor_factory=psycopg2.extras.RealDictCursor) as cursor:
        cursor.execute("select a from t limit 1")
        assert dict(cursor.fetchone()) == {"a": 5}
    with base.cursor("named") as cursor:
        cursor.execute("select b from t")
        assert len(list(cursor)) == 2
    try: base.cursor().execute("nonsense")
    except psycopg2.errors.SyntaxError as error: assert "nonsense" in str(error)
    base.close()
    base = psycopg2.connect(dbname="postgres", connection_factory=psycopg2.extras.DictConnection, **PLACE)
    one = base.cursor(); one.execute("select 7 as n"); assert one.fetchone()["n"] == 7
    base.close()
work()
"""
    )
    run = project.trace(source, PORT=str(postgres))
    spans = [*run.of("psycopg2.execute"), *run.of("psycopg2.executemany")]
    assert {span.path for span in spans} == {"work > psycopg2.execute", "work > psycopg2.executemany"}
    assert [span.sections["T"]["db.query.text"] for span in sorted(spans, key=lambda span: span.seq)] == [
        "create temp table t(a int, b text)",
        "insert into t values (%s, %s)",
        'update "t" set a = ?',
        "select * from t where a = %(a)s",
        "select a from t limit 1",
        "select b from t",
        "nonsense",
        "select 7 as n",
    ]
    select = run.of("psycopg2.execute")[2].sections["T"]
    query = {"db.query.text": "select * from t where a = %(a)s", "db.query.parameters": {"a": 5}, "db.response.returned_rows": 2}
    assert select == {**place(postgres), **query}
    assert told(run.of("psycopg2.execute")[1], "db.response.affected_rows") == (2,)
    failed = run.of("psycopg2.execute")[5]
    assert (failed.flags & 1, *told(failed, "error.type")) == (1, "psycopg2.errors.SyntaxError")
    secrets_stay(project)


def test_psycopg2_cursor_classes_that_were_derived_before_tracing_began(project: Any, postgres: int) -> None:
    project.write("traced.py", "def work(base):\n    c = base.cursor(); c.execute('select 1 as n'); return c.fetchone()['n']\n")
    main = (
        HEAD
        + """
import psycopg2.extras
import traced
base = psycopg2.connect(dbname="postgres", cursor_factory=psycopg2.extras.RealDictCursor, **PLACE)
assert traced.work(base) == 1
"""
    )
    project.write("main.py", main, 0)
    done = project.run("main.py", PORT=str(postgres), MCP_TRACER_DEBUG="1")
    assert (done.returncode, done.stderr) == (0, "")
    (run,) = project.runs()
    assert run.paths() == ["work", "work > psycopg2.execute"]


def test_psycopg(project: Any, postgres: int) -> None:
    source = (
        HEAD
        + """
import psycopg
from psycopg import sql
def work():
    with psycopg.connect(dbname="postgres", **PLACE) as base:
        base.execute("create temp table t(a int, b text)")
        with base.cursor() as cursor:
            cursor.executemany("insert into t values (%s, %s)", [(1, "x"), (2, "y")])
            cursor.execute(sql.SQL("select * from {} where a = %s").format(sql.Identifier("t")), (2,))
            assert cursor.fetchall() == [(2, "y")]
            with cursor.copy("copy t from stdin") as copy:
                copy.write_row((3, "z"))
        with base.cursor("named") as cursor:
            assert len(cursor.execute("select b from t").fetchall()) == 3
        try: base.execute("nonsense")
        except psycopg.errors.SyntaxError: pass
async def wait():
    async with await psycopg.AsyncConnection.connect(dbname="postgres", **PLACE) as base:
        cursor = await base.execute(b"select %s::int", [4])
        assert await cursor.fetchone() == (4,)
        async with base.cursor() as cursor:
            async with cursor.copy("copy (select 1) to stdout") as copy:
                assert [row async for row in copy.rows()] == [("1",)]
        await base.execute("alter role tracer password 'sesame-Op3n'")
work()
asyncio.run(wait())
"""
    )
    run = project.trace(source, PORT=str(postgres))
    assert [path for path in run.paths() if path.startswith("work")] == [
        "work",
        "work > psycopg.copy",
        *["work > psycopg.execute"] * 4,
        "work > psycopg.executemany",
    ]
    assert [path for path in run.paths() if path.startswith("wait")] == ["wait", "wait > psycopg.copy", *["wait > psycopg.execute"] * 2]
    assert run.of("psycopg.execute")[1].sections["T"] == {
        **place(postgres),
        "db.query.text": 'select * from "t" where a = %s',
        "db.query.parameters": ("ext", 7, ["tuple", 2]),
        "db.response.returned_rows": 1,
    }
    assert told(run.one("psycopg.executemany"), "db.response.affected_rows") == (2,)
    assert told(run.of("psycopg.execute")[3], "error.type") == ("psycopg.errors.SyntaxError",)
    assert told(run.of("psycopg.execute")[4]) == ("select %s::int",)
    assert told(run.of("psycopg.execute")[5]) == ("alter role tracer password '***'",)
    assert told(run.of("psycopg.copy")[0]) == ("copy t from stdin",)
    secrets_stay(project)


def test_asyncpg(project: Any, postgres: int) -> None:
    source = (
        HEAD
        + """
import asyncpg, inspect
async def work():
    base = await asyncpg.connect(database="postgres", **PLACE)
    await base.execute("create temp table t(a int, b text)")
    await base.executemany("insert into t values ($1, $2)", [(1, "x"), (2, "y")])
    assert await base.execute("update t set a = a + $1", 1) == "UPDATE 2"
    assert len(await base.fetch("select * from t where a > $1", 1)) == 2
    assert await base.fetchval("select 7") == 7
    assert (await base.fetchrow("select a from t limit 1"))["a"] == 2
    prepared = await base.prepare("select b from t where a = $1")
    assert await prepared.fetchval(2) == "x"
    async with base.transaction():
        assert [row["a"] async for row in base.cursor("select a from t")] == [2, 3]
    try: await base.fetch("nonsense")
    except asyncpg.PostgresSyntaxError: pass
    await base.close()
async def pooled():
    async with asyncpg.create_pool(database="postgres", min_size=1, max_size=2, **PLACE) as pool:
        assert await asyncio.gather(pool.fetchval("select 1"), pool.fetchval("select 2")) == [1, 2]
assert inspect.iscoroutinefunction(asyncpg.Connection.fetch) and "query" in inspect.signature(asyncpg.Connection.fetch).parameters
asyncio.run(work())
asyncio.run(pooled())
"""
    )
    run = project.trace(source, PORT=str(postgres))
    fetch = next(span for span in run.of("asyncpg.fetch") if "a > $1" in told(span)[0])
    query = {"db.query.text": "select * from t where a > $1", "db.query.parameters": ("ext", 7, ["tuple", 1])}
    assert fetch.sections["T"] == {**place(postgres), **query, "db.response.returned_rows": 2}
    assert fetch.path == "work > asyncpg.fetch"
    assert [told(span)[0] for span in run.of("asyncpg.fetchval")][:2] == ["select 7", "select b from t where a = $1"]
    assert sorted(span.path for span in run.of("asyncpg.fetchval"))[:2] == ["pooled > asyncpg.fetchval"] * 2
    update = next(span for span in run.of("asyncpg.execute") if "update" in told(span)[0])
    assert told(update, "db.response.affected_rows") == (2,)
    failed = next(span for span in run.of("asyncpg.fetch") if "nonsense" in told(span)[0])
    assert told(failed, "error.type") == ("asyncpg.exceptions.PostgresSyntaxError",)
    assert {span.path for span in run.spans if span.sections.get("T", {}).get("db.query.text") == "select a from t"} == {
        "work > asyncpg.anext"
    }
    secrets_stay(project)


@pytest.mark.parametrize(
    ("driver", "names"),
    [
        ("psycopg2", {"psycopg2.execute", "psycopg2.executemany"}),
        ("psycopg", {"psycopg.execute", "psycopg.executemany"}),
        ("pg8000", {"sqlalchemy.execute", "sqlalchemy.executemany"}),
    ],
)
def test_sqlalchemy_statements_are_recorded_once(project: Any, postgres: int, driver: str, names: set[str]) -> None:
    source = (
        HEAD
        + f"""
from sqlalchemy import create_engine, text, exc
URL = "postgresql+{driver}://tracer:{PASSWORD}@127.0.0.1:%d/postgres" % PORT
engine = create_engine(URL)
with engine.connect(): pass
def work():
    with engine.begin() as base:
        base.execute(text("create temp table t(a int)"))
        base.execute(text("insert into t values (:a)"), [{{"a": 1}}, {{"a": 2}}])
        assert base.execute(text("select a from t where a > :a"), {{"a": 1}}).all() == [(2,)]
        base.exec_driver_sql("select 1")
def fail():
    with engine.connect() as base: base.execute(text("nonsense"))
work()
try: fail()
except exc.ProgrammingError: pass
"""
    )
    run = project.trace(source, PORT=str(postgres))
    spans = [span for span in run.spans if span.name.partition(".")[0] in ("psycopg", "psycopg2", "sqlalchemy")]
    assert {span.name for span in spans} == names
    texts = [told(span)[0] for span in spans if span.path.startswith("work > ")]
    assert [text.split(" ")[0] for text in texts] == ["create", "insert", "select", "select"]
    assert told(spans[2], "db.system.name", "db.namespace", "db.response.returned_rows")[:2] == ("postgresql", "postgres")
    assert [span.flags & 1 for span in spans] == [0, 0, 0, 0, 1]
    secrets_stay(project)


def test_sqlalchemy_over_asyncpg(project: Any, postgres: int) -> None:
    source = (
        HEAD
        + f"""
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine
async def work():
    engine = create_async_engine("postgresql+asyncpg://tracer:{PASSWORD}@127.0.0.1:%d/postgres" % PORT)
    async with engine.connect() as base:
        assert (await base.execute(text("select 40 + :a"), {{"a": 2}})).scalar() == 42
    await engine.dispose()
asyncio.run(work())
"""
    )
    run = project.trace(source, PORT=str(postgres))
    wanted = [span for span in run.spans if "select 40" in (span.sections.get("T", {}).get("db.query.text") or "")]
    assert [span.path for span in wanted] == ["work > asyncpg.fetch"]
