"""HTTP clients: one span a request, and `traceparent` goes out."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

OWN = "00-11111111111111111111111111111111-2222222222222222-01"


class Echo(BaseHTTPRequestHandler):
    """Answers with the headers of the request; `/status/N` with that status, `/redirect` with a redirect to `/`."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = json.dumps({name.lower(): value for name, value in self.headers.items()}).encode()
        if self.path == "/redirect":
            self.server.seen.append(self.headers.get_all("traceparent"))  # type: ignore[attr-defined]
        self.send_response(302 if self.path == "/redirect" else int(self.path.rpartition("/")[2]) if "/status/" in self.path else 200)
        if self.path == "/redirect":
            self.send_header("Location", "/")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.do_GET()

    def log_message(self, *_: Any) -> None:
        """Nothing: the tests' output stays clean."""


@pytest.fixture
def echo() -> Iterator[Any]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    server.seen = []  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


HEAD = f'''"""t"""
import asyncio, json, os
BASE = "http://127.0.0.1:%s" % os.environ["PORT"]
OWN = "{OWN}"
'''
# Each program defines `ask(path, headers)`, which gives (status, headers that the server saw), and `fail()`: it asks where nobody listens.
TAIL = """
assert ask("/?q=1&token=hunter-2", {})[0] == 200
print(json.dumps([ask("/", {})[1].get("traceparent"), ask("/redirect", {})[1].get("traceparent")]))
assert ask("/", {"traceparent": OWN})[1]["traceparent"] == OWN
assert ask("/status/404", {})[0] == 404
fail()
"""
ASYNC_TAIL = """
async def main():
    assert (await ask("/?q=1&token=hunter-2", {}))[0] == 200
    print(json.dumps([(await ask("/", {}))[1].get("traceparent"), (await ask("/redirect", {}))[1].get("traceparent")]))
    assert (await ask("/", {"traceparent": OWN}))[1]["traceparent"] == OWN
    assert (await ask("/status/404", {}))[0] == 404
    await fail()
asyncio.run(main())
"""
CLIENTS = {
    "urllib": (
        "http.client.request",
        """
import urllib.request, urllib.error
def ask(path, headers):
    try: answer = urllib.request.urlopen(urllib.request.Request(BASE + path, headers=headers))
    except urllib.error.HTTPError as error: answer = error
    with answer: return answer.status, json.loads(answer.read())
def fail():
    try: urllib.request.urlopen("http://127.0.0.1:1/")
    except urllib.error.URLError: pass
"""
        + TAIL,
    ),
    "requests": (
        "http.client.request",
        """
import requests
session = requests.Session()
def ask(path, headers):
    answer = session.get(BASE + path, headers=headers)
    assert ("traceparent" in answer.request.headers) == bool(headers)
    return answer.status_code, answer.json()
def fail():
    try: requests.get("http://127.0.0.1:1/")
    except requests.ConnectionError: pass
"""
        + TAIL,
    ),
    "urllib3": (
        "http.client.request",
        """
import urllib3
pool = urllib3.PoolManager()
def ask(path, headers):
    answer = pool.request("GET", BASE + path, headers=headers)
    return answer.status, json.loads(answer.data)
def fail():
    try: pool.request("GET", "http://127.0.0.1:1/", retries=False)
    except urllib3.exceptions.NewConnectionError: pass
"""
        + TAIL,
    ),
    **{
        name: (
            name + ".request",
            f"""
import {name} as library
client = library.Client(follow_redirects=True)
def ask(path, headers):
    answer = client.get(BASE.replace("//", "//user:hunter-2@") + path, headers=headers)
    assert ("traceparent" in answer.request.headers) == bool(headers)
    return answer.status_code, answer.json()
def fail():
    try: client.get("http://127.0.0.1:1/")
    except library.ConnectError: pass
"""
            + TAIL,
        )
        for name in ("httpx", "httpx2")
    },
    **{
        name + " async": (
            name + ".request",
            f"""
import {name} as library
async def ask(path, headers):
    async with library.AsyncClient(follow_redirects=True) as client:
        answer = await client.get(BASE + path, headers=headers)
    assert ("traceparent" in answer.request.headers) == bool(headers)
    return answer.status_code, answer.json()
async def fail():
    async with library.AsyncClient() as client:
        try: await client.get("http://127.0.0.1:1/")
        except library.ConnectError: pass
"""
            + ASYNC_TAIL,
        )
        for name in ("httpx", "httpx2")
    },
    "aiohttp": (
        "aiohttp.request",
        """
import aiohttp
async def ask(path, headers):
    async with aiohttp.ClientSession() as session, session.get(BASE + path, headers=headers) as answer:
        assert ("traceparent" in answer.request_info.headers) == bool(headers)
        return answer.status, await answer.json(content_type=None)
async def fail():
    async with aiohttp.ClientSession() as session:
        try: await session.get("http://127.0.0.1:1/")
        except aiohttp.ClientConnectorError: pass
"""
        + ASYNC_TAIL,
    ),
}


@pytest.mark.parametrize("client", CLIENTS)
def test_requests_are_spans_and_carry_their_id(project: Any, echo: Any, client: str) -> None:
    name, source = CLIENTS[client]
    project.write("program.py", HEAD + source)
    done = project.run("program.py", MCP_TRACER_DEBUG="1", PORT=str(echo.server_port))
    assert (done.returncode, done.stderr) == (0, "")
    (run,) = project.runs()
    spans = sorted((span for span in run.spans if span.name == name), key=lambda span: span.seq)
    redirected = client != "aiohttp"  # which counts the hops of a redirect as one request
    assert [span.path.split(" > ")[-2] for span in spans] == ["ask"] * (5 + redirected) + ["fail"]
    first = spans[0].sections["T"]
    assert first["url.full"].replace("***@", "") == f"http://127.0.0.1:{echo.server_port}/?q=1&token=***"
    assert {key: first[key] for key in first if key != "url.full"} == {
        "http.request.method": "GET",
        "server.address": "127.0.0.1",
        "server.port": echo.server_port,
        "http.response.status_code": 200,
    }
    assert spans[-2].sections["T"]["error.type"] == "404"
    assert spans[-1].flags & 1
    assert "http.response.status_code" not in spans[-1].sections["T"]
    plain, after_redirect = json.loads(done.stdout)
    assert plain == header(run, spans[1])
    assert after_redirect == header(run, spans[2 + redirected])
    assert echo.seen == [[header(run, spans[2])]]
    assert "hunter-2" not in str([span.sections["T"] for span in spans])


def header(run: Any, span: Any) -> str:
    """The `traceparent` of a span."""
    trace = run.definitions[4][span.trace]["traceId"]
    return f"00-{trace}-{int(run.header['span_salt']) + span.seq:016x}-01"


def test_capture_can_be_switched_off_and_nothing_goes_out(project: Any, echo: Any) -> None:
    project.settings("TRACING_CAPTURE_HTTP=false\n")
    source = """
import requests, httpx, aiohttp
def work():
    return [requests.get(BASE).json(), httpx.get(BASE).json(), asyncio.run(wait())]
async def wait():
    async with aiohttp.ClientSession() as session, session.get(BASE) as answer: return await answer.json(content_type=None)
assert not any("traceparent" in headers for headers in work())
"""
    run = project.trace(HEAD + source, PORT=str(echo.server_port))
    assert run.paths() == ["work", "work > wait"]


def test_a_library_call_outside_of_traced_functions_is_left_alone(project: Any, echo: Any) -> None:
    run = project.trace(
        HEAD + "import httpx\ndef f(): pass\nf()\nassert 'traceparent' not in httpx.get(BASE).json()\n", PORT=str(echo.server_port)
    )
    assert run.paths() == ["f"]


def test_a_request_that_stays_in_the_process_is_as_the_program_made_it(project: Any) -> None:
    source = '''"""t"""
import asyncio, httpx
seen = []
def answer(request):
    seen.append(request.headers)
    return httpx.Response(200)
def work(): httpx.Client(transport=httpx.MockTransport(answer)).get("http://a.test/")
async def wait():
    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client: await client.get("http://a.test/")
work()
asyncio.run(wait())
assert len(seen) == 2 and not any("traceparent" in headers for headers in seen)
'''
    run = project.trace(source)
    assert [span.parent.name for span in run.of("httpx.request")] == ["work", "wait"]
