"""await, yield and for await: the current span is given back while a function is suspended, and restored when it goes on."""

from __future__ import annotations

from tree_sitter import Node

from mcp_tracer.languages.javascript import calls, statements, syntax
from mcp_tracer.languages.javascript.planner import FilePlan, Scope
from mcp_tracer.languages.javascript.syntax import text
from mcp_tracer.model.level import Level

_CALLS = ("call_expression", "new_expression")


def plan_suspension(plan: FilePlan, node: Node, scope: Scope) -> None:
    """Plan the probes of one place where the function can be suspended."""
    if node.type == "await_expression":
        _plan_await(plan, node, scope)
    elif node.type == "yield_expression":
        _plan_yield(plan, node, scope)
    elif node.type == "for_in_statement":
        if syntax.has_token(node, "await"):
            _plan_for_await(plan, node, scope)
    else:
        _plan_misread_await(plan, node, scope)


def plan_handler(plan: FilePlan, node: Node, scope: Scope) -> None:
    """A catch or finally block is where a function goes on after a throw: resume there, and end the calls that threw."""
    body = node.child_by_field_name("body")
    if body is None or not (scope.suspends or scope.level >= Level.DETAILED):
        return
    plan.edits.open(body.start_byte + 1, f"{plan.probes}.k({scope.span}{_caught(plan, node, body)});")
    if node.type == "catch_clause":
        statements.plan_reached(plan, node, body.start_byte + 1, syntax.runs(body), scope)


def _caught(plan: FilePlan, node: Node, body: Node) -> str:
    """The error, as the argument of a probe. A `catch` that leaves it out gets a name for it."""
    caught = node.child_by_field_name("parameter")
    if caught is None and node.type == "catch_clause":
        plan.edits.open(body.start_byte, "($mte)")
        return ",$mte"
    return f",{syntax.ascii_name(text(caught))}" if caught is not None and caught.type == "identifier" else ""


def _plan_await(plan: FilePlan, node: Node, scope: Scope) -> None:
    operand = _operand(node)
    _around_await(plan, node, scope, operand, operand.start_byte)


def _plan_misread_await(plan: FilePlan, node: Node, scope: Scope) -> None:
    parenthesis = syntax.misread_await(node)
    if parenthesis is not None and not syntax.continues_chain(node):
        _around_await(plan, node, scope, node, parenthesis.start_byte)


def _around_await(plan: FilePlan, node: Node, scope: Scope, operand: Node, start: int) -> None:
    site = _await_site(plan, operand, node, scope)
    begins = site if operand.type not in _CALLS else ""
    plan.edits.wrap(node.start_byte, f"{plan.probes}.w(", syntax.end_of(operand), f",{scope.span}{site})")
    plan.edits.wrap(start, f"{plan.probes}.p(", syntax.end_of(operand), f",{scope.span}{begins})")


def _await_site(plan: FilePlan, operand: Node, node: Node, scope: Scope) -> str:
    """At level 3 an awaited call lasts until its promise settles; an awaited value gets a span of its own."""
    if scope.level < Level.DETAILED:
        return ""
    if operand.type in _CALLS:
        started = calls.begin_call(plan, operand, scope)
        return "" if started is None else f",{started}"
    return f",{plan.site(scope, node, 'await ' + calls.short(text(operand)), 'await')}"


def _operand(node: Node) -> Node:
    """What is awaited. The grammar reads `await x as T` as `await (x as T)`; TypeScript means `(await x) as T`."""
    operand = node.named_children[-1]
    while operand.type in ("as_expression", "satisfies_expression"):
        operand = operand.named_children[0]
    return operand


def _plan_yield(plan: FilePlan, node: Node, scope: Scope) -> None:
    values = [child for child in node.named_children if child.type != "comment"]
    statement = node.parent
    if plan.typed and statement is not None and statement.type == "expression_statement":
        _resume_behind(plan, statement, scope)
    else:
        plan.edits.wrap(node.start_byte, f"{plan.probes}.w(", syntax.end_of(node), f",{scope.span})")
    if values:
        plan.edits.wrap(values[0].start_byte, f"{plan.probes}.p(", syntax.end_of(values[0]), f",{scope.span})")
    else:
        plan.edits.close(syntax.end_of(node), f" {plan.probes}.p(void 0,{scope.span})")


def _resume_behind(plan: FilePlan, statement: Node, scope: Scope) -> None:
    """In TypeScript a yield whose value is passed on would need a type: one that is a statement stays one."""
    resume = f"{statements.separator(plan, statement)}{plan.probes}.k({scope.span});"
    if statements.in_statement_list(statement):
        plan.edits.close(syntax.end_of(statement), resume)
    else:
        plan.edits.wrap(statement.start_byte, "{", syntax.end_of(statement), resume + "}")


def _plan_for_await(plan: FilePlan, node: Node, scope: Scope) -> None:
    iterated, body = node.child_by_field_name("right"), node.child_by_field_name("body")
    if iterated is None or body is None:
        return
    resume = f"{plan.probes}.k({scope.span});"
    _resume_at_labels(plan, node, resume)
    _resume_after(plan, syntax.with_label(node), resume)
    plan.edits.wrap(iterated.start_byte, f"{plan.probes}.ai(", syntax.end_of(iterated), f",{scope.span})")
    if body.type == "statement_block":
        plan.edits.open(body.start_byte + 1, resume)
    else:
        plan.edits.wrap(body.start_byte, "{" + resume, syntax.end_of(body), "}")


def _resume_after(plan: FilePlan, statement: Node, resume: str) -> None:
    if statements.in_statement_list(statement):
        plan.edits.close(syntax.end_of(statement), ";" + resume)
    elif statement.parent is not None and statement.parent.type != "program":
        plan.edits.wrap(statement.start_byte, "{", syntax.end_of(statement), f";{resume}}}")


def _resume_at_labels(plan: FilePlan, node: Node, resume: str) -> None:
    """`continue outer` and `break outer` leave the loop too: resume where they go on."""
    own, statement = syntax.with_label(node), node.parent
    while statement is not None and statement.type not in syntax.FUNCTIONS:
        if statement.type == "labeled_statement" and not (statement.start_byte <= own.start_byte and own.end_byte == statement.end_byte):
            _resume_after(plan, syntax.with_label(statement), resume)
            loop = statement.child_by_field_name("body")
            body = None if loop is None else loop.child_by_field_name("body")
            if body is not None and body.type == "statement_block":
                plan.edits.open(body.start_byte + 1, resume)
        statement = statement.parent
