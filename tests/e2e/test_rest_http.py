"""`mcp-tracer serve --http`: REST and MCP over one port of a real server process."""

from __future__ import annotations

import re
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.types import TextContent

from mcp_tracer.workspace.initialise import initialise
from mcp_tracer.workspace.project import Project

PATIENCE_S = 60
COMMAND = (sys.executable, "-m", "mcp_tracer")
PROGRAM = "def double(n):\n    return 2 * n\n\n\nprint(double(21))\n"

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(180)]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@dataclass(frozen=True)
class Running:
    """A server process: its address, its token, and what it said at its start."""

    process: subprocess.Popen[str]
    url: str
    token: str
    said: str

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    place = tmp_path / "shop"
    (place / "src").mkdir(parents=True)
    (place / "src" / "twice.py").write_text(PROGRAM)
    initialise(Project(place.resolve()))
    return place.resolve()


@contextmanager
def serving(root: Path) -> Iterator[Running]:
    process = subprocess.Popen([*COMMAND, "serve", "--http", "127.0.0.1:0"], cwd=root, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    said = process.stderr.readline()
    found = re.search(r"http://127\.0\.0\.1:\d+", said)
    assert found, said + process.stderr.read()
    try:
        yield Running(process, found[0], (root / ".ai-agents/logging/token").read_text().strip(), said)
    finally:
        process.terminate()
        process.wait(PATIENCE_S)
        process.stderr.close()


def client_of(server: Running) -> httpx2.Client:
    return httpx2.Client(base_url=f"{server.url}/api/tracing/", headers=server.headers, timeout=PATIENCE_S)


def test_instrument_run_and_ask_over_rest(root: Path) -> None:
    file = "src/twice.py"
    with serving(root) as server, client_of(server) as client:
        assert client.post("instrument/file", json={"file": file, "level": 2}).json()["files"][0]["status"] == "instrumented"
        done = subprocess.run([sys.executable, file], cwd=root, capture_output=True, text=True, timeout=PATIENCE_S, check=True)
        assert done.stdout == "42\n"
        (run,) = client.get("runs").json()["runs"]
        assert (run["exitCode"], run["errors"]) == (0, 0)
        span = client.get(f"function/{file}/double", params={"orderBy": "duration"}).json()["spans"][0]
        assert (span["function"], span["file"], span["params"], span["returnValue"]) == ("double", file, {"n": 21}, 42)
        assert client.get(f"trace/{span['traceId']}").json()["spanCount"] >= 1
        assert client.get(f"flow/{span['traceId']}", params={"format": "flamegraph"}).json()["format"] == "flamegraph"
        assert client.get(f"stats/function/{file}/double").json()["callCount"] == 1
        assert client.get(f"stats/file/{file}").json()["callCount"] >= 1
        assert any(row["function"] == "double" for row in client.get("hotspots").json())
        assert client.post("uninstrument/all", json={"restore": True}).json()["files"][0]["how"] == "backup"
    assert (root / file).read_text() == PROGRAM


@pytest.mark.parametrize("era", ["auto", "legacy"])
async def test_mcp_over_streamable_http_in_both_eras(root: Path, era: Any) -> None:
    with serving(root) as server:
        async with (
            httpx2.AsyncClient(headers=server.headers, timeout=PATIENCE_S) as http,
            Client(streamable_http_client(f"{server.url}/mcp", http_client=http), mode=era) as client,
        ):
            assert client.protocol_version == {"auto": "2026-07-28", "legacy": "2025-11-25"}[era]
            seen: list[float] = []

            async def progress(done: float, total: float | None, message: str | None) -> None:
                seen.append(done)

            answer = await client.call_tool("instrument", {"paths": ["src"]}, progress_callback=progress)
            assert isinstance(answer.content[0], TextContent)
            assert answer.content[0].text.startswith("1 instrumented")
            assert seen[-1] == 2


def test_mcp_wants_the_token(root: Path) -> None:
    with serving(root) as server:
        assert httpx2.post(f"{server.url}/mcp", json={}).status_code == 401
        assert httpx2.get(f"{server.url}/health").json() == {"ok": True}
        assert httpx2.get(f"{server.url}/health", headers={"Host": "evil.example"}).status_code == 421


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX modes")
def test_the_token_is_told_once_private_and_stays_the_same(root: Path) -> None:
    with serving(root) as first:
        assert first.token in first.said
        assert stat.S_IMODE((root / ".ai-agents/logging/token").stat().st_mode) == 0o600
    with serving(root) as second:
        assert second.token == first.token
        assert second.token not in second.said


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_server_cleanly(root: Path, number: signal.Signals) -> None:
    with serving(root) as server:
        server.process.send_signal(number)
        assert server.process.wait(PATIENCE_S) == 0
        assert server.process.stderr is not None
        assert server.process.stderr.read() == ""


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_open_event_streams_do_not_hold_a_stopping_server_up(root: Path) -> None:
    hello = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "raw", "version": "1"}}
    headers = {"Accept": "application/json, text/event-stream"}
    with serving(root) as server, httpx2.Client(headers={**server.headers, **headers}, timeout=PATIENCE_S) as http:
        request = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello}
        session = http.post(f"{server.url}/mcp", json=request).headers["mcp-session-id"]
        with http.stream("GET", f"{server.url}/mcp", headers={"Mcp-Session-Id": session}) as stream:
            assert stream.status_code == 200
            server.process.terminate()
            assert server.process.wait(PATIENCE_S) == 0
        assert server.process.stderr is not None
        assert "Traceback" not in server.process.stderr.read()


@pytest.mark.parametrize("address", ["0.0.0.0:0", "example.com:80"])
def test_other_interfaces_are_refused(root: Path, address: str) -> None:
    done = subprocess.run([*COMMAND, "serve", "--http", address], cwd=root, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert done.returncode == 1
    assert "only loopback is served" in done.stderr
