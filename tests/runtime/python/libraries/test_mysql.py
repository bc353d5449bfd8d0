"""Drivers of MariaDB and MySQL, against a real server."""

from __future__ import annotations

from typing import Any

PASSWORD = "sesame-Op3n"
HEAD = f'''"""t"""
import asyncio, os
PORT = int(os.environ["PORT"])
PLACE = dict(host="127.0.0.1", port=PORT, user="tracer", password="{PASSWORD}")
'''


def place(port: int) -> dict[str, Any]:
    return {"db.system.name": "mariadb", "server.address": "127.0.0.1", "server.port": port, "db.namespace": "shop"}


def test_pymysql(project: Any, mariadb: int) -> None:
    source = (
        HEAD
        + """
import pymysql, pymysql.cursors
def work():
    base = pymysql.connect(database="shop", cursorclass=pymysql.cursors.DictCursor, **PLACE)
    with base.cursor() as cursor:
        cursor.execute("create temporary table t(a int, b text)")
        assert cursor.executemany("insert into t values (%s, %s)", [(1, "x"), (2, "y")]) == 2
        assert cursor.execute("select * from t where a > %s", (1,)) == 1
        assert cursor.fetchall() == [{"a": 2, "b": "y"}]
        cursor.execute("create or replace user u identified by 'hunter-2'")
        try: cursor.execute("nonsense")
        except pymysql.err.ProgrammingError as error: assert error.args[0] == 1064
    base.close()
work()
"""
    )
    run = project.trace(source, PORT=str(mariadb))
    assert run.paths() == ["work", *["work > pymysql.execute"] * 4, "work > pymysql.executemany"]
    create, select, user, failed = run.of("pymysql.execute")
    assert create.sections["T"]["db.response.affected_rows"] == 0
    assert select.sections["T"] == {
        **place(mariadb),
        "db.query.text": "select * from t where a > %s",
        "db.query.parameters": ("ext", 7, ["tuple", 1]),
        "db.response.returned_rows": 1,
    }
    assert user.sections["T"]["db.query.text"] == "create or replace user u identified by '***'"
    assert failed.sections["T"]["error.type"] == "pymysql.err.ProgrammingError"
    assert run.one("pymysql.executemany").sections["T"]["db.response.affected_rows"] == 2
    for file in (project.home / "spool").glob("*.spool"):
        assert PASSWORD.encode() not in file.read_bytes()


def test_aiomysql(project: Any, mariadb: int) -> None:
    source = (
        HEAD
        + """
import aiomysql
async def work():
    base = await aiomysql.connect(db="shop", **PLACE)
    async with base.cursor() as cursor:
        await cursor.execute("select %s + 1", (41,))
        assert await cursor.fetchone() == (42,)
    base.close()
asyncio.run(work())
"""
    )
    run = project.trace(source, PORT=str(mariadb))
    spans = [span for span in run.of("aiomysql.execute") if "41" in str(span.sections["T"].get("db.query.parameters"))]
    assert [span.path for span in spans] == ["work > aiomysql.execute"]
    assert spans[0].sections["T"]["db.query.text"] == "select %s + 1"


def test_sqlalchemy_over_pymysql_records_each_statement_once(project: Any, mariadb: int) -> None:
    source = (
        HEAD
        + f"""
from sqlalchemy import create_engine, text
engine = create_engine("mysql+pymysql://tracer:{PASSWORD}@127.0.0.1:%d/shop" % PORT)
with engine.connect(): pass
def work():
    with engine.connect() as base:
        assert base.execute(text("select 40 + :a"), {{"a": 2}}).scalar() == 42
work()
"""
    )
    run = project.trace(source, PORT=str(mariadb))
    assert run.paths() == ["work", "work > pymysql.execute"]
