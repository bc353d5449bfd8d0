"""Small questions about tree-sitter nodes that several modules ask."""

from __future__ import annotations

from collections.abc import Iterator

from tree_sitter import Node

FUNCTIONS = frozenset(
    {
        "function_declaration",
        "function_expression",
        "arrow_function",
        "method_definition",
        "generator_function",
        "generator_function_declaration",
    }
)
CLASSES = frozenset({"class_declaration", "class", "abstract_class_declaration"})
FIELDS = frozenset({"field_definition", "public_field_definition"})
# Nothing below these runs: types, signatures, ambient declarations, imports.
TYPES = frozenset(
    {
        "type_annotation",
        "type_arguments",
        "type_parameters",
        "type_predicate_annotation",
        "asserts_annotation",
        "interface_declaration",
        "type_alias_declaration",
        "ambient_declaration",
        "function_signature",
        "method_signature",
        "abstract_method_signature",
        "implements_clause",
        "import_statement",
        "predefined_type",
        "type_query",
        "type_identifier",
        "generic_type",
        "union_type",
        "intersection_type",
        "object_type",
        "array_type",
        "tuple_type",
        "function_type",
        "constructor_type",
        "conditional_type",
        "index_type_query",
        "lookup_type",
        "literal_type",
        "parenthesized_type",
        "readonly_type",
        "template_literal_type",
        "nested_type_identifier",
        "omitting_type_annotation",
        "opting_type_annotation",
        "this_type",
        "comment",
    }
)


def text(node: Node | None) -> str:
    """The source text of `node`, '' for none."""
    return "" if node is None or node.text is None else node.text.decode("utf-8", "replace")


def ascii_name(name: str) -> str:
    """An identifier as ASCII source: characters beyond ASCII as escapes. Insertions stay one byte a character."""
    return "".join(char if char.isascii() else f"\\u{{{ord(char):x}}}" for char in name)


def has_token(node: Node, token: str) -> bool:
    """Whether one of the node's own tokens is `token` (`async`, `*`, `get`, `await`, …)."""
    return any(child.type == token for child in node.children)


def end_of(node: Node) -> int:
    """Where the code of `node` ends. A node that an automatic semicolon closes can reach over the comment behind it."""
    while node.children:
        last = next((child for child in reversed(node.children) if child.type != "comment" and child.end_byte > child.start_byte), None)
        if last is None:
            break
        node = last
    return node.end_byte


def is_async(function: Node) -> bool:
    """Whether a function node is declared `async`."""
    return has_token(function, "async")


def is_generator(function: Node) -> bool:
    """Whether a function node is a generator."""
    return function.type.startswith("generator_function") or (function.type == "method_definition" and has_token(function, "*"))


def body(function: Node) -> Node | None:
    """The body of a function node: a block, an arrow's expression, or None (overloads, abstract)."""
    return function.child_by_field_name("body")


def directives(block: Node) -> list[Node]:
    """The directive statements (`'use strict'`) that a block or a program starts with."""
    found: list[Node] = []
    for child in block.named_children:
        if child.type in ("comment", "hash_bang_line"):
            continue
        if child.type != "expression_statement" or child.named_children[0].type != "string":
            break
        found.append(child)
    return found


def bound_names(pattern: Node | None) -> Iterator[str]:
    """The names that a parameter or a destructuring pattern binds, in source order."""
    if pattern is None:
        return
    kind = pattern.type
    if kind in ("identifier", "shorthand_property_identifier_pattern"):
        yield text(pattern)
    elif kind in ("required_parameter", "optional_parameter"):
        yield from bound_names(pattern.child_by_field_name("pattern"))
    elif kind in ("assignment_pattern", "object_assignment_pattern"):
        yield from bound_names(pattern.child_by_field_name("left"))
    elif kind == "pair_pattern":
        yield from bound_names(pattern.child_by_field_name("value"))
    elif kind in ("object_pattern", "array_pattern", "rest_pattern"):
        for child in pattern.named_children:
            yield from bound_names(child)


def parameter_nodes(function: Node) -> list[Node]:
    """The parameters of a function node, TypeScript's `this` left out."""
    single = function.child_by_field_name("parameter")
    if single is not None:
        return [single]
    listed = function.child_by_field_name("parameters")
    found = [] if listed is None else [child for child in listed.named_children if child.type not in ("comment", "decorator")]
    return [child for child in found if (child.child_by_field_name("pattern") or child).type != "this"]


def parameters(function: Node) -> tuple[str, ...]:
    """The names that a function's parameters bind, in source order."""
    return tuple(name for node in parameter_nodes(function) for name in bound_names(node))


def with_label(statement: Node) -> Node:
    """The statement together with the labels in front of it."""
    while statement.parent is not None and statement.parent.type == "labeled_statement":
        statement = statement.parent
    return statement


def runs(node: Node) -> list[Node]:
    """The children of `node` that hold code (types and comments left out)."""
    return [child for child in node.named_children if child.type not in TYPES]


def continues_chain(node: Node) -> bool:
    """Whether `node` is the object or the callee of the expression around it (`a.b` in `a.b().c`)."""
    parent = node.parent
    if parent is None:
        return False
    if parent.type in ("member_expression", "subscript_expression"):
        return parent.child_by_field_name("object") == node
    return (parent.type == "call_expression" and parent.child_by_field_name("function") == node) or parent.type == "non_null_expression"


def chain_inside(node: Node) -> Node | None:
    """The next part of a chain: the callee or the object of `node`, None where the chain begins."""
    if node.type == "non_null_expression":
        return node.named_children[0]
    if node.type in ("call_expression", "member_expression", "subscript_expression"):
        return node.child_by_field_name("function") or node.child_by_field_name("object")
    return None


def start_of_chain(node: Node) -> int:
    """Where a call's callee really begins: the grammar takes `a + b!.c()` and `-b!.c()` for calls on the whole of `a + b` and `-b`."""
    part = node
    while (inside := chain_inside(part)) is not None:
        part = inside
    if part == node or part.parent is None or part.parent.type != "non_null_expression":
        return node.start_byte
    while part.type in ("binary_expression", "unary_expression"):
        operand = part.child_by_field_name("right") or part.child_by_field_name("argument")
        if operand is None:
            break
        part = operand
    return part.start_byte


def misread_await(node: Node) -> Node | None:
    """The parenthesis of `await (x)()` where the grammar took `await` for the name of a function and `(x)` for its arguments."""
    part = node
    while (inside := chain_inside(part)) is not None:
        if inside.type == "identifier" and part.type == "call_expression" and text(inside) == "await":
            return part.child_by_field_name("arguments")
        part = inside
    return None
