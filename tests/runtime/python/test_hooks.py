"""Library calls and root spans."""

from __future__ import annotations

from typing import Any

import pytest


def test_sqlite_statements_are_children_with_text_parameters_and_rows(project: Any, python: str) -> None:
    source = '''"""t"""
import sqlite3
def work():
    base = sqlite3.connect(":memory:")
    base.execute("create table t(a, b)")
    base.executemany("insert into t values (?, ?)", [(1, 2), (3, 4)])
    with base:
        base.cursor().execute("update t set a = ?", (5,))
    return base.execute("select * from t").fetchall()
assert work() == [(5, 2), (5, 4)]
assert isinstance(sqlite3.connect(":memory:"), sqlite3.Connection)
'''
    run = project.trace(source, python=python)
    assert run.paths() == ["work", *["work > sqlite3.execute"] * 4, "work > sqlite3.fetchall"]
    update = run.of("sqlite3.execute")[2].sections["T"]
    assert update == {
        "db.system.name": "sqlite",
        "db.query.text": "update t set a = ?",
        "db.query.parameters": ("ext", 7, ["tuple", 5]),
        "db.response.affected_rows": 2,
    }
    assert run.one("sqlite3.fetchall").sections["T"]["db.response.returned_rows"] == 2
    assert run.one("work").self < run.one("work").duration


def test_a_failed_statement_is_an_error_and_reaches_the_program(project: Any) -> None:
    source = '''"""t"""
import sqlite3
def work():
    try: sqlite3.connect(":memory:").execute("nonsense")
    except sqlite3.OperationalError as error: return str(error)
assert work() == 'near "nonsense": syntax error'
'''
    run = project.trace(source)
    span = run.one("sqlite3.execute")
    assert run.definitions[3][span.err] == {"name": "sqlite3.OperationalError"}


def test_database_capture_can_be_switched_off(project: Any) -> None:
    project.settings("TRACING_CAPTURE_DATABASE=false\n")
    run = project.trace("import sqlite3\ndef work(): sqlite3.connect(':memory:').execute('select 1')\nwork()\n")
    assert run.paths() == ["work"]


def test_a_request_over_http_is_a_span_there_and_a_trace_here(project: Any, python: str) -> None:
    source = '''"""t"""
import threading, urllib.request
from wsgiref.simple_server import WSGIRequestHandler, make_server
class Quiet(WSGIRequestHandler):
    def log_message(self, *a): pass
def handle(environ): return [b"hi"]
def app(environ, start_response):
    start_response("201 Created", [])
    return handle(environ)
server = make_server("127.0.0.1", 0, app, handler_class=Quiet)
thread = threading.Thread(target=server.handle_request); thread.start()
def ask():
    return urllib.request.urlopen("http://127.0.0.1:%d/users?id=7" % server.server_port).read()
assert ask() == b"hi"
thread.join(); server.server_close()
'''
    run = project.trace(source, python=python)
    assert {"ask > http.client.request", "request > app", "request > app > handle"} <= set(run.paths())
    client, server = run.one("http.client.request"), run.one("request")
    assert client.sections["T"]["http.request.method"] == "GET"
    assert client.sections["T"]["url.full"].endswith("/users?id=7")
    assert client.sections["T"]["http.response.status_code"] == 201
    trace = dict(run.definitions[4][server.trace])
    assert trace.pop("traceId") == run.definitions[4][client.trace]["traceId"]
    assert int(trace.pop("parentSpanId"), 16) == int(run.header["span_salt"]) + client.seq
    assert trace == {"type": "http-request", "name": "GET /users", "method": "GET", "url": "/users?id=7", "statusCode": 201}


def test_a_flask_request_is_a_trace(project: Any) -> None:
    pytest.importorskip("flask")
    source = '''"""t"""
from flask import Flask
app = Flask(__name__)
@app.route("/u/<int:n>")
def user(n): return {"n": n}
@app.route("/boom")
def boom(): raise RuntimeError("x")
client = app.test_client()
print(client.get("/u/5").json, client.get("/none").status_code)
'''
    run = project.trace(source)
    assert "request > user" in run.paths()
    traces = [(trace["name"], trace["statusCode"]) for trace in run.definitions[4].values()]
    assert traces == [("GET /u/5", 200), ("GET /none", 404)]


def test_a_starlette_request_is_a_trace(project: Any) -> None:
    pytest.importorskip("fastapi")
    source = '''"""t"""
import asyncio
from fastapi import FastAPI
app = FastAPI()
@app.get("/u/{n}")
async def user(n: int): return {"n": n}
sent = []
async def call():
    scope = {"type": "http", "method": "GET", "path": "/u/5", "raw_path": b"/u/5", "query_string": b"q=1", "headers": [],
             "http_version": "1.1",
             "scheme": "http", "root_path": "", "client": ("c", 1), "server": ("s", 80)}
    async def receive(): return {"type": "http.request", "body": b"", "more_body": False}
    async def send(message): sent.append(message)
    await app(scope, receive, send)
asyncio.new_event_loop().run_until_complete(app.router.startup()) if hasattr(app.router, "startup") else None
asyncio.run(call())
assert sent[0]["status"] == 200
'''
    run = project.trace(source)
    assert "call > request > user" in run.paths()
    assert run.one("request").sections["T"]["http.response.status_code"] == 200


TESTS = '''"""t"""
import pytest
def double(n): return n * 2
@pytest.fixture
def made(): return double(1)
def test_good(made): assert double(2) == 4
def test_bad():
    """d"""
    left = double(2)
    assert left + double(1) == 5, "sum"
@pytest.mark.skip
def test_skipped(): pass
'''


def test_each_pytest_test_is_a_trace_with_its_id(project: Any) -> None:
    project.write("test_it.py", TESTS)
    done = project.run("-m", "pytest", "-q", "-p", "no:cacheprovider", "test_it.py", MCP_TRACER_DEBUG="1")
    assert done.returncode == 1
    (run,) = project.runs()
    assert [trace["testId"] for trace in run.definitions[4].values()] == [
        "test_it.py::test_good",
        "test_it.py::test_bad",
        "test_it.py::test_skipped",
    ]
    assert {trace["type"] for trace in run.definitions[4].values()} == {"test"}
    assert "test > test_bad > double" in run.paths()
    assert "test > made > double" in run.paths()
    assert [span.sections["T"]["test.case.result.status"] for span in run.of("test")] == ["pass", "fail", "skip"]
    assert run.end == {"exitCode": 1, "dropped": 0, "faults": 0}


FAILING = """import plain, pytest
def check(n): assert n == 5, "sum"
@pytest.fixture
def broken(): raise LookupError("no fixture")
def test_call(): check(4)
def test_set_up(broken): pass
@pytest.mark.xfail
def test_expected(): check(4)
@pytest.fixture
def untidy():
    yield
    raise OSError("no tear-down")
def test_tear_down(untidy): pass
"""


def test_a_failed_pytest_test_has_the_exception_that_failed_it(project: Any) -> None:
    project.write("plain.py", "def untouched(): pass\n")
    project.write("test_it.py", FAILING, 0)
    project.run("-m", "pytest", "-q", "-p", "no:cacheprovider", "test_it.py", MCP_TRACER_DEBUG="1")
    (run,) = project.runs()
    errors = {span.sections["T"]["test.case.name"].partition("::")[2]: span.sections.get("E") for span in run.of("test")}
    assert {test: error and error["type"] for test, error in errors.items()} == {
        "test_call": "AssertionError",
        "test_set_up": "LookupError",
        "test_expected": None,
        "test_tear_down": "OSError",
    }
    assert errors["test_call"]["message"] == "sum\nassert 4 == 5"
    assert errors["test_call"]["stack"] == [["test_it.py", 5, "test_call"], ["test_it.py", 2, "check"]]


@pytest.mark.parametrize("level", [2, 5])
def test_assertion_messages_stay_as_pytest_writes_them(project: Any, level: int) -> None:
    arguments = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=short", "--show-capture=no", "test_it.py")
    project.write("test_it.py", TESTS, 0)
    plain = project.run(*arguments).stdout
    project.write("test_it.py", TESTS, level)
    traced = project.run(*arguments).stdout
    start = "____ test_bad"
    assert "assert (4 + 2) == 5" in plain
    assert traced[traced.index(start) :].rpartition(" in ")[0] == plain[plain.index(start) :].rpartition(" in ")[0]
