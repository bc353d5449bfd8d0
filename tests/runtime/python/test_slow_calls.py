"""A call that the governor only counted is recorded after all where it took longer than others of its function."""

from __future__ import annotations

import ast
from typing import Any

import pytest

SETTINGS = "TRACING_EXACT_COUNTS=true\nTRACING_OVERHEAD_BUDGET=1\n"
SLOW = 0.2  # seconds: longer than a busy machine makes any other call wait


@pytest.fixture(autouse=True)
def sampled(project: Any) -> None:
    project.settings(SETTINGS)


def slowest(run: Any, name: str, kind: str = "function") -> Any:
    return max((span for span in run.of(name) if span.definition["kind"] == kind), key=lambda span: span.duration)


def calls(run: Any, name: str) -> int:
    return len(run.of(name)) + sum(row.calls for row in run.counted if row.name == name)


def test_the_slow_one_of_many_calls_is_whole_with_its_callers(project: Any) -> None:
    source = """
import time
waits = dict(((30011, 0.06), (34567, 0.15), (39321, 0.4)))
def leaf(n, password):
    if n in waits: time.sleep(waits[n])
    return n + 1
def middle(n): return leaf(n, "x")
def main():
    for n in range(40000): middle(n)
main()
"""
    run = project.trace(source)
    slow = (30011, 34567, 39321)  # and whatever the machine made wait
    leaves = {span.params["n"]: span for span in run.of("leaf")}
    assert [(leaves[n].sections["R"], leaves[n].params["password"]) for n in slow] == [(n + 1, ("ext", 5, "name")) for n in slow]
    assert {leaves[n].path for n in slow} <= {"main > middle > leaf", "main > leaf"}  # the latter where it was recorded in any case
    assert {*slow} <= {span.params["n"] for span in run.of("middle")}
    assert (calls(run, "leaf"), calls(run, "middle")) == (40000, 40000)
    assert run.end["faults"] == 0


def test_calls_with_a_finally_generators_and_coroutines_likewise(project: Any) -> None:
    source = f"""
import asyncio, time
def guarded(n):
    try:
        if n == 19321: time.sleep({SLOW})
        return n
    finally:
        n = 0
def numbers(n):
    if n == 19321: time.sleep({SLOW})
    yield n
async def step(n):
    if n == 19321: await asyncio.sleep({SLOW})
    return n
async def main():
    for n in range(20000):
        guarded(n)
        for _ in numbers(n): pass
        await step(n)
asyncio.run(main())
"""
    run = project.trace(source)
    assert slowest(run, "guarded").duration > SLOW * 0.9e9 / run.ns_per_tick
    assert slowest(run, "numbers", "generator").params == {"n": 19321}
    step = slowest(run, "step", "coroutine")
    assert (step.params, step.sections["R"]) == ({"n": 19321}, 19321)
    assert {span.path for span in (slowest(run, "guarded"), step)} == {"main > guarded", "main > step"}
    assert (calls(run, "guarded"), calls(run, "numbers"), calls(run, "step"), run.end["faults"]) == (20000, 20000, 20000, 0)


def test_a_slow_statement_of_a_counted_call_is_there(project: Any) -> None:
    """Nobody traced calls `find`: of such calls few begin a trace, and the statements of the others are only counted."""
    source = f"""
import sqlite3, time
db = sqlite3.connect(":memory:")
db.create_function("wait", 1, lambda n: time.sleep({SLOW}) if n == 29321 else n)
def find(n):
    return db.execute("select wait(?)", (n,)).fetchone()
for n in range(30000): find(n)
"""
    run = project.trace(source)
    found = slowest(run, "sqlite3.execute", "db")
    assert found.sections["T"]["db.query.parameters"] == ("ext", 7, ["tuple", 29321])
    assert found.parent.params == {"n": 29321}
    assert (calls(run, "find"), calls(run, "sqlite3.execute"), run.end["faults"]) == (30000, 30000, 0)


def test_a_failing_statement_of_a_counted_call_is_there(project: Any) -> None:
    source = """
import sqlite3
db = sqlite3.connect(":memory:")
db.execute("create table item (id integer primary key)")
def insert(n):
    try: db.execute("insert into item values (?)", (n,))
    except sqlite3.IntegrityError: return False
    return True
for n in [*range(30000), 7]: insert(n)
"""
    run = project.trace(source)
    (failed,) = (span for span in run.of("sqlite3.execute") if span.flags & 1)
    assert failed.sections["E"]["type"] == "sqlite3.IntegrityError"
    assert (failed.parent.params, failed.parent.sections["R"]) == ({"n": 7}, False)


def test_a_request_of_a_counted_call_goes_on_with_its_trace(project: Any) -> None:
    source = """
import http.server, threading, urllib.request
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        seen.append(self.headers["traceparent"])
        self.send_response(204); self.end_headers()
    def log_message(self, *_): pass
seen = []
server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
def hot(n): return n
def ask(): urllib.request.urlopen("http://127.0.0.1:%d/" % server.server_port).close()
def both(n):
    if n % 5000 == 4321: ask()
    hot(n)
for n in range(30000): both(n)
server.shutdown()
print(seen)
"""
    project.write("program.py", source)
    done = project.run("program.py")
    (run,) = project.runs()
    asked = [span for span in run.spans if span.definition["kind"] == "http-client"]
    traces = {number: definition["traceId"] for number, definition in run.definitions[4].items()}
    assert [(span.parent.name, span.parent.parent.params["n"]) for span in asked] == [("ask", n) for n in range(4321, 30000, 5000)]
    ids = [(int(run.header["span_salt"]) + span.seq) % 2**64 for span in asked]
    assert ast.literal_eval(done.stdout) == [f"00-{traces[span.trace]}-{number:016x}-01" for span, number in zip(asked, ids, strict=True)]


def test_what_locals_gave_is_the_programs_own(project: Any, python: str) -> None:
    """Until Python 3.13 a look at a frame's variables writes them into the dictionary that `locals()` gave there."""
    source = """
import time
def slow(n):
    if n: time.sleep(0.01 * n)
    fresh = locals()
    fresh["n"] = "changed"
    return fresh
def outer(n):
    kept = locals()
    kept["n"] = "kept"
    slow(n)
    return kept
def main():
    for n in range(3000): outer(0)
    print([(outer(n)["n"], slow(n)["n"]) for n in range(2, 5)])
main()
"""
    project.write("program.py", source)
    traced = project.run("program.py", python=python)
    (project.root / "plain.py").write_text(source)
    assert traced.stdout == project.run("plain.py", python=python).stdout == str([("kept", "changed")] * 3) + "\n"
    (run,) = project.runs()
    assert (run.end["faults"], calls(run, "outer")) == (0, 3003)


def test_callers_of_a_slow_call_hold_nothing_for_longer(project: Any, python: str) -> None:
    source = """
import time, weakref
class Big: pass
def leaf(n):
    if n: time.sleep(0.03 * 2 ** n)
def caller(n):
    big = Big()
    held = weakref.ref(big)
    leaf(n)
    del big
    return held() is not None
def main():
    for n in range(3000): caller(0)
    print([caller(n) for n in range(1, 4)])
main()
"""
    project.write("program.py", source)
    assert project.run("program.py", python=python).stdout == str([False] * 3) + "\n"
    (run,) = project.runs()
    slow = [span for span in run.of("caller") if span.params["n"]]
    assert [span.params["n"] for span in slow] == [1, 2, 3] and run.end["faults"] == 0
