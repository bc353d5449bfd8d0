"""Requests served: each is one trace, whoever the server and the framework."""

from __future__ import annotations

import http.client
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

TRACEPARENT = "00-11111111111111111111111111111111-2222222222222222-01"
REMOTE = {"traceId": "1" * 32, "parentSpanId": "2" * 16}
WSGI = '''"""t"""
def page(path): return path.encode()
def chunks(path):
    yield page(path)
    yield b"!"
def app(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/boom": raise RuntimeError("x")
    start_response("201 Created", [("Content-Type", "text/plain")])
    return chunks(path) if path == "/stream" else [page(path)]
'''
ASGI = '''"""t"""
def page(path): return path.encode()
async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown": return
    await send({"type": "http.response.start", "status": 201, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": page(scope["path"])})
'''
DJANGO = '''"""t"""
import django
from django.conf import settings
settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], SECRET_KEY="x", LOGGING_CONFIG=None)
django.setup()
from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.urls import path
def page(path): return path
def view(request, name=""): return HttpResponse(page(request.path), status=201)
async def aview(request): return HttpResponse(page(request.path), status=201)
urlpatterns = [path("async", aview), path("<path:name>", view)]
'''
# The server of Python's own library, werkzeug's and aiohttp's, run from inside a traced function: requests are traces all the same.
WSGIREF = """
import os
from wsgiref.simple_server import WSGIRequestHandler, make_server
class Quiet(WSGIRequestHandler):
    def log_message(self, *a): pass
def main():
    global server
    with make_server("127.0.0.1", int(os.environ["PORT"]), app, handler_class=Quiet) as server: server.serve_forever(0.05)
"""
WERKZEUG = """
import os
from werkzeug.serving import WSGIRequestHandler, make_server
class Quiet(WSGIRequestHandler):
    def log(self, *a): pass
def main():
    global server
    server = make_server("127.0.0.1", int(os.environ["PORT"]), app, request_handler=Quiet)
    server.serve_forever(0.05)
"""
UVICORN = """
import os, uvicorn
def main():
    uvicorn.run(app, host="127.0.0.1", port=int(os.environ["PORT"]), log_level="critical")
"""
AIOHTTP = '''"""t"""
import os
from aiohttp import web
def page(path): return path
async def view(request): return web.Response(text=page(request.path), status=201)
async def missing(request): raise web.HTTPConflict(text=page(request.path))
app = web.Application()
app.router.add_get("/conflict", missing)
app.router.add_get("/{name:.*}", view)
def main():
    web.run_app(app, host="127.0.0.1", port=int(os.environ["PORT"]), print=None, access_log=None)
'''
MAIN = '\nif __name__ == "__main__": main()\n'
STOPPED = """
import signal, threading
signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
"""


@contextmanager
def served(project: Any, *command: str) -> Iterator[int]:
    """The program as a server; it ends, and its spool is complete, when the block does."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    words = [word.replace("PORT", str(port)) for word in command]
    process = project.start(*words, PORT=str(port), MCP_TRACER_DEBUG="1", PYTHONPATH=str(project.root))
    try:
        _wait(process, port)
        yield port
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=20)
        assert "mcp-tracer fault" not in said
    finally:
        process.kill()
        process.wait()


def _wait(process: subprocess.Popen[str], port: int) -> None:
    end = time.monotonic() + 30
    while time.monotonic() < end:
        assert process.poll() is None, process.communicate()
        try:
            return socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
    raise AssertionError("the server did not start")


def ask(port: int, path: str) -> tuple[int, bytes]:
    """Two requests on one connection would share a task: ask twice, the second time with a parent."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    for headers in ({}, {"traceparent": TRACEPARENT}):
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        status, body = response.status, response.read()
    connection.close()
    return status, body


def request_run(project: Any) -> Any:
    """The run with the requests: a master process has one of its own."""
    return next(run for run in project.runs() if run.of("request"))


def check(run: Any, url: str, path: str, status: int = 201) -> list[Any]:
    """Two requests of `ask`: two traces, the second below the remote span. Returns their spans."""
    spans = sorted((span for span in run.of("request") if span.sections["T"]["url.full"] == url), key=lambda span: span.seq)
    assert [span.path for span in spans] == ["request"] * 2
    wanted = {"type": "http-request", "name": "GET " + path, "method": "GET", "url": url, "statusCode": status}
    first, second = (run.definitions[4][span.trace] for span in spans)
    assert first == {"traceId": first["traceId"], **wanted}
    assert second == {**REMOTE, **wanted}
    return spans


SERVERS = {
    "wsgiref": (WSGI + WSGIREF + STOPPED + MAIN, ["program.py"]),
    "werkzeug": (WSGI + WERKZEUG + STOPPED + MAIN, ["program.py"]),
    "gunicorn": (WSGI, ["-m", "gunicorn", "-b", "127.0.0.1:PORT", "--log-level", "critical", "program:app"]),
    "gunicorn threads": (WSGI, ["-m", "gunicorn", "-b", "127.0.0.1:PORT", "--threads", "2", "--log-level", "critical", "program:app"]),
    "gunicorn asgi": (ASGI, ["-m", "gunicorn", "-b", "127.0.0.1:PORT", "-k", "asgi", "--log-level", "critical", "program:app"]),
    "uvicorn": (ASGI, ["-m", "uvicorn", "--port", "PORT", "--log-level", "critical", "program:app"]),
    "uvicorn in a traced function": (ASGI + UVICORN + MAIN, ["program.py"]),
    "hypercorn": (ASGI, ["-m", "hypercorn", "-b", "127.0.0.1:PORT", "program:app"]),
    "aiohttp": (AIOHTTP + MAIN, ["program.py"]),
    "django on gunicorn": (
        DJANGO + "app = get_wsgi_application()\n",
        ["-m", "gunicorn", "-b", "127.0.0.1:PORT", "--log-level", "critical", "program:app"],
    ),
    "django on uvicorn": (
        DJANGO + "app = get_asgi_application()\n",
        ["-m", "uvicorn", "--port", "PORT", "--log-level", "critical", "program:app"],
    ),
}


@pytest.mark.parametrize("server", SERVERS)
def test_each_request_is_one_trace(project: Any, server: str) -> None:
    source, command = SERVERS[server]
    project.write("program.py", source)
    with served(project, *command) as port:
        assert ask(port, "/users/1?q=1&token=hunter-2") == (201, b"/users/1")
    run = request_run(project)
    check(run, "/users/1?q=1&token=***", "/users/1")
    pages = run.of("page")
    assert len(pages) == 2
    assert all(page.path.startswith("request > ") for page in pages)


@pytest.mark.parametrize("server", ["wsgiref", "werkzeug", "gunicorn"])
def test_a_body_that_is_computed_while_it_is_sent_belongs_to_its_request(project: Any, server: str) -> None:
    source, command = SERVERS[server]
    project.write("program.py", source)
    with served(project, *command) as port:
        assert ask(port, "/stream") == (201, b"/stream!")
    run = request_run(project)
    check(run, "/stream", "/stream")
    assert [span.path for span in run.of("page")] == ["request > chunks > page"] * 2


def test_an_exception_that_leaves_the_application_fails_the_request(project: Any) -> None:
    source, command = SERVERS["gunicorn"]
    project.write("program.py", source)
    with served(project, *command) as port:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        connection.request("GET", "/boom")
        assert connection.getresponse().status == 500
        connection.close()
    run = request_run(project)
    assert run.definitions[3][run.one("request").err] == {"name": "RuntimeError"}


def test_aiohttp_answers_that_are_raised_are_answers(project: Any) -> None:
    source, command = SERVERS["aiohttp"]
    project.write("program.py", source)
    with served(project, *command) as port:
        assert ask(port, "/conflict") == (409, b"/conflict")
    spans = check(request_run(project), "/conflict", "/conflict", 409)
    assert [span.flags & 1 for span in spans] == [0, 0]


CLIENTS = {
    "django": (
        DJANGO + "from django.test import Client\ndef call(): return Client().get('/a?b=1').status_code\nassert call() == 201\n",
        "call > request > view > page",
    ),
    "django async": (
        DJANGO
        + """
import asyncio
from django.test import AsyncClient
async def call(): return (await AsyncClient().get("/async?b=1")).status_code
assert asyncio.run(call()) == 201
""",
        "call > request > aview > page",
    ),
    "quart": (
        '''"""t"""
import asyncio
from quart import Quart
app = Quart(__name__)
def page(name): return name
@app.get("/<name>")
async def view(name): return page(name), 201
async def call(): return (await app.test_client().get("/a?b=1")).status_code
assert asyncio.run(call()) == 201
''',
        "call > request > view > page",
    ),
    "starlette": (
        '''"""t"""
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route
from starlette.testclient import TestClient
def page(name): return name
async def view(request): return PlainTextResponse(page("a"), 201)
app = Starlette(routes=[Mount("/sub", Starlette(routes=[Route("/a", view)]))])
def call(): return TestClient(app).get("/sub/a?b=1").status_code
assert call() == 201
''',
        "call > request > view > page",
    ),
    "fastapi": (
        '''"""t"""
from fastapi import FastAPI
from fastapi.testclient import TestClient
app = FastAPI()
def page(name): return name
@app.get("/{name}", status_code=201)
def view(name: str): return page(name)
def call(): return TestClient(app).get("/a?b=1").status_code
assert call() == 201
''',
        "call > request > view > page",
    ),
    "flask": (
        '''"""t"""
from flask import Flask
app = Flask(__name__)
def page(name): return name
@app.get("/<name>")
def view(name): return page(name), 201
def call(): return app.test_client().get("/a?b=1").status_code
assert call() == 201
''',
        "call > request > view > page",
    ),
}


@pytest.mark.parametrize("client", CLIENTS)
def test_a_request_of_a_test_client_belongs_to_who_makes_it(project: Any, client: str) -> None:
    source, path = CLIENTS[client]
    project.write("program.py", source)
    done = project.run("program.py", MCP_TRACER_DEBUG="1")
    assert done.returncode == 0, done.stderr
    assert "mcp-tracer fault" not in done.stderr
    (run,) = project.runs()
    assert [span.path for span in run.of("page")] == [path]
    request = run.one("request")
    assert request.sections["T"]["http.response.status_code"] == 201
    assert request.sections["T"]["url.full"].endswith("a?b=1") or request.sections["T"]["url.full"].endswith("async?b=1")


def test_capture_can_be_switched_off(project: Any) -> None:
    project.settings("TRACING_CAPTURE_HTTP=false\n")
    source, command = SERVERS["gunicorn"]
    project.write("program.py", source)
    with served(project, *command) as port:
        assert ask(port, "/a") == (201, b"/a")
    assert [path for run in project.runs() for path in run.paths()] == ["app", "app", "app > page", "app > page"]
