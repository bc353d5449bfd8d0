from __future__ import annotations

import re

from mcp_tracer.faces.docs import main, rest_reference, tool_table
from mcp_tracer.service.operations import OPERATIONS


def test_tool_table_has_a_row_for_each_tool_with_its_flags() -> None:
    rows = tool_table(OPERATIONS).splitlines()
    assert len(rows) == 2 + sum(operation.tool for operation in OPERATIONS.values())
    (row,) = [row for row in rows if row.startswith("| `configure` ")]
    assert row.endswith("| `mcp-tracer config set` | `TRACING_ALLOW_AI_CONFIGURE` |")


def test_rest_reference_names_every_route_and_keeps_its_tables_whole() -> None:
    text = rest_reference(OPERATIONS)
    for operation in OPERATIONS.values():
        for route in operation.routes:
            assert f"- `{route.method} /api/tracing/{route.path}`" in text
    for line in text.splitlines():
        if line.startswith("|"):
            assert len(re.findall(r"(?<!\\)\|", line)) == 5, line


def test_unknown_pages_are_a_usage_error() -> None:
    assert main(["nonsense"]) == main([]) == 2
