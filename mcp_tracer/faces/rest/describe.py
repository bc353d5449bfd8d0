"""What OpenAPI says of a route's parameters, from the operation's parameter model."""

from __future__ import annotations

import re
from typing import Any, cast

from mcp_tracer.faces.rest.arguments import field_named
from mcp_tracer.service.operation import Operation, Route


def openapi_of(operation: Operation[Any, Any], route: Route) -> dict[str, Any]:
    """Path parameters, then the others as query (GET) or JSON body."""
    schema = operation.params.model_json_schema(by_alias=True, ref_template="#/components/schemas/{model}")
    properties = cast("dict[str, Any]", schema.get("properties", {}))
    in_path = re.findall(r"\{(\w+)\}", route.path)
    taken = {_wire_name(operation, name) for name in (*in_path, *route.fixed)}
    others = {name: part for name, part in properties.items() if name not in taken}
    described = [_parameter(name, "path", properties.get(_wire_name(operation, name), {"type": "string"}), True) for name in in_path]
    required = [name for name in cast("list[str]", schema.get("required", [])) if name in others]
    if route.method == "GET":
        described += [_parameter(name, "query", part, name in required) for name, part in others.items()]
        return {"parameters": described}
    body: dict[str, Any] = {"type": "object", "properties": others, "required": required, "additionalProperties": False}
    return {"parameters": described, "requestBody": {"content": {"application/json": {"schema": body}}}}


def _wire_name(operation: Operation[Any, Any], name: str) -> str:
    field = field_named(operation.params, name)
    return (field.alias if field else None) or name


def _parameter(name: str, where: str, schema: Any, required: bool) -> dict[str, Any]:
    return {"name": name, "in": where, "required": required, "schema": schema, "description": schema.get("description", "")}
