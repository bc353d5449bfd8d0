"""The names of properties that are assigned, as the source reads: `this.total`, `rows[0].done`, `this.byName[key]`."""

from __future__ import annotations

import re

from tree_sitter import Node

from mcp_tracer.languages.javascript.syntax import text

_LONGEST = 60
_KEYED = ("member_expression", "subscript_expression")
_PLAIN_KEY = re.compile(r"[A-Za-z_$][\w$]*\Z")


def name_of(target: Node) -> str:
    """At most 60 characters; `o['z']` is `o.z`, and what is neither a name nor a key is `(…)`."""
    name = _name(target)
    return name if len(name) <= _LONGEST else "…" + name[1 - _LONGEST :]


def _name(node: Node | None) -> str:
    """From the last key to the first, and no further than is told: chains can be thousands long."""
    keys: list[str] = []
    length = 0
    while node is not None and length <= _LONGEST:
        if node.type in ("non_null_expression", "parenthesized_expression") and node.named_children:
            node = node.named_children[0]
        elif node.type in _KEYED:
            is_member = node.type == "member_expression"
            keys.append(f".{text(node.child_by_field_name('property'))}" if is_member else _key(node.child_by_field_name("index")))
            length += len(keys[-1])
            node = node.child_by_field_name("object")
        else:
            break
    return _root(node) + "".join(reversed(keys))


def _root(node: Node | None) -> str:
    return text(node) if node is not None and node.type in ("identifier", "this", "super") else "(…)"


def _key(node: Node | None) -> str:
    words = " ".join(text(node).split())
    if node is not None and node.type == "string" and _PLAIN_KEY.match(words[1:-1]):
        return f".{words[1:-1]}"
    return f"[{words}]"
