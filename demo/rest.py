"""Section 5 of the specification, endpoint by endpoint, over HTTP with the bearer token."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import httpx2

from paper import Paper
from stage import MCP_TRACER, Stage, free_port, started, wait_for
from tree import missing, pairs_of

SPAN = ("traceId", "spanId", "parentSpanId", "function", "file", "startTime", "endTime", "duration")
Shape = Callable[[Any], bool]


def has(*keys: str) -> Shape:
    """A JSON object with these keys."""
    return lambda body: isinstance(body, dict) and set(keys) <= set(body)


def listed(name: str, *keys: str) -> Shape:
    """An object with a list `name` that is not empty, whose members have the keys."""
    return lambda body: has(name)(body) and len(body[name]) > 0 and all(has(*keys)(row) for row in body[name])


def rows(*keys: str) -> Shape:
    """A list that is not empty of objects with the keys."""
    return lambda body: isinstance(body, list) and len(body) > 0 and all(has(*keys)(row) for row in body)


class Rest:
    """Calls endpoints and shows what they answer."""

    def __init__(self, client: httpx2.Client, paper: Paper) -> None:
        self._client = client
        self._paper = paper

    def call(self, method: str, path: str, shape: Shape, body: dict[str, Any] | None = None, **query: Any) -> Any:
        """One request, whose answer must be 200 and have the shape."""
        answer = self._client.request(method, f"/api/tracing/{path}", params=query, json=body)
        said = json.dumps(body) if body else "&".join(f"{key}={value}" for key, value in query.items())
        self._paper.call("agent", f"{method} /api/tracing/{path} {said}".rstrip())
        text = answer.text
        self._paper.answer(text if len(text) <= 300 else f"{text[:300]}… ({len(text):,} characters)")
        data = answer.json()
        self._paper.check(
            f"{method} {path.split('/')[0]}/… has the specified shape", answer.status_code == 200 and shape(data), text[:1000]
        )
        return data


def over_http(stage: Stage, paper: Paper, trace_id: str, awaiting_id: str) -> None:
    """Start the HTTP server and call everything once."""
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    paper.call("person", f"mcp-tracer serve --http 127.0.0.1:{port}")
    with started([str(MCP_TRACER), "serve", "--http", f"127.0.0.1:{port}"], stage.root, stage.env) as process:
        wait_for(f"{base}/health", process)
        token = (stage.root / ".ai-agents" / "logging" / "token").read_text().strip()
        status = httpx2.get(f"{base}/api/tracing/status", timeout=30).status_code
        paper.check("without a token: 401", status == 401, str(status))
        headers = {"Authorization": f"Bearer {token}", "X-Agent-Name": "demo-agent"}
        with httpx2.Client(base_url=base, headers=headers, timeout=30) as client:
            rest = Rest(client, paper)
            instrumentation(rest, stage)
            configuration(rest, stage)
            queries(rest, stage, trace_id)
            trees(rest, stage, paper, trace_id, awaiting_id)
            rest.call("POST", "uninstrument/all", has("files"), {"restore": True})


def instrumentation(rest: Rest, stage: Stage) -> None:
    """Files, functions, all; in and out."""
    sample = stage.sample
    file, functions = sample.functions_file, list(sample.functions)
    done = listed("files", "file", "status")
    rest.call("POST", "instrument/file", done, {"file": sample.first_file, "level": 3, "force": False})
    rest.call("POST", "instrument/function", done, {"file": file, "functions": functions, "level": 4})
    everything = {"level": 2, "exclude": list(sample.exclude), "languages": ["typescript", "javascript", "python"]}
    rest.call("POST", "instrument/all", done, everything)
    rest.call("POST", "uninstrument/function", listed("files", "file", "how"), {"file": file, "functions": functions[:1]})
    rest.call("POST", "uninstrument/file", listed("files", "file", "how"), {"file": sample.first_file, "restore": True})


def configuration(rest: Rest, stage: Stage) -> None:
    """What is in force, and three scopes of change."""
    sample = stage.sample
    captures = {"captureParams": True, "captureReturn": True, "captureAsync": True}
    rest.call("PUT", "config/file", has(), {"file": sample.first_file, "enabled": True, "level": 3, **captures})
    rest.call(
        "PUT",
        "config/function",
        has(),
        {"file": sample.functions_file, "function": sample.one_function, "level": 5, "captureVars": ["whole"]},
    )
    rest.call("PUT", "config/global", has(), {"enabled": True, "defaultLevel": 2, "autoInstrument": True})
    config = has("enabled", "defaultLevel", "files")
    rest.call("GET", "config", lambda body: config(body) and has("enabled", "level")(body["files"][sample.first_file]))


def queries(rest: Rest, stage: Stage, trace_id: str) -> None:
    """Search, statistics, flow."""
    sample = stage.sample
    place = f"{quote(sample.functions_file, safe='')}/{quote(sample.error_function, safe='')}"
    function = sample.request_function.split(".")[-1]
    rest.call("GET", "search", listed("spans", *SPAN), query=function, minDuration=0, hasError=False, **{"timeRange.start": "1h"})
    rest.call("GET", f"function/{place}", listed("spans", *SPAN), limit=100, orderBy="duration", order="desc")
    rest.call("GET", "slow", listed("spans", *SPAN), threshold=1, limit=50)
    rest.call("GET", "errors", listed("spans", *SPAN), errorType=sample.error, limit=100)
    figures = ("avgDuration", "maxDuration", "minDuration", "callCount", "errorCount", "errorRate")
    rest.call("GET", f"stats/file/{quote(sample.functions_file, safe='')}", has("file", *figures))
    rest.call("GET", f"stats/function/{place}", has("file", "function", "p50", "p95", "p99", "avgDuration", "callCount"))
    rest.call("GET", "hotspots", rows("function", "file", "totalTime", "callCount", "avgDuration"))
    for shape in ("tree", "flamegraph", "timeline"):
        rest.call("GET", f"flow/{trace_id}", has("traceId", "format"), format=shape)
    rest.call("GET", "status", has("instrumented", "spans"))
    rest.call("GET", "runs", listed("runs", "runId"))


def trees(rest: Rest, stage: Stage, paper: Paper, trace_id: str, awaiting_id: str) -> None:
    """Whole traces: every span names its parent, across files and awaits."""
    for trace, wanted in ((trace_id, stage.sample.request_parents), (awaiting_id, stage.sample.await_parents)):
        body = rest.call("GET", f"trace/{trace}", listed("spans", *SPAN), includeChildren=True, maxDepth=30)
        lost = missing(wanted, pairs_of(body.get("spans", [])))
        paper.check("the trace's spans name their parents", not lost, "\n".join(lost))
