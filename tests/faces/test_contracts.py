"""What holds for every operation, so that adding one cannot forget a face."""

from __future__ import annotations

import json
from typing import Any

import pytest
import typer.main

from mcp_tracer.faces.cli.main import build
from mcp_tracer.faces.mcp.server import INSTRUCTIONS
from mcp_tracer.faces.mcp.tools import tool_of
from mcp_tracer.faces.rest.routes import routes_of
from mcp_tracer.service.operation import Operation
from mcp_tracer.service.operations import OPERATIONS
from mcp_tracer.service.service import Service

HOST_LIMIT_BYTES = 2048
TOKEN_BUDGET = 6000
BYTES_PER_TOKEN = 4

every_operation = pytest.mark.parametrize("operation", OPERATIONS.values(), ids=list(OPERATIONS))


async def provider() -> Service:
    raise AssertionError("nothing is called here")


@every_operation
def test_operation_has_a_tool_with_all_hints(operation: Operation[Any, Any]) -> None:
    tool = tool_of(operation, provider)
    assert tool.annotations is not None
    hints = tool.annotations.model_dump(exclude={"title"})
    assert set(hints) == {"read_only_hint", "destructive_hint", "idempotent_hint", "open_world_hint"}
    assert None not in hints.values()
    assert hints["read_only_hint"] is not operation.permission.changes
    assert tool.output_schema is None


@every_operation
def test_tool_description_fits_what_hosts_show(operation: Operation[Any, Any]) -> None:
    assert 0 < len(tool_of(operation, provider).description.encode()) < HOST_LIMIT_BYTES


@every_operation
def test_every_parameter_is_described(operation: Operation[Any, Any]) -> None:
    schema = tool_of(operation, provider).parameters
    assert [name for name, part in schema["properties"].items() if not part.get("description")] == []


@every_operation
def test_parameters_are_flat(operation: Operation[Any, Any]) -> None:
    """Agents fill flat parameters best, and query strings and command lines can say no others."""
    assert "$defs" not in tool_of(operation, provider).parameters


@every_operation
def test_operation_has_routes_and_each_is_served(operation: Operation[Any, Any]) -> None:
    assert operation.routes
    served = {(method, route.path) for route in routes_of(OPERATIONS, provider).routes for method in route.methods}  # pyright: ignore
    for route in operation.routes:
        assert (route.method, "/api/tracing/" + route.path.replace("{file}", "{file:path}")) in served


@every_operation
def test_operation_has_a_command(operation: Operation[Any, Any]) -> None:
    found: Any = typer.main.get_command(build())
    for word in operation.command.words:
        found = found.commands[word]
    assert {"project", "as_json", *operation.params.model_fields} <= {parameter.name for parameter in found.params}


def test_all_tool_definitions_together_stay_within_the_token_budget() -> None:
    tools = [tool_of(operation, provider) for operation in OPERATIONS.values() if operation.tool]
    wire = [json.dumps({"name": tool.name, "description": tool.description, "inputSchema": tool.parameters}) for tool in tools]
    assert sum(map(len, wire)) / BYTES_PER_TOKEN < TOKEN_BUDGET


def test_instructions_fit_what_hosts_show_and_name_only_tools_that_exist() -> None:
    assert len(INSTRUCTIONS.encode()) < HOST_LIMIT_BYTES
    known = {"dry_run", "last", "previous", "last-failed"}
    named = set(INSTRUCTIONS.split("`")[1::2])
    assert named - set(OPERATIONS) == known


def test_no_operation_decides_on_approvals() -> None:
    assert not [name for name in OPERATIONS if "approve" in name.replace("approvals", "") or "decide" in name or "deny" in name]
