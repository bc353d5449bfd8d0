"""SQL, exports and patterns over REST, after a real run."""

from __future__ import annotations

import subprocess
import sys

import httpx2
import pytest

from mcp_tracer.workspace.project import Project

from .test_rest import anonymous, client

__all__ = ["anonymous", "client"]
pytestmark = [pytest.mark.anyio, pytest.mark.timeout(60)]


@pytest.fixture
async def recorded(client: httpx2.AsyncClient, project: Project) -> httpx2.AsyncClient:
    """The cart, whose total was asked for once."""
    assert (await client.post("/api/tracing/instrument/file", json={"file": "src/cart.py", "level": 2})).is_success
    subprocess.run([sys.executable, "-c", "import cart; cart.total([1, 2])"], cwd=project.root / "src", check=True)
    return client


async def test_sql_is_answered_and_refused_over_rest(recorded: httpx2.AsyncClient) -> None:
    sql = "SELECT function, params ->> '$.prices[1]' AS second, return_value FROM spans WHERE function = 'total'"
    answer = await recorded.get("/api/tracing/sql", params={"sql": sql, "run": "last"})
    assert (answer.json()["columns"], answer.json()["rows"]) == (["function", "second", "return_value"], [["total", 2, "3"]])
    refused = await recorded.get("/api/tracing/sql", params={"sql": "PRAGMA table_info(spans)"})
    assert (refused.status_code, "PRAGMA is not allowed" in refused.text) == (400, True)
    views = (await recorded.get("/api/tracing/sql")).json()["views"]
    assert [view["name"] for view in views][:2] == ["spans", "errors"]


async def test_an_export_says_where_the_file_is_over_rest(recorded: httpx2.AsyncClient, project: Project) -> None:
    answer = (await recorded.get("/api/tracing/export/last", params={"format": "chrome"})).json()
    assert (project.root / answer["path"]).stat().st_size == answer["bytes"]
    unknown = await recorded.get("/api/tracing/export/ffffffffffffffff")
    assert unknown.status_code == 404


async def test_patterns_have_a_route(recorded: httpx2.AsyncClient) -> None:
    assert (await recorded.get("/api/tracing/patterns", params={"run": "last"})).json() == {"patterns": [], "total": 0, "cursor": None}


async def test_an_infinite_duration_is_as_long_as_any(recorded: httpx2.AsyncClient) -> None:
    for ask in ("search?minDuration=inf", "search?minDuration=1e400", "slow?threshold=inf"):
        answer = await recorded.get(f"/api/tracing/{ask}")
        assert (answer.status_code, answer.json()["spans"]) == (200, []), ask
    assert len((await recorded.get("/api/tracing/search?maxDuration=inf")).json()["spans"]) == 1
    for names in ("minDuration=5&maxDuration=2", "min_duration=5&max_duration=2"):
        said = (await recorded.get(f"/api/tracing/search?{names}")).text
        assert "minDuration is above maxDuration: write minDuration=2 and maxDuration=5." in said
    assert (await recorded.get("/api/tracing/trace/last?minDuration=inf")).status_code == 200


async def test_a_time_range_that_is_no_object_is_refused(recorded: httpx2.AsyncClient) -> None:
    answer = await recorded.request("GET", "/api/tracing/search", json={"timeRange": "1h"})
    assert (answer.status_code, "timeRange must be an object" in answer.text) == (400, True)
