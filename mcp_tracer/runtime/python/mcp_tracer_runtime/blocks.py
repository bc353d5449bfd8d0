"""Rewrites statements. Every new node stands at an original location, or at none where it belongs to no line."""

import ast

from . import inventory, nodes, routes
from .expressions import Expressions
from .waits import Block, Waits

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_LOOPS = (ast.For, ast.AsyncFor)
_WITHS = (ast.With, ast.AsyncWith)
_TRIES = tuple(getattr(ast, name) for name in ("Try", "TryStar") if hasattr(ast, name))
_KEEPS_BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")


class Blocks(Waits):
    """Rewrites the statement lists of one scope: a function's body, a module's or a class's, or (with `scope` None) of what is not traced
    itself but may hold functions. `file` is the transformation of the whole file."""

    def __init__(self, file, scope, prefix, class_name, in_class=False):
        self.file, self.scope, self.prefix = file, scope, prefix
        self.class_name, self.in_class = class_name, in_class
        lambdas = file.lambdas(prefix, class_name)
        self.expressions = Expressions(scope, file.table, lambdas)
        self.level = scope.level if scope is not None else 0
        self.flows = scope is not None and scope.flows

    def walk(self, body):
        """Rewrite the statements of `body` in place, and all blocks inside: one after the other, as `elif` chains can be long."""
        waiting = [Block(body)]
        while waiting:
            block = waiting.pop()
            out = list(block.first)
            for statement in block.body:
                self.before(statement, block, out)
                assigned, changed = self.assigned(statement), self.changed(statement)
                behind = self.one(statement, block, waiting)
                out.append(statement)
                if assigned:
                    out.append(self.event("V", statement, self.kind(), assigned))
                out += changed
                out += behind
            if block.last is not None and not nodes.is_jump(block.body[-1]):
                out += block.last()
            block.body[:] = out

    def before(self, statement, block, out):
        if self.level >= 5 and not isinstance(statement, (ast.Global, ast.Nonlocal)):
            out.append(self.event("L", statement, "line", []))
        if block.at_continue is not None and isinstance(statement, ast.Continue):
            out += block.at_continue()

    def kind(self):
        return "variable" if self.level >= 5 else "checkpoint"

    def event(self, probe, statement, kind, names, held=None, **more):
        place = {"line": statement.lineno, "column": statement.col_offset}
        entry = {"site": kind, **place, "name": kind, "function": self.scope.name, "names": names, **more}
        number = self.file.table.add(entry)
        arguments = [nodes.constant(number, statement)] + [nodes.load(name, statement) for name in (names if held is None else held)]
        return nodes.asked(number, nodes.statement(probe, arguments, statement), statement)

    def bound(self, node, names):
        """The event that says what `names` are, if any, now that a block begins."""
        return [self.event("V", node, "checkpoint", list(dict.fromkeys(names)))] if names and self.level >= 4 and not self.in_class else []

    def chosen(self, node, names):
        """Likewise where one of several blocks begins: that the line was reached, too."""
        return ([self.event("L", node, "line", [])] if self.level >= 5 else []) + self.bound(node, names)

    def assigned(self, statement):
        """Names that `statement` has bound when it is done. A class body may live in a mapping that must not be asked."""
        if self.level < 4 or self.in_class:
            return []
        if isinstance(statement, ast.Assign):
            return list(dict.fromkeys(name for target in statement.targets for name in inventory.target_names(target)))
        if isinstance(statement, (ast.AugAssign, ast.AnnAssign)) and statement.value is not None:
            return inventory.target_names(statement.target)
        return []

    def changed(self, statement):
        """The event that says what attributes and items are which `statement` has changed in a way that only reading them tells."""
        texts, ways = routes.routes(statement) if self.level >= 4 and not self.in_class else ((), ())
        held = [name for names, _ in ways for name in names]
        if not texts:
            return []
        told = self.event("VP", statement, self.kind(), texts, held, steps=[steps for _, steps in ways])
        return [nodes.unless_unbound(told, statement)]

    def passed(self, statement):
        """How the targets read that get the value of `statement` as it is and cannot be read again without running code."""
        if not isinstance(statement, (ast.Assign, ast.AnnAssign)) or statement.value is None:
            return []
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        found = [text for target in targets for text in nodes.target_texts(target)]
        return found + [target.id for target in targets if self.in_class and isinstance(target, ast.Name)]

    def one(self, statement, block, waiting):
        """Rewrite inside one statement; its blocks are put among `waiting`. Returns what runs behind it."""
        if isinstance(statement, (*_FUNCTIONS, ast.ClassDef)):
            self.definition(statement)
            return []
        texts = self.passed(statement) if self.level >= 4 else []
        sites = self.waiting_sites(statement)
        if self.expressions.needed:
            self.own_expressions(statement)
        if texts:
            statement.value = self.expressions.passing(statement.value, texts, statement)
        behind = self.blocks(statement, block, waiting, sites)
        if isinstance(statement, ast.Return) and self.scope is not None:
            self.returned(statement)
        return behind

    def waiting_sites(self, statement):
        """Sites of what `async for` and `async with` wait for, named before anything inside is rewritten."""
        if self.level < 3 or not self.flows:
            return (None, None)
        if isinstance(statement, ast.AsyncFor):
            return (self.expressions.site(statement.iter, "await", ".__anext__"), None)
        if isinstance(statement, ast.AsyncWith):
            text = statement.items[0].context_expr
            return tuple(self.expressions.site(text, "await", suffix) for suffix in (".__aenter__", ".__aexit__"))
        return (None, None)

    def blocks(self, statement, block, waiting, sites):
        """Put the blocks of `statement` among `waiting`, each with what runs first and last in it."""
        if not isinstance(getattr(statement, "body", None), list) and not hasattr(statement, "cases"):
            return []
        first, last, behind, at_continue = [], None, [], block.at_continue
        if isinstance(statement, _LOOPS):
            first, at_continue = self.bound(statement, inventory.target_names(statement.target)), None
        elif isinstance(statement, ast.While):
            at_continue = None
        elif isinstance(statement, _WITHS):
            first, behind = self.bound(statement, inventory.names_of_items(statement)), self.unwinding(statement, self.level >= 3)
        if self.flows and isinstance(statement, ast.AsyncFor):
            first, at_continue, behind = self.asynchronous_loop(statement, sites[0], first, waiting, block)
            last = at_continue
        elif self.flows and isinstance(statement, ast.AsyncWith):
            first, last, behind = self.asynchronous_with(statement, sites, first)
        if getattr(statement, "body", None):
            waiting.append(Block(statement.body, first, last, at_continue))
        self.other_blocks(statement, block, waiting)
        return behind

    def other_blocks(self, statement, block, waiting):
        if getattr(statement, "orelse", None) and not (self.flows and isinstance(statement, ast.AsyncFor)):
            waiting.append(Block(statement.orelse, at_continue=block.at_continue))
        lands = isinstance(statement, _TRIES) and self.scope is not None and (self.scope.flows or self.level >= 3)
        for handler in getattr(statement, "handlers", ()):
            first = self.unwinding(handler.body[0], lands) + self.chosen(handler, [handler.name] if handler.name else [])
            waiting.append(Block(handler.body, first, at_continue=block.at_continue))
        if getattr(statement, "finalbody", None):
            waiting.append(Block(statement.finalbody, self.unwinding(statement.finalbody[0], lands), at_continue=block.at_continue))
        for case in getattr(statement, "cases", ()):
            first = self.chosen(case.pattern, inventory.pattern_names(case.pattern))
            waiting.append(Block(case.body, first, at_continue=block.at_continue))

    def unwinding(self, node, wanted):
        """Where an exception may have landed: put the current span right, which may be that of a call that it jumped over."""
        return [nodes.statement(self.scope.probe("U"), [self.scope.span(node)], node)] if wanted else []

    def own_expressions(self, statement):
        """Rewrite the expressions that `statement` evaluates itself; never annotations, patterns, type parameters."""
        visit = self.expressions.visit
        if type(statement).__name__ == "TypeAlias":
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

    def definition(self, node):
        """Rewrite one `def` or `class`, and what it evaluates here. Annotations and type parameters stay."""
        if self.expressions.needed and not getattr(node, "type_params", None):
            self.around(node)
        if not isinstance(node, ast.ClassDef):
            self.file.function(node, self.prefix, self.class_name, self.in_class)
            return
        scope = self.scope.of_class() if self.level >= 3 else None
        split = 1 if inventory.has_docstring(node.body) else 0
        body = node.body[split:]
        Blocks(self.file, scope, self.prefix + node.name + ".", node.name, True).walk(body)
        node.body[split:] = body

    def around(self, node):
        """Decorators, defaults, bases."""
        visit = self.expressions.visit
        node.decorator_list[:] = [visit(decorator) for decorator in node.decorator_list]
        if isinstance(node, ast.ClassDef):
            node.bases[:] = [visit(base) for base in node.bases]
            for keyword in node.keywords:
                keyword.value = visit(keyword.value)
        else:
            node.args.defaults[:] = [visit(default) for default in node.args.defaults]
            node.args.kw_defaults[:] = [visit(default) if default is not None else None for default in node.args.kw_defaults]
