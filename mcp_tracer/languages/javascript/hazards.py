"""Functions that an insertion would change the meaning of: found here, skipped and reported."""

from __future__ import annotations

import re
from collections import Counter

from tree_sitter import Node

from mcp_tracer.languages.javascript import syntax
from mcp_tracer.languages.javascript.functions import Found
from mcp_tracer.languages.javascript.syntax import text

_LONGEST_TYPE = 200
_COMPILED_ELSEWHERE = ("use server", "use client", "use workflow", "use step", "use cache", "worklet", "use asm")


def why_skipped(found: Found) -> str:
    """Why this function must be left alone, '' if it need not."""
    body = syntax.body(found.node)
    if body is None or body.type != "statement_block":
        return ""
    for directive in syntax.directives(body):
        words = text(directive).strip(" ;\n\t'\"")
        if words.startswith(_COMPILED_ELSEWHERE):
            return f"its directive '{words}' means that a compiler moves it elsewhere"
    clash = _block_clash(found, body)
    if clash:
        return f"the function '{clash}' inside it shares its name with a variable, a parameter or another function"
    return ""


def _block_clash(found: Found, body: Node) -> str:
    """The name of a top-level inner function that would mean something else once the body stands in a block."""
    declared = [child for child in body.named_children if child.type in ("function_declaration", "generator_function_declaration")]
    names = Counter(text(child.child_by_field_name("name")) for child in declared)
    if not names:
        return ""
    taken = {*found.info.params, "arguments", *_var_names(body)}
    return next((name for name, count in names.items() if count > 1 or name in taken), "")


def _var_names(body: Node) -> set[str]:
    """The names that `var` declares anywhere in a function body, inner functions left out."""
    names: set[str] = set()
    stack = [body]
    while stack:
        node = stack.pop()
        if node.type in syntax.FUNCTIONS or node.type in syntax.CLASSES:
            continue
        if node.type == "variable_declaration":
            for declarator in node.named_children:
                names.update(syntax.bound_names(declarator.child_by_field_name("name")))
        elif node.type == "for_in_statement" and syntax.has_token(node, "var"):
            names.update(syntax.bound_names(node.child_by_field_name("left")))
        stack += node.named_children
    return names


def late_start(found: Found) -> Node | None:
    """In TypeScript: the root-level `super(…)` statement behind which probes must start.

    TypeScript wants that call at the root of the constructor where the class has initialised fields or parameter properties.
    """
    body = syntax.body(found.node)
    if found.bare != "constructor" or found.node.type != "method_definition" or body is None:
        return None
    return next((child for child in body.named_children if _is_super_call(child)), None)


def _is_super_call(statement: Node) -> bool:
    if statement.type != "expression_statement" or statement.named_children[0].type != "call_expression":
        return False
    callee = statement.named_children[0].child_by_field_name("function")
    return callee is not None and callee.type == "super"


def infers_predicate(found: Found, returned: Node) -> bool:
    """In TypeScript: whether `returned` makes the compiler infer `x is T`, which a call around it would undo."""
    if found.node.child_by_field_name("return_type") is not None or found.suspends:
        return False
    return _narrows(returned)


def declared_result(found: Found) -> str:
    """In TypeScript: the type that a function is declared to return, as a type argument, '' where there is none that fits on the line.

    With it a call around the returned value expects of the value what `return` alone would: inference through both at once can fail.
    """
    annotation = found.node.child_by_field_name("return_type")
    if annotation is None or annotation.type != "type_annotation" or found.suspends:
        return ""
    words = text(annotation.named_children[-1])
    fits = words.isascii() and words.isprintable() and len(words) <= _LONGEST_TYPE and not any(mark in words for mark in ("//", "/*", "*/"))
    return f"< {words}>" if fits else ""  # the blank: `<<` would be an operator


def takes_assignment(found: Found, returned: Node) -> bool:
    """In TypeScript: whether `returned` means the same behind `=`: the compiler narrows through an assignment, but a call there no longer
    sees which type its context expects, so the function must be one of which nothing is expected."""
    if not _contains_call(returned):
        return True
    parent = found.node.parent
    if found.node.type == "function_declaration" or (parent is not None and parent.type == "class_body"):
        return True
    return parent is not None and parent.type == "variable_declarator" and parent.child_by_field_name("type") is None


def _contains_call(node: Node) -> bool:
    if node.type in ("call_expression", "new_expression", "await_expression"):
        return True
    return any(_contains_call(child) for child in node.named_children)


def _narrows(node: Node) -> bool:
    if node.type in ("parenthesized_expression", "unary_expression"):
        operator = node.child_by_field_name("operator")
        return (operator is None or operator.type == "!") and any(_narrows(child) or operator is not None for child in node.named_children)
    if node.type == "binary_expression":
        operator = node.child_by_field_name("operator")
        sign = "" if operator is None else operator.type
        if sign in ("&&", "||"):
            return any(_narrows(child) for child in node.named_children)
        return sign in ("===", "!==", "==", "!=", "instanceof", "in")
    return node.type == "call_expression" and may_narrow(node)


def may_narrow(call: Node) -> bool:
    """In TypeScript: whether a call in a test could be a type guard: one of its arguments, or its object, is a plain reference."""
    arguments = call.child_by_field_name("arguments")
    if arguments is None:
        return False
    return any(child.type in ("identifier", "member_expression", "this", "subscript_expression") for child in arguments.named_children)


def is_kept_test(call: Node) -> bool:
    """In TypeScript: whether a test is kept in a constant first (`const isText = isString(x)`), and decides a branch by that name."""
    declarator = call.parent
    if declarator is None or declarator.type != "variable_declarator" or declarator.child_by_field_name("type") is not None:
        return False
    declaration, named = declarator.parent, declarator.child_by_field_name("name")
    if declaration is None or named is None or declaration.parent is None or not syntax.has_token(declaration, "const"):
        return False
    name = re.escape(text(named))
    pattern = rf"(?<![\w$.]){name}\s*(?:\?(?![.?])|&&|\|\|)|(?:!|&&|\|\||(?:if|while)\s*\()\s*{name}(?![\w$])"
    return re.search(pattern, text(declaration.parent)) is not None
