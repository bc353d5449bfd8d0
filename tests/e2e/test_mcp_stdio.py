"""`mcp-tracer serve` as a host starts it: a child process that speaks on its standard streams."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client, StdioServerParameters
from mcp.types import CallToolResult, TextContent

from mcp_tracer.workspace.initialise import initialise
from mcp_tracer.workspace.project import Project

PATIENCE_S = 60
COMMAND = (sys.executable, "-m", "mcp_tracer")
PROGRAM = """\
def price(item):
    if item == "cake":
        raise KeyError(item)
    return 3


def total(items):
    return sum(price(item) for item in items)


if __name__ == "__main__":
    print(total(["tea", "bread"]))
    try:
        total(["tea", "cake"])
    except KeyError:
        print("no cake")
"""

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(180)]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(params=["auto", "legacy"])
def era(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project that is not initialised."""
    place = tmp_path / "shop"
    place.mkdir()
    (place / "shop.py").write_text(PROGRAM)
    return place.resolve()


def run(root: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=PATIENCE_S, check=True)


def client_of(root: Path, era: Any) -> Client:
    parameters = StdioServerParameters(command=COMMAND[0], args=[*COMMAND[1:], "serve"], cwd=root, env=dict(os.environ))
    return Client(parameters, mode=era)


def text_of(result: CallToolResult) -> str:
    (content,) = result.content
    assert isinstance(content, TextContent)
    return content.text


async def call(client: Client, tool: str, **arguments: Any) -> str:
    answer = await client.call_tool(tool, arguments)
    assert not answer.is_error, text_of(answer)
    return text_of(answer)


async def test_from_instrumenting_to_the_cause_and_back(root: Path, era: str) -> None:
    initialise(Project(root))
    async with client_of(root, era) as client:
        assert "1 instrumented" in await call(client, "instrument", paths=["shop.py"], level=2)
        assert run(root, sys.executable, "shop.py").stdout == "6\nno cake\n"
        assert "shop.py" in await call(client, "list_runs")
        assert "KeyError" in await call(client, "find_errors")
        assert "cake" in await call(client, "search_traces", query="cake")
        assert "price" in await call(client, "get_function_traces", function="price")
        assert "price" in await call(client, "get_stats", file="shop.py")
        assert "total" in await call(client, "get_hotspots")
        assert "price" in await call(client, "get_trace", trace_id="last")
        assert "price" in await call(client, "get_flow", format="timeline")
        assert "1 backup" in await call(client, "uninstrument", all=True)
    assert (root / "shop.py").read_text() == PROGRAM


async def test_a_server_started_before_init_says_so_and_works_after_it(root: Path) -> None:
    async with client_of(root, "auto") as client:
        refused = await client.call_tool("get_status", {})
        assert refused.is_error
        assert "mcp-tracer init" in text_of(refused)
        await anyio.to_thread.run_sync(run, root, *COMMAND, "init", "--yes")
        assert "0 instrumented files" in await call(client, "get_status")


async def test_two_servers_share_a_project(root: Path) -> None:
    initialise(Project(root))
    async with client_of(root, "auto") as first, client_of(root, "legacy") as second:
        await call(first, "instrument", paths=["shop.py"])
        assert "shop.py level 2" in await call(second, "get_status")
        run(root, sys.executable, "shop.py")
        for client in (second, first):
            assert "shop.py" in await call(client, "list_runs")


def talk(root: Path) -> subprocess.Popen[bytes]:
    """A server that has answered its first request, for looking at its raw streams."""
    server = subprocess.Popen(
        [*COMMAND, "serve"], cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    )
    client = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "raw", "version": "1"}}
    assert server.stdin is not None
    server.stdin.write(json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": client}).encode() + b"\n")
    server.stdin.flush()
    return server


def test_standard_output_carries_protocol_only_and_closed_input_ends_the_server(root: Path) -> None:
    initialise(Project(root))
    server = talk(root)
    output, errors = server.communicate(b"this is not JSON\n", timeout=PATIENCE_S)
    assert server.returncode == 0, errors
    answers = [json.loads(line) for line in output.splitlines()]
    assert answers
    assert {answer["jsonrpc"] for answer in answers} == {"2.0"}


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_server_cleanly_while_input_stays_open(root: Path, number: signal.Signals) -> None:
    initialise(Project(root))
    server = talk(root)
    assert server.stdout is not None
    assert b'"serverInfo"' in server.stdout.readline()
    server.send_signal(number)
    assert server.wait(PATIENCE_S) == 0
    assert server.stderr is not None
    assert b"Traceback" not in server.stderr.read()
    for stream in (server.stdin, server.stdout, server.stderr):
        assert stream is not None
        stream.close()
