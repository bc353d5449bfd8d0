from __future__ import annotations

from typing import Literal

from pydantic import Field

from mcp_tracer.faces.mcp.schema import input_schema
from mcp_tracer.service.operation import Params


class Nested(Params):
    """Inner."""

    depth: int = Field(description="How deep.")


class Example(Params):
    """Docstring for programmers."""

    title: str = Field(description="A parameter that is called like a keyword.", max_length=5)
    run_id: str | None = Field(default=None, description="Optional.")
    names: list[str] = Field(default_factory=list, description="Several.")
    order: Literal["asc", "desc"] = Field(default="asc", description="Choice.")
    mixed: int | str | None = Field(default=None, description="Either.")
    nested: Nested | None = Field(default=None, description="Object.")


def test_schema_keeps_what_agents_use_and_nothing_else() -> None:
    assert input_schema(Example) == {
        "type": "object",
        "additionalProperties": False,
        "required": ["title"],
        "properties": {
            "title": {"type": "string", "description": "A parameter that is called like a keyword.", "maxLength": 5},
            "run_id": {"type": "string", "description": "Optional."},
            "names": {"type": "array", "items": {"type": "string"}, "description": "Several."},
            "order": {"type": "string", "enum": ["asc", "desc"], "default": "asc", "description": "Choice."},
            "mixed": {"anyOf": [{"type": "integer"}, {"type": "string"}], "description": "Either."},
            "nested": {"$ref": "#/$defs/Nested", "description": "Object."},
        },
        "$defs": {
            "Nested": {
                "type": "object",
                "additionalProperties": False,
                "required": ["depth"],
                "description": "Inner.",
                "properties": {"depth": {"type": "integer", "description": "How deep."}},
            }
        },
    }
