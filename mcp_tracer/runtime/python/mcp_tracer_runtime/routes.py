"""Attributes and items that a statement changes without a probe seeing the value (`self.total += 1`, `row["a"], row["b"] = pair`): how
places.py finds them again."""

import ast

from . import inventory, nodes
from .places import ATTRIBUTE, ITEM, KEY

_DEEPEST = 8


def routes(statement):
    """(texts, routes) of the attributes and items that `statement` changes and whose new values no probe sees on their way.

    What is found by a name that the statement binds as well stays out: the name stands for something else afterwards.
    """
    bound = set(inventory.target_names(statement.target)) if isinstance(statement, ast.AugAssign) else set()
    for target in statement.targets if isinstance(statement, ast.Assign) else ():
        bound.update(inventory.target_names(target))
    bound.update(node.target.id for node in ast.walk(statement) if isinstance(node, ast.NamedExpr))
    found = [(nodes.target_text(target), route(target)) for target in _changed(statement)]
    found = [(text, way) for text, way in found if way is not None and not bound.intersection(way[0])]
    return [text for text, _ in found], [way for _, way in found]


def _changed(statement):
    if isinstance(statement, ast.AugAssign):
        return _members(statement.target)
    if isinstance(statement, ast.Assign):
        return [one for target in statement.targets if isinstance(target, (ast.Tuple, ast.List)) for one in _members(target)]
    return []


def _members(target):
    if isinstance(target, (ast.Tuple, ast.List)):
        return [one for element in target.elts for one in _members(element)]
    if isinstance(target, ast.Starred):
        return _members(target.value)
    return [target] if isinstance(target, (ast.Attribute, ast.Subscript)) else []


def route(target):
    """(names to read, steps) to the value of an attribute or item; None where finding it again would run code.

    The first name is where it begins; the others are keys. Steps are [how, what].
    """
    steps, keys = [], []
    while not isinstance(target, ast.Name):
        step = _step(target)
        if step is None or len(steps) == _DEEPEST:
            return None
        steps.insert(0, step)
        if step[0] == KEY:
            keys.insert(0, step[1])
        target = target.value
    return [target.id, *keys], steps


def _step(target):
    if isinstance(target, ast.Attribute):
        return [ATTRIBUTE, target.attr] if not target.attr.startswith("__") or target.attr.endswith("__") else None
    if not isinstance(target, ast.Subscript):
        return None
    key = nodes.constant_key(target.slice)
    if key is not None:
        return [ITEM, key]
    return [KEY, target.slice.id] if isinstance(target.slice, ast.Name) else None
