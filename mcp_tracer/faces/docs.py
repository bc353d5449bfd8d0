"""Reference pages in markdown, made from the operations, so that what is written about them stays true.

`python -m mcp_tracer.faces.docs tools`, `… rest` and `… views` print them; a test compares the README's copies with what they print.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from typing import Any

from mcp_tracer.faces.mcp.schema import input_schema
from mcp_tracer.faces.rest.routes import PREFIX
from mcp_tracer.model.sql import VIEWS
from mcp_tracer.service.operation import Operation
from mcp_tracer.service.operations import OPERATIONS

Operations = Mapping[str, Operation[Any, Any]]


def tool_table(operations: Operations) -> str:
    """One row a tool: what it does, its command, and which flags an agent needs."""
    rows = [
        (f"`{operation.name}`", operation.summary, f"`mcp-tracer {' '.join(operation.command.words)}`", _permission(operation))
        for operation in operations.values()
        if operation.tool
    ]
    return _table(("Tool", "What it does", "Command", "Needs"), rows)


def rest_reference(operations: Operations) -> str:
    """One section an operation: its routes and its parameters, named as on the wire."""
    return "\n\n".join(_section(operation) for operation in operations.values())


def view_reference(operations: Operations) -> str:
    """One section a view that SQL can be asked over, with its columns."""
    return "\n\n".join(
        f"### {view.name}\n\n{view.meaning}\n\n"
        + _table(("Column", "Type", "Meaning"), [(f"`{column.name}`", column.type, column.meaning) for column in view.columns])
        for view in VIEWS
    )


def _section(operation: Operation[Any, Any]) -> str:
    routes = "\n".join(f"- `{route.method} {PREFIX}/{route.path}`{_implied(route.fixed)}" for route in operation.routes)
    schema = input_schema(operation.params)
    required = schema.get("required", [])
    rows = [
        (f"`{field.alias or name}`", _type(schema["properties"][name]), "yes" if name in required else "", field.description or "")
        for name, field in operation.params.model_fields.items()
    ]
    return f"### {operation.name}\n\n{operation.summary}\n\n{routes}\n\n{_table(('Parameter', 'Type', 'Required', 'Meaning'), rows)}"


def _implied(fixed: Mapping[str, Any]) -> str:
    said = ", ".join(f"`{name}: {str(value).lower()}`" for name, value in fixed.items())
    return f" (implies {said})" if said else ""


def _permission(operation: Operation[Any, Any]) -> str:
    return ", ".join(f"`{flag.value}`" for flag in operation.permission.flags) or "nothing"


def _type(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return " | ".join(f"`{value}`" for value in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_type(schema['items'])}"
    default = schema.get("default")
    return str(schema.get("type", "any")) + (f", default {str(default).lower()}" if default not in (None, False) else "")


def _table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [heads, tuple("---" for _ in heads), *(tuple(_cell(text) for text in row) for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(text: str) -> str:
    return text.replace("\n", " ").replace("|", "\\|")


PAGES = {"tools": tool_table, "rest": rest_reference, "views": view_reference}


def main(arguments: list[str]) -> int:
    """Print a page; exit code 2 for an unknown one."""
    page = PAGES.get(arguments[0]) if len(arguments) == 1 else None
    if page is None:
        sys.stderr.write(f"name one page: {', '.join(PAGES)}\n")
        return 2
    sys.stdout.write(page(OPERATIONS) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
