"""pg and its pool, against a real server."""

from __future__ import annotations

from typing import Any

import pytest

PLACE = "{ host: '127.0.0.1', port: %d, user: 'tracer', password: 'sesame-Op3n', database: 'postgres' }"
QUERIES = """
async function work(place) {
  const client = new pg.Client(place);
  await client.connect();
  await client.query('create temp table t(a int, b text)');
  const changed = await client.query({ text: 'insert into t values ($1, $2), (3, $3)', values: [1, 'x', new Date(0)] });
  const { rows } = await client.query('select a from t where a < $1', [2]);
  await client.query("create role u password 'hunter-2'");
  await client.query('drop role u');
  const failed = await client.query('nonsense').catch((error) => error.message);
  const later = await new Promise((done) => client.query('select 7 as n', (error, result) => done(result.rows[0].n)));
  await client.end();
  console.log(changed.rowCount, rows[0].a, later, failed);
}
"""


def attributes(spool: Any) -> list[dict[str, Any]]:
    return [span.sections["T"] for span in spool.named("pg.query")]


@pytest.mark.parametrize(("name", "head"), [("main.cjs", "const pg = require('pg');"), ("main.mjs", "import pg from 'pg';")])
def test_statements_are_spans_of_their_caller(project: Any, postgres: int, name: str, head: str) -> None:
    spool = project.record(f"{head}\n{QUERIES}\nwork({PLACE % postgres});\n", name)
    assert spool.tree() == [
        ["work", *["pg.query"] * 6, "work.(anonymous:11)", ["work.(anonymous:12)", "pg.query", "work.(anonymous:12).(anonymous:12)"]]
    ]
    create, insert, select, role, _, failed, later = attributes(spool)
    place = {"db.system.name": "postgresql", "server.address": "127.0.0.1", "server.port": postgres, "db.namespace": "postgres"}
    assert create == {**place, "db.query.text": "create temp table t(a int, b text)"}
    assert insert == {
        **place,
        "db.query.text": "insert into t values ($1, $2), (3, $3)",
        "db.query.parameters": [1, "x", "1970-01-01T00:00:00.000Z"],
        "db.response.affected_rows": 2,
    }
    assert (select["db.query.parameters"], select["db.response.returned_rows"]) == ([2], 1)
    assert role["db.query.text"] == "create role u password '***'"
    assert failed["error.type"] == spool.named("pg.query")[5].error == "DatabaseError"
    assert (later["db.query.text"], later["db.response.returned_rows"]) == ("select 7 as n", 1)


def test_a_statement_of_a_pool_is_one_span_that_knows_the_place(project: Any, postgres: int) -> None:
    url = f"postgres://tracer:sesame-Op3n@127.0.0.1:{postgres}/postgres"
    text = f"""
const {{ Pool }} = require('pg');
const pool = new Pool({{ connectionString: '{url}', max: 1 }});
async function one(n) {{ return (await pool.query('select $1::int as n', [n])).rows[0].n }}
function withCallback(done) {{ pool.query('select 3 as n', (error, result) => done(result.rows[0].n)) }}
async function taken() {{
  const client = await pool.connect();
  try {{ return (await client.query('select 4 as n')).rows[0].n }} finally {{ client.release() }}
}}
async function main() {{
  const all = [...await Promise.all([one(1), one(2)]), await new Promise(withCallback), await taken()];
  await pool.end();
  console.log(all.join());
}}
main();
"""
    spool = project.record(text)
    assert spool.tree() == [
        [
            "main",
            ["one", "pg.query"],
            ["one", "pg.query"],
            ["withCallback", "pg.query", "withCallback.(anonymous:5)"],
            ["taken", "pg.query"],
        ]
    ]
    assert {(one["server.port"], one["db.namespace"]) for one in attributes(spool)} == {(postgres, "postgres")}
    assert [one["db.response.returned_rows"] for one in attributes(spool)] == [1, 1, 1, 1]


def test_a_server_that_is_not_there_fails_the_statement(project: Any) -> None:
    text = """
const { Pool } = require('pg');
async function work() { await new Pool({ host: '127.0.0.1', port: 1, user: 'u', database: 'd' }).query('select 1') }
work().catch((error) => console.log(error.code));
"""
    spool = project.record(text)
    (span,) = spool.named("pg.query")
    assert (span.error, span.sections["T"]["server.port"]) == ("Error", 1)


def test_what_nobody_handles_stays_unhandled(project: Any, postgres: int) -> None:
    text = f"""
const pg = require('pg');
process.on('unhandledRejection', (error) => console.log('unhandled', error.code));
async function work() {{
  const client = new pg.Client({PLACE % postgres});
  await client.connect();
  client.query('nonsense');
  await client.query('select 1');
  await client.end();
}}
work();
"""
    project.write("main.cjs", text)
    project.instrument(2)
    assert project.run("main.cjs").stdout == "unhandled 42601\n"


def test_query_objects_tell_of_their_rows(project: Any, postgres: int) -> None:
    text = f"""
const pg = require('pg');
const client = new pg.Client({PLACE % postgres});
function rows() {{
  const query = client.query(new pg.Query('select generate_series(1, 3) as n'));
  return new Promise((done) => {{
    let sum = 0;
    query.on('row', (row) => {{ sum += row.n }}).on('end', () => done(sum));
  }});
}}
client.connect().then(rows).then((sum) => {{ console.log(sum); return client.end() }});
"""
    spool = project.record(text)
    assert [one["db.query.text"] for one in attributes(spool)] == ["select generate_series(1, 3) as n"]
    assert attributes(spool)[0]["db.response.returned_rows"] == 3


def test_without_database_capture_nothing_is_recorded_of_it(project: Any, postgres: int) -> None:
    project.settings("TRACING_CAPTURE_DATABASE=false")
    spool = project.record(f"const pg = require('pg');\n{QUERIES}\nwork({PLACE % postgres});\n")
    assert [span.name for span in spool.spans if span.definition["kind"] == "db"] == []
