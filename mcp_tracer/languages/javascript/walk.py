"""The walk over a file's tree: which planner each node goes to, and in which scope its children stand."""

from __future__ import annotations

from tree_sitter import Node

from mcp_tracer.languages.javascript import calls, hazards, planner, statements, suspension, syntax
from mcp_tracer.languages.javascript.planner import FilePlan, Scope
from mcp_tracer.model.level import Level

_NO_PROBES_BELOW = syntax.FIELDS | {"class_static_block", "enum_declaration", "decorator"}
_CHAINS = frozenset({"call_expression", "member_expression", "subscript_expression", "non_null_expression"})
_SUSPENDING = _CHAINS | {"await_expression", "yield_expression", "for_in_statement"}


def walk(plan: FilePlan, root: Node) -> None:
    """Plan every insertion below `root` (the header left out). Outer nodes come before inner ones, left before right."""
    stack: list[tuple[Node, Scope]] = [(root, Scope())]
    while stack:
        node, scope = stack.pop()
        if node.type in syntax.FUNCTIONS:
            stack += reversed(_function_children(plan, node, scope))
            continue
        if node.type in _NO_PROBES_BELOW:
            scope = scope.without_probes()
        elif scope.span:
            _probe(plan, node, scope)
        stack += [(child, scope) for child in reversed(syntax.runs(node))]


def _function_children(plan: FilePlan, node: Node, scope: Scope) -> list[tuple[Node, Scope]]:
    """Start a function; its parameters and key stand outside of its span, its body inside."""
    inside = planner.start_function(plan, node, scope)
    body = syntax.body(node)
    outside = scope.without_probes()
    children: list[tuple[Node, Scope]] = []
    for child in syntax.runs(node):
        if child != body:
            key = scope if child.type == "computed_property_name" else outside
            children.append((child, key))
        elif inside.span and plan.typed and inside.found is not None and (late := hazards.late_start(inside.found)) is not None:
            children += [(part, inside if part.start_byte > late.start_byte else outside) for part in syntax.runs(child)]
        else:
            children.append((child, inside))
    return children


def _probe(plan: FilePlan, node: Node, scope: Scope) -> None:
    """Plan the probes of one node inside a traced body. The order here is the nesting: statement, suspension, call."""
    if scope.level >= Level.VERBOSE:
        statements.plan_statement(plan, node, scope)
    if node.type == "return_statement":
        statements.plan_return(plan, node, scope)
    elif node.type in ("switch_case", "switch_default"):
        statements.plan_case(plan, node, scope)
    elif node.type in ("catch_clause", "finally_clause"):
        suspension.plan_handler(plan, node, scope)
    elif scope.suspends and node.type in _SUSPENDING:
        suspension.plan_suspension(plan, node, scope)
    if scope.level >= Level.DETAILED and node.type in ("call_expression", "new_expression"):
        calls.plan_call(plan, node, scope)
