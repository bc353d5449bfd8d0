"""mysql2, with callbacks and with promises, against a real MariaDB server."""

from __future__ import annotations

from typing import Any

import pytest

PLACE = "{ host: '127.0.0.1', port: %d, user: 'tracer', password: 'sesame-Op3n', database: 'shop' }"


def place(port: int) -> dict[str, Any]:
    return {"db.system.name": "mariadb", "server.address": "127.0.0.1", "server.port": port, "db.namespace": "shop"}


@pytest.mark.parametrize(
    ("name", "head"), [("main.cjs", "const mysql = require('mysql2/promise');"), ("main.mjs", "import mysql from 'mysql2/promise';")]
)
def test_promises(project: Any, mariadb: int, name: str, head: str) -> None:
    text = f"""{head}
async function work() {{
  const base = await mysql.createConnection({PLACE % mariadb});
  await base.query('create temporary table t(a int, b text)');
  const [changed] = await base.query('insert into t values (?, ?), (2, null)', [1, 'x']);
  const [rows] = await base.execute('select * from t where a > ?', [1]);
  await base.query("create or replace user u identified by 'hunter-2'");
  const failed = await base.query('nonsense').catch((error) => error.errno);
  await base.end();
  console.log(changed.affectedRows, rows.length, failed);
}}
work();
"""
    spool = project.record(text, name)
    assert spool.tree() == [
        ["work", "mysql2.query", "mysql2.query", "mysql2.execute", "mysql2.query", "mysql2.query", "work.(anonymous:8)"]
    ]
    create, insert, user, failed = (span.sections["T"] for span in spool.named("mysql2.query"))
    assert create == {**place(mariadb), "db.query.text": "create temporary table t(a int, b text)", "db.response.affected_rows": 0}
    assert (insert["db.query.parameters"], insert["db.response.affected_rows"]) == ([1, "x"], 2)
    assert user["db.query.text"] == "create or replace user u identified by '***'"
    assert failed["error.type"] == "Error" and spool.named("mysql2.query")[3].error == "Error"
    (select,) = spool.named("mysql2.execute")
    assert select.sections["T"] == {
        **place(mariadb),
        "db.query.text": "select * from t where a > ?",
        "db.query.parameters": [1],
        "db.response.returned_rows": 1,
    }


def test_callbacks_pools_and_events(project: Any, mariadb: int) -> None:
    text = f"""
const mysql = require('mysql2');
const pool = mysql.createPool({PLACE % mariadb});
function viaPool(done) {{ pool.query('select ? as n', [1], (error, rows) => done(rows[0].n)) }}
function prepared(done) {{ pool.execute('select ? as n', [2], (error, rows) => done(rows[0].n)) }}
function promised() {{ return pool.promise().query('select 3 as n').then(([rows]) => rows[0].n) }}
function failing(done) {{ pool.query('nonsense', (error) => done(error.errno)) }}
function events(done) {{ pool.query('select 4 as n').on('result', (row) => done(row.n)) }}
async function main() {{
  const seen = [await new Promise(viaPool), await new Promise(prepared), await promised()];
  seen.push(await new Promise(failing), await new Promise(events));
  await pool.promise().end();
  console.log(seen.join());
}}
main();
"""
    spool = project.record(text)
    assert [(span.sections["T"]["db.query.text"], span.error) for span in spool.named("mysql2.query")] == [
        ("select ? as n", ""),
        ("select 3 as n", ""),
        ("nonsense", "Error"),
        ("select 4 as n", ""),
    ]
    names = {span.seq: span.name for span in spool.spans}
    queries = [*spool.named("mysql2.query"), *spool.named("mysql2.execute")]
    assert [names[span.parent] for span in queries] == ["viaPool", "promised", "failing", "events", "prepared"]
    assert {name: value for name, value in queries[0].sections["T"].items() if name in place(mariadb)} == place(mariadb)
    assert queries[-1].sections["T"]["db.response.returned_rows"] == 1


def test_an_error_that_nobody_listens_to_still_ends_the_program(project: Any, mariadb: int) -> None:
    text = f"""
const base = require('mysql2').createConnection({PLACE % mariadb});
function work() {{ base.query('nonsense') }}
work();
"""
    project.write("main.cjs", text)
    project.instrument(2)
    done = project.run("main.cjs")
    assert done.returncode == 1 and "nonsense" in done.stderr
    (spool,) = project.spools()
    assert [span.error for span in spool.named("mysql2.query")] == ["Error"]
