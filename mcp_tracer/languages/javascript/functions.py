"""Finds every function of a file and gives it its qualified name."""

from __future__ import annotations

from dataclasses import dataclass

from tree_sitter import Node

from mcp_tracer.languages.javascript import syntax
from mcp_tracer.languages.javascript.syntax import text
from mcp_tracer.model.plan import FunctionInfo

_MODULE_PREFIXES = ("module.exports.", "exports.", "this.", "window.", "globalThis.", "self.")


@dataclass(frozen=True, slots=True)
class Found:
    """A function node with what is known about it. `bare` is the last part of its name, without `get ` and `set `."""

    node: Node
    info: FunctionInfo
    bare: str
    is_async: bool
    is_generator: bool

    @property
    def suspends(self) -> bool:
        """Whether control can leave the body in the middle and come back."""
        return self.is_async or self.is_generator


def find(root: Node) -> list[Found]:
    """Every function with a body, in source order."""
    found: list[Found] = []
    anonymous: set[str] = set()
    stack: list[tuple[Node, str, str]] = [(root, "", "")]
    while stack:
        node, prefix, given = stack.pop()
        if node.type in syntax.FUNCTIONS:
            name, bare = _function_name(node, prefix, given, anonymous)
            if syntax.body(node) is not None:
                found.append(_describe(node, name, bare))
            prefix = name
        elif node.type in syntax.CLASSES or node.type in ("internal_module", "module"):
            prefix = _join(prefix, text(node.child_by_field_name("name")) or given or "(class)")
        stack += [(child, *_context(child, node, prefix, given)) for child in reversed(syntax.runs(node))]
    return found


def _context(child: Node, parent: Node, prefix: str, given: str) -> tuple[str, str]:
    """The prefix and the name that `parent` gives to its `child`, should it be a function, a class or an object."""
    kind = parent.type
    if kind == "variable_declarator" and child == parent.child_by_field_name("value"):
        return prefix, text(parent.child_by_field_name("name"))
    if kind == "assignment_expression" and child == parent.child_by_field_name("right"):
        return prefix, _target(parent.child_by_field_name("left"))
    if kind in syntax.FIELDS and child == parent.child_by_field_name("value"):
        return prefix, _key(parent.child_by_field_name("property") or parent.child_by_field_name("name"))
    if kind == "pair" and child == parent.child_by_field_name("value"):
        return prefix, _key(parent.child_by_field_name("key"))
    if kind == "export_statement" and child == parent.child_by_field_name("value"):
        return prefix, "default"
    if kind in ("parenthesized_expression", "as_expression", "satisfies_expression", "non_null_expression"):
        return prefix, given
    if kind == "object" and given:
        return _join(prefix, given), ""
    return prefix, ""


def _function_name(node: Node, prefix: str, given: str, anonymous: set[str]) -> tuple[str, str]:
    """Return the qualified and the bare name."""
    named = node.child_by_field_name("name")
    if node.type == "method_definition":
        bare = _key(named)
        accessor = next((child.type + " " for child in node.children if child.type in ("get", "set") and child != named), "")
        return _join(prefix, accessor + bare), bare
    own = text(named) or given
    if own:
        return _join(prefix, own), own.rsplit(".", 1)[-1]
    line, column = node.start_point
    name = _join(prefix, f"(anonymous:{line + 1})")
    if name in anonymous:
        name = _join(prefix, f"(anonymous:{line + 1}:{column + 1})")
    anonymous.add(name)
    return name, "(anonymous)"


def _describe(node: Node, name: str, bare: str) -> Found:
    is_async, is_generator = syntax.is_async(node), syntax.is_generator(node)
    first, last = node.start_point.row + 1, node.end_point.row + 1
    info = FunctionInfo(name, first, last, _kind(node, is_async, is_generator), syntax.parameters(node))
    return Found(node, info, bare, is_async, is_generator)


def _kind(node: Node, is_async: bool, is_generator: bool) -> str:
    if is_generator:
        return "async-generator" if is_async else "generator"
    if is_async:
        return "coroutine"
    if node.type == "method_definition":
        return "method"
    return "lambda" if node.type == "arrow_function" else "function"


def _key(node: Node | None) -> str:
    """A property's name: strings without quotes, computed names in brackets."""
    if node is None:
        return ""
    if node.type == "string":
        return text(node)[1:-1]
    return " ".join(text(node).split())


def _target(node: Node | None) -> str:
    """The name that an assignment's left side gives: `exports.f` is `f`, `Foo.prototype.bar` is `Foo.bar`."""
    if node is None or node.type not in ("identifier", "member_expression"):
        return ""
    name = "".join(text(node).split()).replace(".prototype.", ".")
    for prefix in _MODULE_PREFIXES:
        name = name.removeprefix(prefix)
    return "" if name in ("module.exports", "exports") or not name.replace(".", "").replace("_", "a").replace("$", "a").isalnum() else name


def _join(prefix: str, name: str) -> str:
    return f"{prefix}.{name}" if prefix else name
