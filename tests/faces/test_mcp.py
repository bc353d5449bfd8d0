"""Real clients in memory, in both protocol eras."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from collections.abc import Sequence
from typing import Any

import anyio
import pytest
from mcp import Client
from mcp.shared.exceptions import MCPError
from mcp.types import CallToolResult, Implementation, PromptReference, ResourceTemplateReference, TextContent

from mcp_tracer.faces.mcp.server import build_server
from mcp_tracer.model.errors import UserError
from mcp_tracer.resources import prompts
from mcp_tracer.service.context import Call
from mcp_tracer.service.operation import READ, READING, Command, Operation, Params, Result
from mcp_tracer.service.operations import OPERATIONS
from mcp_tracer.service.service import Service
from mcp_tracer.workspace.project import Project

from .conftest import SOURCE, set_flag

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(60)]
CLIENT = Implementation(name="test\x1bagent", version="7")


@pytest.fixture(params=["auto", "legacy"])
def era(request: pytest.FixtureRequest) -> str:
    return request.param


def client_of(service: Service, era: Any) -> Client:
    async def provider() -> Service:
        return service

    server = build_server(provider, service.operations, prompts())
    return Client(server, mode=era, client_info=CLIENT)


def text_of(result: CallToolResult) -> str:
    (content,) = result.content
    assert isinstance(content, TextContent)
    assert result.structured_content is None
    return content.text


async def test_both_eras_list_the_same_tools(service: Service, era: str) -> None:
    async with client_of(service, era) as client:
        assert client.protocol_version == {"auto": "2026-07-28", "legacy": "2025-11-25"}[era]
        assert [tool.name for tool in (await client.list_tools()).tools] == list(OPERATIONS)


async def test_instrument_reports_progress_and_uninstrument_gives_the_bytes_back(service: Service, project: Project, era: str) -> None:
    source, other = project.root / "src" / "cart.py", project.root / "src" / "other.py"
    other.write_text("def f():\n    return 1\n")
    seen: list[tuple[float, float | None, str | None]] = []

    async def progress(done: float, total: float | None, message: str | None) -> None:
        seen.append((done, total, message))

    async with client_of(service, era) as client:
        done = await client.call_tool("instrument", {"paths": ["src"], "level": 2}, progress_callback=progress)
        assert "2 instrumented; 3 functions traced" in text_of(done)
        assert seen[-1] == (4, 4, "written src/other.py")
        assert [done for done, _, _ in seen] == sorted({done for done, _, _ in seen})
        assert source.read_text() != SOURCE
        assert not (await client.call_tool("uninstrument", {"all": True})).is_error
    assert source.read_text() == SOURCE


async def test_the_clients_own_name_is_recorded_without_control_characters(service: Service, era: str) -> None:
    async with client_of(service, era) as client:
        await client.call_tool("instrument", {"paths": ["src"]})
        history = text_of(await client.call_tool("get_history", {"kind": "action", "limit": 1}))
    assert "test agent/7 instrumented_file" in history


WRONG_ARGUMENTS: tuple[tuple[str, dict[str, Any], str], ...] = (
    ("instrument", {"path": "src"}, "unknown parameter 'path': did you mean 'paths'?"),
    ("list_runs", {"limit": 0}, "limit = 0: input should be greater than or equal to 1."),
    ("get_flow", {"format": "pie"}, "format = 'pie': input should be 'tree', 'flamegraph' or 'timeline'."),
    ("get_function_traces", {}, "parameter 'function' is missing: Function name; `save` finds `Store.save`."),
)


async def test_argument_errors_are_sentences(service: Service, era: str) -> None:
    async with client_of(service, era) as client:
        for tool, arguments, expected in WRONG_ARGUMENTS:
            answer = await client.call_tool(tool, arguments)
            assert (answer.is_error, text_of(answer)) == (True, expected)


async def test_missing_files_are_told_as_they_are(service: Service, era: str) -> None:
    async with client_of(service, era) as client:
        answer = await client.call_tool("instrument", {"paths": ["src/carts.py"]})
    assert answer.is_error
    assert "src/cart.py" in text_of(answer)


async def test_a_refusal_names_the_flag_and_changes_nothing(service: Service, project: Project, era: str) -> None:
    set_flag(project, "TRACING_ALLOW_AI_WRAP", "false")
    async with client_of(service, era) as client:
        answer = await client.call_tool("instrument", {"paths": ["src"]})
    assert answer.is_error
    assert text_of(answer).startswith("refused: ")
    assert "TRACING_ALLOW_AI_WRAP" in text_of(answer)
    assert (project.root / "src" / "cart.py").read_text() == SOURCE


async def test_an_approved_change_is_made_once(service: Service, project: Project, era: str) -> None:
    set_flag(project, "TRACING_AI_REQUIRE_APPROVAL", "true")
    async with client_of(service, era) as client:
        first = await client.call_tool("instrument", {"paths": ["src"]})
        assert first.is_error
        assert text_of(first).startswith("pending: ")
        (request,) = (await service.tools.approvals.list("pending")).rows
        assert request.id in text_of(first)
        assert request.agent.startswith("test agent")
        assert (project.root / "src" / "cart.py").read_text() == SOURCE
        await service.tools.approvals.decide(request.id, True, by="ada", channel="cli")
        assert not (await client.call_tool("instrument", {"paths": ["src"]})).is_error
        assert (await client.call_tool("instrument", {"paths": ["src"], "level": 3})).is_error


async def test_resources_prompts_and_completions(service: Service, era: str) -> None:
    async with client_of(service, era) as client:
        templates = await client.list_resource_templates()
        assert [template.uri_template for template in templates.resource_templates] == ["trace://{traceId}", "run://{runId}"]
        (config,) = (await client.read_resource("config://tracing")).contents
        assert "default level 2" in config.text  # type: ignore[union-attr]
        with pytest.raises(MCPError, match=r"[Nn]othing was recorded"):
            await client.read_resource("trace://last")
        prompt = await client.get_prompt("find-why-slow", {"what": "GET /orders"})
        assert "`GET /orders` is slow" in prompt.messages[0].content.text  # type: ignore[union-attr]
        trace = await client.complete(ResourceTemplateReference(uri="trace://{traceId}"), {"name": "traceId", "value": "a"})
        assert trace.completion.values == []
        other = await client.complete(PromptReference(name="find-why-slow"), {"name": "what", "value": "a"})
        assert other.completion.values == []


async def test_before_init_every_tool_says_what_to_run(era: str) -> None:
    async def provider() -> Service:
        raise UserError("this project is not set up: run `mcp-tracer init` once.")

    async with Client(build_server(provider, OPERATIONS, prompts()), mode=era) as client:  # type: ignore[arg-type]
        for name in OPERATIONS:
            answer = await client.call_tool(name, {})
            assert answer.is_error
            assert "mcp-tracer init" in text_of(answer)


class NoParams(Params):
    pass


class NoResult(Result):
    pass


def probe(run: Any) -> Operation[NoParams, NoResult]:
    """An operation that does what a test wants."""

    def no_deeds(result: NoResult, params: NoParams) -> Sequence[Any]:
        return []

    def render(result: NoResult, params: NoParams) -> str:
        return "done"

    return Operation("probe", "Probe.", NoParams, NoResult, READ, READING, run, render, no_deeds, (), Command(("probe",)))


def with_probe(service: Service, run: Any) -> Service:
    return Service(dataclasses.replace(service.tools), {"probe": probe(run)})


async def test_cancelling_a_call_cancels_the_operation(service: Service, era: str) -> None:
    started, cancelled = asyncio.Event(), asyncio.Event()

    async def hang(call: Call[NoParams]) -> NoResult:
        started.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise
        return NoResult()

    async with client_of(with_probe(service, hang), era) as client, anyio.create_task_group() as calls:
        calls.start_soon(client.call_tool, "probe", {})
        await asyncio.wait_for(started.wait(), 10)
        calls.cancel_scope.cancel()
        with anyio.CancelScope(shield=True):
            await asyncio.wait_for(cancelled.wait(), 10)


async def test_unexpected_faults_reach_the_log_and_not_the_agent(service: Service, era: str, caplog: pytest.LogCaptureFixture) -> None:
    async def fail(call: Call[NoParams]) -> NoResult:
        raise RuntimeError("/home/ada/secret")

    with caplog.at_level(logging.ERROR):
        async with client_of(with_probe(service, fail), era) as client:
            answer = await client.call_tool("probe", {})
    assert answer.is_error
    assert text_of(answer).startswith("internal error in probe")
    assert "secret" not in text_of(answer)
    assert "RuntimeError: /home/ada/secret" in caplog.text
