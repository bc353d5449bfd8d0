"""Probes inside expressions: call sites (level 3), awaits, yields, and `locals()` of functions that hold a span in a local."""

import ast

from . import inventory, nodes

_OWN_FRAME = {"super", "locals", "vars", "dir", "globals"}
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


class Expressions:
    """Rewrites the expressions of one function. `scope` says its kind and level; `table` collects call sites."""

    def __init__(self, scope, table):
        self.scope, self.table = scope, table
        self.nested = 0  # inside a comprehension or lambda: another frame, which must not close over the span
        self.visitors = {ast.Await: self.wait, ast.Lambda: self.leave_alone}
        if scope.level >= 3 or scope.flows:
            self.visitors[ast.Call] = self.call
        if scope.yields:
            self.visitors[ast.Yield] = self.give
            self.visitors[ast.YieldFrom] = self.delegate
        for comprehension in _COMPREHENSIONS:
            self.visitors[comprehension] = self.comprehension

    @property
    def needed(self):
        """Whether this function's expressions hold any probe at all."""
        return self.scope.level >= 3 or self.scope.flows

    def visit(self, node):
        """The node to put in the place of `node`."""
        visitor = self.visitors.get(type(node))
        if visitor is not None:
            return visitor(node)
        self.children(node)
        return node

    def children(self, node):
        """Rewrite what `node` holds."""
        for name in node._fields:
            value = getattr(node, name, None)
            if isinstance(value, ast.AST):
                setattr(node, name, self.visit(value))
            elif isinstance(value, list):
                value[:] = [self.visit(item) if isinstance(item, ast.AST) else item for item in value]

    def leave_alone(self, node):
        return node

    def comprehension(self, node):
        self.nested += 1
        self.children(node)
        self.nested -= 1
        return node

    def call(self, node):
        """`f(x, g())` becomes `A(site, f(x, P(site, A(site2, P(site2, g)()))))`: P opens the call once everything else is evaluated."""
        if isinstance(node.func, ast.Name) and node.func.id in _OWN_FRAME:
            return self.own_frame(node)
        self.children(node)
        if self.scope.level < 3 or inventory.dotted(node).startswith("@"):
            return node
        site = self.site(node, "call")
        return nodes.call("A", [site, self.opened(node, site)], node)

    def own_frame(self, node):
        hides = self.scope.flows and not self.nested and not node.args and node.func.id in ("locals", "vars", "dir")
        self.children(node)
        return nodes.call("LF", [node], node) if hides else node

    def opened(self, node, site):
        """Call `node` with the probe that opens its span around what is evaluated last."""
        if node.keywords:
            last = node.keywords[-1]
            last.value = nodes.call("P", [site, last.value], last.value)
        elif node.args:
            last = node.args[-1]
            holder = last if isinstance(last, ast.Starred) else None
            opened = nodes.call("P", [site, last.value if holder else last], last)
            if holder:
                holder.value = opened
            else:
                node.args[-1] = opened
        elif isinstance(node.func, ast.Attribute):  # around the object: the line of a method call comes from its attribute
            node.func.value = nodes.call("P", [site, node.func.value], node.func.value)
        else:
            node.func = nodes.call("P", [site, node.func], node.func)
        return node

    def wait(self, node):
        """`await f(x)`: one site spans the call and the waiting; BW and W tell the coroutine's span when it waits."""
        value, site = node.value, None
        text = value
        if isinstance(value, ast.Call) and not (isinstance(value.func, ast.Name) and value.func.id in _OWN_FRAME):
            self.children(value)
            if self.scope.level >= 3:
                site = self.site(text, "await")
                value = self.opened(value, site)
        else:
            value = self.visit(value)
            if self.scope.level >= 3:
                site = self.site(text, "await")
                value = nodes.call("P", [site, value], value)
        tells = self.scope.flows and not self.nested
        node.value = nodes.call("BW", [self.scope.span(node), value], node) if tells else value
        waited = nodes.call("A", [site, node], node) if site is not None else node
        return nodes.call("W", [self.scope.span(node), waited], node) if tells else waited

    def give(self, node):
        """`yield v` becomes `GR(s, (yield GY(s, v)))`."""
        if node.value is not None:
            node.value = self.visit(node.value)
        node.value = nodes.call("GY", [self.scope.span(node), node.value or nodes.none(node)], node)
        return nodes.call("GR", [self.scope.span(node), node], node)

    def delegate(self, node):
        """`yield from x` becomes `GR(s, (yield from GD(s, x)))`: for the span of this generator it is one long suspension."""
        node.value = nodes.call("GD", [self.scope.span(node), self.visit(node.value)], node)
        return nodes.call("GR", [self.scope.span(node), node], node)

    def site(self, node, kind):
        """A placeholder for a new call site of the callee in `node`."""
        name = nodes.callee_text(node.func if isinstance(node, ast.Call) else node)
        entry = {"site": kind, "line": node.lineno, "column": node.col_offset, "name": name, "function": self.scope.name}
        return nodes.constant(self.table.add(entry), node)
