"""Exports as peers read them: OpenTelemetry's protobuf, speedscope's schema, Mermaid's parser, a DOM."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from span_factory import span
from test_export import NASTY, exported, shop

PEERS = Path(__file__).resolve().parents[1] / "peers"
pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="session")
def modules() -> Path:
    """tests/peers/node_modules, as `make setup` installs them from the lock."""
    there = PEERS / "node_modules"
    assert there.is_dir(), "run `make setup`, or `npm ci` in tests/peers"
    return there


def peer(mode: str, text: str, folder: Path) -> Any:
    """What check.mjs says of an export."""
    node = shutil.which("node")
    assert node
    (folder / "export").write_text(text, encoding="utf-8")
    made = subprocess.run([node, PEERS / "check.mjs", mode, folder / "export"], capture_output=True, text=True, timeout=100, check=False)
    assert made.returncode == 0, made.stderr
    return json.loads(made.stdout)


def test_opentelemetry_reads_otlp() -> None:
    found = json.loads(exported("otlp", shop()))
    for resource in found["resourceSpans"]:
        for one in resource["scopeSpans"][0]["spans"]:
            for key in {"traceId", "spanId", "parentSpanId"} & one.keys():  # OTLP says hex where protobuf's own mapping says base64
                one[key] = base64.b64encode(bytes.fromhex(one[key])).decode()
    request = json_format.ParseDict(found, ExportTraceServiceRequest())
    spans = request.resource_spans[0].scope_spans[0].spans
    assert [(one.name, one.span_id.hex(), one.status.code) for one in spans] == [
        ("handle", f"{1:016x}", 0), ("load", f"{2:016x}", 0), ("pay", f"{3:016x}", 2), ("log", f"{4:016x}", 0)
    ]  # fmt: skip
    assert spans[2].events[0].name == "exception"
    assert spans[1].end_time_unix_nano == 50_000_000


def test_speedscopes_schema_takes_its_file(modules: Path) -> None:
    schema = json.loads((modules / "speedscope/dist/release/file-format-schema.json").read_text(encoding="utf-8"))
    jsonschema.validate(json.loads(exported("speedscope", shop())), schema)


def test_mermaid_reads_a_diagram_of_any_text(modules: Path, tmp_path: Path) -> None:
    found = peer("mermaid", exported("mermaid", [*shop(), span(5, NASTY, 90, 1, parent=1, depth=1)], name=NASTY), tmp_path)
    assert found["type"] == "sequence"
    assert found["actors"] == ["caller", "src/shop.py", "sqlite"]
    calls = [message for message in found["messages"] if message[0] != message[1] or "pay" in message[2]]
    assert [(one[0], one[1]) for one in calls] == [
        ("caller", "p1"), ("p1", "p2"), ("p2", "p1"), ("p1", "p1"), ("p1", "caller")
    ]  # fmt: skip
    assert len(found["messages"]) == 10


def test_a_browser_shows_the_calls_of_a_page(modules: Path, tmp_path: Path) -> None:
    spans = [*shop(), span(5, "needle", 31, 1, parent=4, depth=3), span(6, NASTY, 95, 1, parent=1, depth=1)]
    found = peer("html", exported("html", spans, name=NASTY), tmp_path)
    assert found["errors"] == []
    assert " ".join(found["title"].split()) == "http-request " + " ".join(NASTY.split())
    assert found["first"][0].startswith("100ms handle(user={id: 7}) → [1.5, null]")
    assert not any("needle" in line for line in found["first"])
    assert any(line.startswith("50ms pay") and "✗ ValueError" in line for line in found["failed"])
    assert (found["matches"], found["found"]) == (["needle"], "1 found")
    assert set(found["elements"]) == {"details", "div", "span", "summary"}
