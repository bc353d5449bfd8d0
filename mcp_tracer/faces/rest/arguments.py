"""From a request to an operation's arguments: path, query and JSON body together."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, cast, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from starlette.requests import Request

from mcp_tracer.model.errors import UserError

LARGEST_BODY_BYTES = 1_000_000


async def arguments_of(request: Request, params: type[BaseModel], fixed: dict[str, Any]) -> dict[str, Any]:
    """The arguments, camelCase or snake_case. The path beats the body, which beats the query; what the route implies beats all.

    Raises UserError for a body that is no JSON object.
    """
    query = from_query(request.query_params.multi_items(), params)
    return {**query, **await _body(request), **request.path_params, **fixed}


def from_query(pairs: Iterable[tuple[str, str]], params: type[BaseModel]) -> dict[str, Any]:
    """Lists by repetition or commas, objects as JSON or with dots (`timeRange.start=…`), a single value as it is."""
    found: dict[str, Any] = {}
    for name, text in pairs:
        base, _, part = name.partition(".")
        field = field_named(params, base)
        if part:
            found.setdefault(base, {})[part] = text
        elif field is not None and takes_list(field):
            found.setdefault(base, []).extend(item for item in text.split(",") if item)
        else:
            found[name] = _parsed(text)
    return found


def field_named(params: type[BaseModel], name: str) -> FieldInfo | None:
    """The field with this name or alias."""
    return next((field for key, field in params.model_fields.items() if name in (key, field.alias)), None)


def takes_list(field: FieldInfo) -> bool:
    """Whether a field's type is a list, or a list among others."""
    annotation = field.annotation
    return any(get_origin(choice) is list for choice in (annotation, *get_args(annotation)))


def _parsed(text: str) -> Any:
    """An object that is written as JSON; any other text is left for the parameter model to convert."""
    if text.startswith("{"):
        return _json(text, "the query")
    return text


async def _body(request: Request) -> dict[str, Any]:
    """The JSON object in the body; {} without one. The specification gives GET requests bodies too, so the method does not matter."""
    data = b""
    async for chunk in request.stream():
        data += chunk
        if len(data) > LARGEST_BODY_BYTES:
            raise UserError(f"the body is larger than {LARGEST_BODY_BYTES:,} bytes: name folders or globs instead of single files.")
    if not data.strip():
        return {}
    value = _json(data, "the body")
    if not isinstance(value, dict):
        raise UserError("the body must be a JSON object with the parameters.")
    return cast("dict[str, Any]", value)


def _json(text: str | bytes, where: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise UserError(f"{where} is not valid JSON: {error}.") from None
