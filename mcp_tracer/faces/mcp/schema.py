"""Parameter models as tool input schemas: everything that an agent can use, nothing that only costs tokens."""

from __future__ import annotations

from typing import Any, cast

from pydantic import BaseModel

Schema = dict[str, Any]


def input_schema(model: type[BaseModel]) -> Schema:
    """The model's JSON schema with snake_case names, descriptions, defaults and constraints.

    Left out: titles (they repeat names), the model's docstring, and `null` as a type (an argument that is not wanted is not sent).
    """
    schema = model.model_json_schema(by_alias=False, mode="validation")
    schema.pop("description", None)
    return _lean(schema)


def _lean(schema: Schema) -> Schema:
    lean: Schema = {key: _part(key, value) for key, value in schema.items() if key != "title"}
    if "default" in lean and lean["default"] in (None, []):
        del lean["default"]
    return _without_null(lean)


def _part(key: str, value: Any) -> Any:
    """Names of properties and definitions are not keywords: a parameter may be called `title`."""
    if key in ("properties", "$defs"):
        return {name: _lean(part) for name, part in cast("dict[str, Schema]", value).items()}
    if isinstance(value, dict) and key not in ("default", "const"):
        return _lean(cast("Schema", value))
    if isinstance(value, list) and key in ("anyOf", "oneOf", "allOf", "prefixItems"):
        return [_lean(part) for part in cast("list[Schema]", value)]
    return cast("Any", value)


def _without_null(schema: Schema) -> Schema:
    choices = cast("list[Schema]", schema.get("anyOf", []))
    others = [choice for choice in choices if choice != {"type": "null"}]
    if len(others) == len(choices):
        return schema
    rest = {key: value for key, value in schema.items() if key != "anyOf"}
    return {**others[0], **rest} if len(others) == 1 else {"anyOf": others, **rest}
