"""From a module's tree to its instrumented tree. Every new node stands at an original location; module level and class bodies stay as
they are."""

import ast

from . import inventory, nodes
from .expressions import Expressions

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_LOOPS = (ast.For, ast.AsyncFor)
_WITHS = (ast.With, ast.AsyncWith)
_TRIES = tuple(getattr(ast, name) for name in ("Try", "TryStar") if hasattr(ast, name))
_KEEPS_BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")


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

    def probe(self, name):
        """The name of probe `name` for a function that suspends or does not."""
        return "C" + name if self.flows else name

    def span(self, node):
        """What the probes of this function take first: the span in its local, or the function itself."""
        return nodes.load(nodes.SPAN, node) if self.flows else nodes.constant(self.number, node)


def instrument(tree, level, levels):
    """Rewrite `tree` in place. `level` holds where `levels` ({qualified name: level}) says nothing. Returns the Table."""
    table = Table()
    Blocks(table, level, levels, None, "", False).walk(tree.body)
    return table


class Blocks:
    """Rewrites the statement lists of one scope: a function's body, or (with `scope` None) what is not traced itself but may hold
    functions."""

    def __init__(self, table, level, levels, scope, prefix, in_class):
        self.table, self.level, self.levels = table, level, levels
        self.scope, self.prefix, self.in_class = scope, prefix, in_class
        self.expressions = Expressions(scope, table) if scope else None

    def walk(self, body):
        """Rewrite the statements of `body` in place."""
        if self.scope is None:
            for statement in body:
                self.one(statement)
            return
        out = []
        for statement in body:
            self.before(statement, out)
            assigned = self.assigned(statement)
            self.one(statement)
            out.append(statement)
            self.after(statement, assigned, out)
        body[:] = out

    def before(self, statement, out):
        if self.scope.level >= 5 and not isinstance(statement, (ast.Global, ast.Nonlocal)):
            out.append(self.event("L", statement, "line", []))

    def after(self, statement, assigned, out):
        if assigned and self.scope.level >= 4:
            out.append(self.event("V", statement, "variable" if self.scope.level >= 5 else "checkpoint", assigned))
        if isinstance(statement, _WITHS) and self.scope.level >= 3:  # it may have swallowed an exception that left call sites open
            out.append(nodes.statement(self.scope.probe("U"), [self.scope.span(statement)], statement))

    def event(self, probe, statement, kind, names):
        entry = {"site": kind, "line": statement.lineno, "name": kind, "function": self.scope.name, "names": names}
        site = nodes.constant(self.table.add(entry), statement)
        return nodes.statement(probe, [site] + [nodes.load(name, statement) for name in names], statement)

    def assigned(self, statement):
        """Names that `statement` has bound when it is done."""
        if isinstance(statement, ast.Assign):
            return list(dict.fromkeys(name for target in statement.targets for name in nodes.target_names(target)))
        if isinstance(statement, (ast.AugAssign, ast.AnnAssign)) and statement.value is not None:
            return nodes.target_names(statement.target)
        return []

    def bound_inside(self, statement):
        """Names that are bound when the block of a loop or `with` begins."""
        if isinstance(statement, _LOOPS):
            return nodes.target_names(statement.target)
        if isinstance(statement, _WITHS):
            return [name for item in statement.items if item.optional_vars is not None for name in nodes.target_names(item.optional_vars)]
        return []

    def one(self, statement):
        """Rewrite inside one statement."""
        if isinstance(statement, _FUNCTIONS):
            self.function(statement)
        elif isinstance(statement, ast.ClassDef):
            Blocks(self.table, self.level, self.levels, None, self.prefix + statement.name + ".", True).walk(statement.body)
        else:
            if self.scope is not None:
                self.own_expressions(statement)
            self.blocks(statement)
            if isinstance(statement, ast.Return) and self.scope is not None:
                self.returned(statement)

    def blocks(self, statement):
        for field in ("body", "orelse", "finalbody"):
            block = getattr(statement, field, None)
            if isinstance(block, list) and block:
                self.walk(block)
        for part in list(getattr(statement, "handlers", ())) + list(getattr(statement, "cases", ())):
            self.walk(part.body)
        if self.scope is not None:
            self.unwinding(statement)
            names = self.bound_inside(statement) if self.scope.level >= 4 else []
            if names:
                statement.body.insert(0, self.event("V", statement, "checkpoint", list(dict.fromkeys(names))))

    def unwinding(self, statement):
        """Where an exception may land, put the current span right: call sites that it jumped over, generators it was thrown into."""
        if not isinstance(statement, _TRIES) or not (self.scope.yields or self.scope.level >= 3):
            return
        for handler in statement.handlers:
            handler.body.insert(0, nodes.statement(self.scope.probe("U"), [self.scope.span(handler)], handler.body[0]))
        if statement.finalbody:
            statement.finalbody.insert(
                0, nodes.statement(self.scope.probe("U"), [self.scope.span(statement.finalbody[0])], statement.finalbody[0])
            )

    def own_expressions(self, statement):
        """Rewrite the expressions that `statement` evaluates itself; never annotations, patterns, type parameters."""
        visit = self.expressions.visit
        if not self.expressions.needed or type(statement).__name__ == "TypeAlias":
            return
        if isinstance(statement, ast.AnnAssign):
            statement.value = visit(statement.value) if statement.value is not None else None
            return
        for part in list(getattr(statement, "handlers", ())) + list(getattr(statement, "cases", ())):
            for field in ("type", "guard"):
                if getattr(part, field, None) is not None:
                    setattr(part, field, visit(getattr(part, field)))
        for name in statement._fields:
            value = getattr(statement, name, None)
            if name in _KEEPS_BLOCKS or value is None:
                continue
            if isinstance(value, list):
                value[:] = [visit(item) if isinstance(item, ast.AST) else item for item in value]
            elif isinstance(value, ast.AST):
                setattr(statement, name, visit(value))

    def returned(self, statement):
        if self.scope.returns_value:
            probe = self.scope.probe("RV") if self.scope.flows or self.scope.guarded else "R"
            statement.value = nodes.call(probe, [self.scope.span(statement), statement.value or nodes.none(statement)], statement)

    def function(self, node):
        """Rewrite one `def`. Decorators, defaults and annotations stay."""
        entry = inventory.describe(node, self.prefix, self.in_class)
        level = 0 if entry.skipped else self.levels.get(entry.name, self.level)
        if level <= 0:
            Blocks(self.table, self.level, self.levels, None, entry.name + ".", False).walk(node.body)
            return
        number = self.table.add(_description(entry, level))
        scope = Scope(number, entry.name, entry.kind, level)
        scope.guarded = any(isinstance(child, _TRIES + _WITHS) and _wraps_return(child) for child in inventory.own_nodes(node))
        split = 1 if inventory.has_docstring(node.body) else 0
        docstring, body = node.body[:split], node.body[split:]
        Blocks(self.table, self.level, self.levels, scope, entry.name + ".", False).walk(body)
        node.body = docstring + _wrapped(scope, entry.params, body, node.body[split], node.body[-1])


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


def _wrapped(scope, params, body, first, last):
    """The body between its probes: `E …; try: body; R` for plain functions, `_mt_s = E…; try: body … finally: F` for all others."""
    arguments = [nodes.constant(scope.number, first)] + [nodes.load(name, first) for name in params if scope.level >= 2]
    last = nodes.aside(last)
    own = scope.span(last)
    if not scope.flows and not scope.guarded:
        if not isinstance(body[-1], (ast.Return, ast.Raise)):
            body.append(nodes.statement("R", [own, nodes.none(last)], last))
        return [nodes.statement("E", arguments, first), nodes.guarded(body, nodes.statement("Z", [own], last), None, last)]
    whole = nodes.guarded(body, nodes.statement(scope.probe("M"), [own], last), nodes.statement(scope.probe("F"), [own], last), last)
    if not scope.flows:
        return [nodes.statement("E", arguments, first), whole]
    return [nodes.assign_span(nodes.call("EG" if scope.yields else "EC", arguments, first), first), whole]
