"""The names of properties that are assigned, as the source reads: `this.total`, `rows[0].done`, `this.byName[key]`."""

from __future__ import annotations

import re

from tree_sitter import Node

from mcp_tracer.languages.javascript.syntax import text

_LONGEST = 60
_PLAIN_KEY = re.compile(r"[A-Za-z_$][\w$]*\Z")


def name_of(target: Node) -> str:
    """At most 60 characters; `o['z']` is `o.z`, and what is neither a name nor a key is `(…)`."""
    name = _name(target)
    return name if len(name) <= _LONGEST else "…" + name[1 - _LONGEST :]


def _name(node: Node | None) -> str:
    if node is None:
        return "(…)"
    if node.type in ("non_null_expression", "parenthesized_expression") and node.named_children:
        return _name(node.named_children[0])
    if node.type == "member_expression":
        return f"{_name(node.child_by_field_name('object'))}.{text(node.child_by_field_name('property'))}"
    if node.type == "subscript_expression":
        return _name(node.child_by_field_name("object")) + _key(node.child_by_field_name("index"))
    return text(node) if node.type in ("identifier", "this", "super") else "(…)"


def _key(node: Node | None) -> str:
    words = " ".join(text(node).split())
    if node is not None and node.type == "string" and _PLAIN_KEY.match(words[1:-1]):
        return f".{words[1:-1]}"
    return f"[{words}]"
