"""Level 3: every call expression inside a body becomes a child span.

`f(a)` becomes `d(f(a,...b(site,span,[a])),span,site)`: `b` runs after the arguments and before the call, and spreads to nothing;
`d` passes the value through.
Callee, `this` and the order of evaluation stay as they were.
"""

from __future__ import annotations

import re

from tree_sitter import Node

from mcp_tracer.languages.javascript import hazards, statements, syntax
from mcp_tracer.languages.javascript.planner import FilePlan, Scope
from mcp_tracer.languages.javascript.syntax import text

# Their text means something to a compiler or a bundler, or they read their own call site.
_LEFT_ALONE = frozenset({"require", "eval", "import", "super", "Symbol", "define", "await"})
_HOISTED_OWNERS = ("jest.", "vi.", "import.meta.", "require.")
_PIPES = frozenset({"pipe", "flow", "compose"})
_PLAIN_CALLEE = re.compile(r"[\w$.?!#]+\Z")
_MAX_ARGUMENT = 200
_SIMPLE = frozenset({"identifier", "this", "number", "string", "true", "false", "null", "undefined"})
_TESTS = frozenset(
    {"if_statement", "while_statement", "do_statement", "for_statement", "ternary_expression", "unary_expression", "binary_expression"}
)


def plan_call(plan: FilePlan, node: Node, scope: Scope) -> None:
    """Plan the child span of one call, unless it is one that must keep its shape."""
    if _is_awaited(node) and scope.suspends:
        return  # `begin_call` was planned with the await around it
    if plan.typed and _tells_types(node, scope):
        return
    statement = node.parent
    if plan.typed and statement is not None and statement.type == "expression_statement" and statements.in_statement_list(statement):
        _plan_statement_call(plan, node, statement, scope)
        return
    if plan.typed and (_is_pipe(node) or _is_piped(node)):
        return
    order = len(plan.sites)
    if _can_begin(node):
        parenthesis = syntax.misread_await(node)
        start = syntax.start_of_chain(node) if parenthesis is None else parenthesis.start_byte
        plan.edits.wrap(start, f"{plan.probes}.d(", syntax.end_of(node), f",{scope.span},{order})")
        begin_call(plan, node, scope)


def _tells_types(node: Node, scope: Scope) -> bool:
    """Whether TypeScript learns from this very call what some name holds: `if (isText(x))`, `if (a?.f())`, `a?.f() === 1`."""
    narrows, is_optional = hazards.may_narrow(node), _has_optional_link(node)
    if (narrows or is_optional) and (_is_test(node) or hazards.is_kept_test(node)):
        return True
    return (is_optional and _is_operand(node)) or (narrows and _is_inferred_from(node, scope))


def begin_call(plan: FilePlan, node: Node, scope: Scope) -> int | None:
    """Plan the start of a call's span behind its arguments. Returns the site's number; None where the call is left alone."""
    arguments = node.child_by_field_name("arguments")
    if arguments is None or not _can_begin(node):
        return None
    site = plan.site(scope, node, name_of(node), "call")
    values = _repeatable(arguments, f"{plan.probes}.q")
    if _is_call_called(node):
        values = f"{values or ',void 0'},{site + 1}"  # the callee is what is planned next
    last = [child.type for child in arguments.children[:-1] if child.type != "comment"][-1]
    comma = "" if last in ("(", ",") else ","
    plan.edits.close(syntax.end_of(arguments) - 1, f"{comma}...{plan.probes}.b({site},{scope.span}{values})")
    return site


def _is_call_called(node: Node) -> bool:
    """Whether what is called is the value of another call: V8 quotes that one in the message where it is no function."""
    callee = _bare(node.child_by_field_name("function"))
    return callee is not None and callee.type == "call_expression"


def _bare(node: Node | None) -> Node | None:
    """The expression within parentheses."""
    while node is not None and node.type == "parenthesized_expression":
        node = next((child for child in node.named_children if child.type != "comment"), None)
    return node


def name_of(node: Node) -> str:
    """A call site's name: the callee's text where it is a path (`db.query`, `new Map`), else its last part (`(…).map`)."""
    callee = _bare(node.child_by_field_name("function") or node.child_by_field_name("constructor"))
    prefix = "new " if node.type == "new_expression" else ""
    words = "".join(text(callee).split())
    if callee is not None and callee.type == "member_expression" and not _PLAIN_CALLEE.match(words):
        return f"{prefix}(…).{text(callee.child_by_field_name('property'))}"
    return prefix + (short(words) if _PLAIN_CALLEE.match(words) else "(…)")


def short(words: str) -> str:
    """`words` on one line and at most 60 characters."""
    joined = " ".join(words.split())
    return joined if len(joined) <= 60 else joined[:59] + "…"


def _plan_statement_call(plan: FilePlan, node: Node, statement: Node, scope: Scope) -> None:
    """In TypeScript a call that is a statement may be an assertion or never return; the compiler sees that only while it stands bare."""
    if not _can_begin(node):
        return
    plan.edits.close(
        syntax.end_of(statement), f"{statements.separator(plan, statement)}{plan.probes}.d({plan.probes}.q,{scope.span},{len(plan.sites)});"
    )
    begin_call(plan, node, scope)


def _is_piped(node: Node) -> bool:
    """Whether a call makes one of the functions that `pipe(…)` and the like put together.

    TypeScript infers their types from one another, and nothing through a call or a spread argument of ours.
    """
    arguments = node.parent
    while arguments is not None and arguments.type in ("ternary_expression", "parenthesized_expression"):
        arguments = arguments.parent
    return arguments is not None and arguments.type == "arguments" and arguments.parent is not None and _is_pipe(arguments.parent)


def _is_pipe(call: Node) -> bool:
    callee = call.child_by_field_name("function")
    return callee is not None and text(callee).rsplit(".", 1)[-1] in _PIPES


def _can_begin(node: Node) -> bool:
    arguments = node.child_by_field_name("arguments")
    callee = node.child_by_field_name("function") or node.child_by_field_name("constructor")
    if arguments is None or arguments.type != "arguments" or callee is None:
        return False
    words = text(callee)
    if callee.type in _LEFT_ALONE or words in _LEFT_ALONE or words.startswith(_HOISTED_OWNERS):
        return False
    return not _inside_optional_chain(node)


def _inside_optional_chain(node: Node) -> bool:
    """Whether a later part of the same `a?.b(1).c` chain would be cut off from its short circuit."""
    return syntax.continues_chain(node) and _has_optional_link(node)


def _has_optional_link(node: Node | None) -> bool:
    while node is not None:
        if syntax.has_token(node, "optional_chain") or syntax.has_token(node, "?."):
            return True
        node = syntax.chain_inside(node)
    return False


def _is_awaited(node: Node) -> bool:
    if syntax.misread_await(node) is not None:
        return not syntax.continues_chain(node)
    parent = node.parent
    while parent is not None and parent.type in ("as_expression", "satisfies_expression"):
        node, parent = parent, parent.parent
    return parent is not None and parent.type == "await_expression"


def _is_test(node: Node) -> bool:
    """Whether the value of a call decides a branch, where TypeScript may narrow by it."""
    parent = node.parent
    while parent is not None and parent.type == "parenthesized_expression":
        node, parent = parent, parent.parent
    if parent is None or parent.type not in _TESTS:
        return False
    if parent.type == "binary_expression":
        operator = parent.child_by_field_name("operator")
        return operator is not None and operator.type in ("&&", "||")
    if parent.type == "unary_expression":
        return syntax.has_token(parent, "!")
    return parent.child_by_field_name("condition") == node


def _is_operand(node: Node) -> bool:
    return node.parent is not None and node.parent.type == "binary_expression"


def _is_inferred_from(node: Node, scope: Scope) -> bool:
    """Whether the function returns this very call, so that TypeScript may infer `x is T` of the function from it."""
    if scope.found is None or not hazards.infers_predicate(scope.found, node):
        return False
    parent = node.parent
    while parent is not None and parent.type == "parenthesized_expression":
        node, parent = parent, parent.parent
    return parent is not None and (parent.type == "return_statement" or (parent.type == "arrow_function" and parent == scope.found.node))


def _repeatable(arguments: Node, unseen: str) -> str:
    """The arguments once more, for the record, where reading them twice runs no code; `unseen` stands for those that would."""
    values = [text(child) if _is_repeatable(child) else unseen for child in arguments.named_children if child.type != "comment"]
    joined = ",".join(values)
    if not values or all(value == unseen for value in values) or not joined.isascii() or "\n" in joined or len(joined) > _MAX_ARGUMENT:
        return ""
    return f",[{joined}]"


def _is_repeatable(node: Node) -> bool:
    if node.type == "array":
        return all(_is_repeatable(child) for child in node.named_children) and not syntax.has_token(node, ",,")
    return node.type in _SIMPLE and "*/" not in text(node)
