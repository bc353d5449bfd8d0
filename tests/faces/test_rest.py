"""The application in process: routes, bodies, errors, access."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from mcp_tracer.faces.mcp.server import build_server
from mcp_tracer.faces.rest.app import build_app
from mcp_tracer.service.operations import OPERATIONS
from mcp_tracer.service.service import Service
from mcp_tracer.workspace.project import Project

from .conftest import SOURCE, set_flag

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(60)]
TOKEN = "t" * 32
PORT = 7420
BASE = f"http://127.0.0.1:{PORT}"


@pytest.fixture
async def anonymous(service: Service) -> AsyncIterator[httpx2.AsyncClient]:
    async def provider() -> Service:
        return service

    app = build_app(provider, OPERATIONS, build_server(provider, OPERATIONS), token=TOKEN, port=PORT)
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url=BASE) as client:
        yield client


@pytest.fixture
def client(anonymous: httpx2.AsyncClient) -> httpx2.AsyncClient:
    anonymous.headers.update({"Authorization": f"Bearer {TOKEN}", "X-Agent-Name": "rest-agent"})
    return anonymous


async def test_instrument_takes_the_specifications_bodies(client: httpx2.AsyncClient, project: Project) -> None:
    answer = await client.post("/api/tracing/instrument/file", json={"file": "src/cart.py", "level": 3, "force": False})
    assert answer.status_code == 200
    (row,) = answer.json()["files"]
    traced = (row["functions"], row["functionsWrapped"])  # the file's own body as well
    assert (row["file"], row["status"], row["level"], *traced) == ("src/cart.py", "instrumented", 3, ["<module>", "total", "refund"], 3)
    status = (await client.get("/api/tracing/status")).json()
    assert status["instrumented"][0]["by"] == "rest-agent"
    answer = await client.post("/api/tracing/uninstrument/all", json={"restore": True})
    assert answer.json()["files"][0]["how"] == "backup"
    assert (project.root / "src" / "cart.py").read_text() == SOURCE


async def test_instrument_one_function_and_all(client: httpx2.AsyncClient) -> None:
    body: dict[str, Any] = {"file": "src/cart.py", "functions": ["refund"], "level": 4}
    assert (await client.post("/api/tracing/instrument/function", json=body)).json()["files"][0]["functions"] == ["refund"]
    body = {"level": 2, "exclude": ["*.test.ts", "*.spec.ts"], "languages": ["typescript", "javascript", "python"]}
    assert (await client.post("/api/tracing/instrument/all", json=body)).json()["files"][0]["file"] == "src/cart.py"


async def test_configuration_is_written_and_read_back(client: httpx2.AsyncClient) -> None:
    captures = {"captureParams": True, "captureReturn": True, "captureAsync": True}
    assert (await client.put("/api/tracing/config/file", json={"file": "src/cart.py", "enabled": True, "level": 3, **captures})).is_success
    function = {"file": "src/cart.py", "function": "total", "level": 5, "captureVars": ["prices"]}
    assert (await client.put("/api/tracing/config/function", json=function)).is_success
    assert (await client.put("/api/tracing/config/global", json={"enabled": True, "defaultLevel": 1, "autoInstrument": True})).is_success
    config = (await client.get("/api/tracing/config")).json()
    assert (config["enabled"], config["defaultLevel"], config["files"]["src/cart.py"]["level"]) == (True, 1, 3)


QUESTIONS = (
    "search?query=x&file=src/*&minDuration=1&maxDuration=50&hasError=false&timeRange.start=2025-01-15T00:00:00Z&timeRange.end=1h",
    "function/src/cart.py/total?limit=100&orderBy=duration&order=desc",
    "function/src%2Fcart.py/total",
    "slow?threshold=1000&limit=50",
    "errors?errorType=DatabaseError&limit=100",
    "hotspots",
    "runs",
    "status",
    "approvals",
    "history",
)
UNKNOWN = (
    "trace/last",
    "flow/abcdef",
    "stats/file/src/cart.py",
    "stats/function/src/deep/cart.py/total",
    "approvals/00",
    "span/0123456789abcdef",
    "value?value=17",
    "compare",
)


async def test_questions_to_an_empty_store_are_answered(client: httpx2.AsyncClient) -> None:
    for path in QUESTIONS:
        answer = await client.get(f"/api/tracing/{path}")
        assert (path, answer.status_code) == (path, 200), answer.text


async def test_what_does_not_exist_is_not_found(client: httpx2.AsyncClient) -> None:
    for path in UNKNOWN:
        answer = await client.get(f"/api/tracing/{path}")
        assert (path, answer.status_code, answer.json()["error"]["code"]) == (path, 404, "not_found")


async def test_the_last_segment_is_the_function(client: httpx2.AsyncClient) -> None:
    message = (await client.get("/api/tracing/stats/function/src/deep/cart.py/total")).json()["error"]["message"]
    assert "total" in message


ERRORS = (
    ("POST", "instrument/file", b"{", 400, "invalid"),
    ("POST", "instrument/file", b"[]", 400, "invalid"),
    ("POST", "instrument/file", b'{"file": "src/cart.py", "level": 9}', 400, "invalid"),
    ("POST", "instrument/file", b'{"nope": 1}', 400, "invalid"),
    ("POST", "instrument/file", b'{"file": "../etc/passwd"}', 400, "outside"),
    ("POST", "instrument/file", b" " * 1_000_001, 400, "invalid"),
    ("GET", "slow?threshold=fast", None, 400, "invalid"),
    ("GET", "nope", None, 404, "not_found"),
    ("DELETE", "status", None, 405, "method_not_allowed"),
    ("POST", "approvals/abcd/decision", b'{"approve": true}', 403, "refused"),
)


async def test_errors_have_one_shape(client: httpx2.AsyncClient) -> None:
    for method, path, body, status, code in ERRORS:
        answer = await client.request(method, f"/api/tracing/{path}", content=body)
        assert answer.status_code == status, answer.text
        assert set(answer.json()) == {"error"}
        assert answer.json()["error"]["code"] == code
        assert "pydantic" not in answer.text


async def test_a_refusal_is_403_with_its_flag(client: httpx2.AsyncClient, project: Project) -> None:
    set_flag(project, "TRACING_ALLOW_AI_CONFIGURE", "false")
    answer = await client.put("/api/tracing/config/global", json={"enabled": False})
    assert answer.status_code == 403
    assert answer.json()["error"]["flag"] == "TRACING_ALLOW_AI_CONFIGURE"


async def test_a_change_that_waits_is_202_with_its_id(client: httpx2.AsyncClient, project: Project, service: Service) -> None:
    set_flag(project, "TRACING_AI_REQUIRE_APPROVAL", "true")
    answer = await client.post("/api/tracing/instrument/file", json={"file": "src/cart.py"})
    assert answer.status_code == 202
    body = answer.json()
    assert body["status"] == "pending"
    shown = (await client.get(f"/api/tracing/approvals/{body['approvalId']}")).json()["approvals"][0]
    assert (shown["state"], shown["agent"]) == ("pending", "rest-agent")


PROTECTED = ("/api/tracing/status", "/api/openapi.json", "/mcp", "/", "/health%2f..%2fapi/tracing/status", "/%61pi/tracing/status")
WRONG = (None, "Bearer wrong", "Basic " + TOKEN, TOKEN, "Bearer", "Bearer " + TOKEN + "x", "Bearer \u00fc")


@pytest.mark.parametrize("header", WRONG)
async def test_everything_but_health_wants_the_token(anonymous: httpx2.AsyncClient, header: str | None) -> None:
    for path in PROTECTED:
        url = httpx2.URL(BASE).copy_with(raw_path=path.encode())
        answer = await anonymous.get(url, headers={"Authorization": header.encode()} if header else {})
        assert (path, answer.status_code) == (path, 401)
        assert answer.headers["www-authenticate"] == "Bearer"


async def test_health_says_only_ok(anonymous: httpx2.AsyncClient) -> None:
    assert (await anonymous.get("/health")).json() == {"ok": True}


async def test_other_hosts_are_refused(client: httpx2.AsyncClient) -> None:
    for host in ("evil.example", "127.0.0.1", "127.0.0.1:80", "localhost.evil.example:7420", "0.0.0.0:7420", ""):
        for path in ("/health", "/api/tracing/status", "/mcp"):
            assert (host, (await client.get(path, headers={"Host": host})).status_code) == (host, 421)


async def test_pages_of_other_origins_are_refused(client: httpx2.AsyncClient) -> None:
    for origin in ("http://evil.example", "null", "http://127.0.0.1:80", "https://127.0.0.1:7420"):
        assert (origin, (await client.get("/api/tracing/status", headers={"Origin": origin})).status_code) == (origin, 403)
    assert (await client.get("/api/tracing/status", headers={"Origin": f"http://localhost:{PORT}"})).status_code == 200


async def test_openapi_describes_every_route(client: httpx2.AsyncClient) -> None:
    paths = (await client.get("/api/openapi.json")).json()["paths"]
    for operation in OPERATIONS.values():
        for route in operation.routes:
            described = paths[f"/api/tracing/{route.path}"][route.method.lower()]
            assert described["summary"] == operation.summary
