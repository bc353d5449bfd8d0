"""From a module's tree to its instrumented tree and code: which functions get probes, and how a body stands between them."""

import ast
import sys

from . import inventory, lambdas, nodes, spares
from .blocks import Blocks

_WITHS = (ast.With, ast.AsyncWith)
_TRIES = tuple(getattr(ast, name) for name in ("Try", "TryStar") if hasattr(ast, name))
_GUARDS = _TRIES + _WITHS


class Table(list):
    """What the placeholders' numbers stand for: functions and sites, as plain maps."""

    def add(self, entry):
        """Append `entry`; its number."""
        self.append(entry)
        return len(self) - 1


class Scope:
    """The function whose body is being rewritten: its number in the table, level, and how it suspends."""

    def __init__(self, number, name, kind, level):
        self.number, self.name, self.level = number, name, level
        self.yields = kind in ("generator", "async-generator")
        self.flows = self.yields or kind == "coroutine"
        self.returns_value = kind != "async-generator"
        self.guarded = False

    def probe(self, name):
        """The name of probe `name` for a function that suspends or does not."""
        return "C" + name if self.flows else name

    def span(self, node):
        """What the probes of this function take first: the span in its local, or the function itself."""
        return nodes.load(nodes.SPAN, node) if self.flows else nodes.constant(self.number, node)

    def of_class(self):
        """The same function for the body of a class in it: a frame of its own, which must not close over the span."""
        return Scope(self.number, self.name, "class", self.level)


class File:
    """The transformation of one file. `level` holds where `levels` ({qualified name: level}) says nothing."""

    def __init__(self, level, levels):
        self.table, self.level, self.levels, self.twins = Table(), level, levels, []
        self.has_lambdas = level >= inventory.FROM_ITSELF or any(name.endswith(inventory.LAMBDA) for name in levels)

    def level_of(self, name):
        return self.levels.get(name, inventory.default_level(name, self.level))

    def lambdas(self, prefix, class_name):
        """What makes the lambdas of one scope spans; None where no lambda of the file is one."""
        if not self.has_lambdas:
            return None

        def enclose(entry, body):
            return self.enclosed(entry, body, class_name, body[0], body[0])

        return lambdas.Lambdas(self.twins, enclose, prefix, class_name)

    def module(self, tree):
        """Rewrite a whole module. Its docstring and `from __future__` imports stay the first things in it."""
        level, split = self.level_of(inventory.MODULE), _preamble(tree.body)
        body = tree.body[split:]
        if level <= 0 or not body or _notes_annotations(body):
            Blocks(self, None, "", None).walk(body)
            tree.body[split:] = body
            return
        end = max(statement.end_lineno or statement.lineno for statement in body)
        description = {"name": inventory.MODULE, "line": 1, "endLine": end, "kind": "module", "params": [], "level": level}
        scope = Scope(self.table.add(description), inventory.MODULE, "module", level)
        first, last = body[0], body[-1]
        Blocks(self, scope, "", None).walk(body)
        tree.body[split:] = _wrapped(scope, [], body, nodes.aside(first), last, nodes.outset(first))

    def function(self, node, prefix, class_name, in_class):
        """Rewrite one `def`."""
        entry = inventory.describe(node, prefix, in_class)
        split = 1 if inventory.has_docstring(node.body) else 0
        body = node.body[split:]
        whole = self.enclosed(entry, body, class_name, node.body[split] if body else node, node.body[-1])
        node.body[split:] = body if whole is None else whole

    def enclosed(self, entry, body, class_name, first, last):
        """The statements of a traced function between its probes. None where it is not traced; `body` is rewritten even then."""
        level = 0 if entry.skipped else self.level_of(entry.name)
        if level <= 0:
            Blocks(self, None, entry.name + ".", class_name).walk(body)
            return None
        scope = Scope(self.table.add(_description(entry, level)), entry.name, entry.kind, level)
        spare = spares.copied(entry.node, body)
        scope.guarded = any(isinstance(child, _GUARDS) and _wraps_return(child) for child in inventory.own_statements(entry.node))
        Blocks(self, scope, entry.name + ".", class_name).walk(body)
        outset = nodes.outset(entry.node)
        whole = _wrapped(scope, entry.params, body, first, last, outset)
        return whole if spare is None else spares.beside(scope.number, spare, whole, first, last, outset)


def _preamble(body):
    """How many statements must stay first in a module."""
    split = 1 if inventory.has_docstring(body) else 0
    while split < len(body) and isinstance(body[split], ast.ImportFrom) and body[split].module == "__future__":
        split += 1
    return split


def _notes_annotations(body):
    """From Python 3.14 on, annotations inside a `try` are noted under a name in the module: there the module stays without a span."""
    return sys.version_info >= (3, 14) and any(isinstance(statement, ast.AnnAssign) for statement in body)


def _wraps_return(statement):
    return isinstance(statement, _WITHS) or bool(statement.finalbody)


def _description(entry, level):
    node = entry.node
    return {
        "name": entry.name,
        "line": node.lineno,
        "endLine": node.end_lineno,
        "kind": entry.kind,
        "params": entry.params,
        "level": level,
    }


def _wrapped(scope, params, body, first, last, outset):
    """The body between its probes: `E …; try: body; R` for plain functions, `_mt_s = E…; try: body … finally: F` for all others."""
    arguments = [nodes.constant(scope.number, first)] + [nodes.load(name, first) for name in params if scope.level >= 2]
    last = nodes.aside(last)
    own = scope.span(last)
    if not scope.flows and not scope.guarded:
        if not isinstance(body[-1], (ast.Return, ast.Raise)):
            body.append(nodes.statement("R", [own, nodes.none(last)], last))
        return [nodes.statement("E", arguments, first), nodes.guarded(body, nodes.statement("Z", [own], last), None, last, outset)]
    failed, ended = nodes.statement(scope.probe("M"), [own], last), nodes.statement(scope.probe("F"), [own], last)
    whole = nodes.guarded(body, failed, ended, last, outset)
    if not scope.flows:
        return [nodes.statement("E", arguments, first), whole]
    return [nodes.assign_span(nodes.call("EG" if scope.yields else "EC", arguments, first), first), whole]


def compiled(tree, filename, level, levels):
    """(code with placeholders, table) of a module's tree, which is rewritten."""
    file = File(level, levels)
    file.module(tree)
    return lambdas.graft(_compiled(tree, filename), file.twins, filename), file.table


def _compiled(tree, filename):
    """A tree may not be as deep as a text: until Python 3.11 the recursion limit says how deep, and is raised for one that needs it."""
    try:
        return compile(tree, filename, "exec", dont_inherit=True)
    except RecursionError:
        limit = sys.getrecursionlimit()
        sys.setrecursionlimit(max(limit, 10000))
        try:
            return compile(tree, filename, "exec", dont_inherit=True)
        finally:
            sys.setrecursionlimit(limit)
