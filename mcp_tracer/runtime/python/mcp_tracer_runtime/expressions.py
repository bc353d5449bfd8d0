"""Probes inside expressions: call sites (level 3), awaits, yields, assignments of `:=`, and `locals()` of functions that hold a span in a
local.

A whole expression is listed first and rewritten from the inside out: no recursion, so that long chains do not meet the interpreter's limit.
"""

import ast

from . import inventory, nodes

_OWN_FRAME = {"super", "locals", "vars", "dir", "globals"}
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_LEAVES = (ast.Name, ast.Constant, ast.expr_context, ast.operator, ast.unaryop, ast.boolop, ast.cmpop)
_DEEPEST = 150  # calls that lie deeper are left alone: the compiler has a limit as well


class Expressions:
    """Rewrites the expressions of one function. `scope` says its kind and level (None: only lambdas are looked for); `table` collects
    sites; `lambdas` makes lambdas spans, or is None."""

    def __init__(self, scope, table, lambdas):
        self.scope, self.table, self.lambdas = scope, table, lambdas
        level = scope.level if scope is not None else 0
        flows, yields = (scope.flows, scope.yields) if scope is not None else (False, False)
        self.rewriters = {}
        if lambdas is not None:
            self.rewriters[ast.Lambda] = self.function
        if level >= 3 or flows:
            self.rewriters[ast.Call] = self.call
            self.rewriters[ast.Await] = self.wait
        if level >= 4:
            self.rewriters[ast.NamedExpr] = self.assign
        if yields:
            self.rewriters[ast.Yield] = self.give
            self.rewriters[ast.YieldFrom] = self.delegate
        if flows:
            for comprehension in _COMPREHENSIONS[:3]:
                self.rewriters[comprehension] = self.comprehension
        self.sites = level >= 3

    @property
    def needed(self):
        """Whether this function's expressions hold any probe at all."""
        return bool(self.rewriters)

    def visit(self, root):
        """The node to put in the place of `root`."""
        for node, parent, field, index, nested, site in reversed(self.listed(root)):
            new = self.rewriters[type(node)](node, nested, site)
            if parent is None:
                root = new
            elif index is None:
                setattr(parent, field, new)
            else:
                getattr(parent, field)[index] = new
        return root

    def listed(self, root):
        """(node, parent, field, index, whether in a frame of its own, site) of all that gets a probe, outer ones first."""
        found, pending, awaited = [], [(root, None, None, None, 0, 0)], set()
        while pending:
            node, parent, field, index, nested, depth = pending.pop()
            kind = type(node)
            if kind in self.rewriters:
                site = self.site_of(node, kind, depth, awaited)
                found.append((node, parent, field, index, nested, site))
            if kind is ast.Lambda:
                node = node.args
            pending += _children(node, kind, nested, depth)
        return found

    def site_of(self, node, kind, depth, awaited):
        """A placeholder for the call site that `node` is, if it is one: named before anything inside is rewritten."""
        if not self.sites or depth > _DEEPEST:
            return None
        if kind is ast.Await:
            awaited.add(node.value)  # one site spans the call and the waiting
            return self.site(node.value, "await")
        if kind is ast.Call and node not in awaited and not _own_frame(node) and not inventory.dotted(node).startswith("@"):
            return self.site(node, "call")
        return self.site(node.generators[0].iter, "await") if kind in _COMPREHENSIONS and _waits(node) else None

    def call(self, node, nested, site):
        """`f(x, g())` becomes `A(site, f(x, P(site, A(site2, P(site2, g)()))))`: P opens the call once everything else is evaluated."""
        if site is not None:
            return nodes.call("A", [site, _opened(node, site)], node)
        hides = _own_frame(node) and self.scope.flows and not nested and not node.args and node.func.id in ("locals", "vars", "dir")
        return nodes.call("LF", [node], node) if hides else node

    def wait(self, node, nested, site):
        """`await f(x)`: BW and W tell the coroutine's span when it waits."""
        value = node.value
        if site is not None:
            is_call = isinstance(value, ast.Call) and not _own_frame(value)
            value = _opened(value, site) if is_call else nodes.call("P", [site, value], value)
        return self.awaited(node, "value", value, nested, site)

    def awaited(self, node, field, value, nested, site, holder=None):
        """`node`, which waits for `value` in `field` of `holder` or itself, between the probes that tell when."""
        tells = self.scope.flows and not nested
        setattr(holder or node, field, nodes.call("BW", [self.scope.span(node), value], node) if tells else value)
        waited = nodes.call("A", [site, node], node) if site is not None else node
        return nodes.call("W", [self.scope.span(node), waited], node) if tells else waited

    def comprehension(self, node, nested, site):
        """A comprehension that waits inside its own frame is waited for as a whole."""
        if nested or not _waits(node):
            return node
        first = node.generators[0]
        value = first.iter if site is None else nodes.call("P", [site, first.iter], first.iter)
        return self.awaited(node, "iter", value, nested, site, first)

    def function(self, node, nested, site):
        return self.lambdas.rewritten(node)

    def assign(self, node, nested, site):
        """`(n := value)`"""
        node.value = self.passing(node.value, [node.target.id], node)
        return node

    def passing(self, value, names, node):
        """`VA(site, value)`: the value that `names` are about to get."""
        kind = "variable" if self.scope.level >= 5 else "checkpoint"
        place = {"line": node.lineno, "column": node.col_offset}
        number = self.table.add({"site": kind, **place, "name": kind, "function": self.scope.name, "names": names})
        told = nodes.call("VA", [nodes.constant(number, node), value], value)
        return nodes.unless_off(number, told, value) if isinstance(value, (ast.Name, ast.Constant)) else told

    def give(self, node, nested, site):
        """`yield v` becomes `GR(s, (yield GY(s, v)))`."""
        node.value = nodes.call("GY", [self.scope.span(node), node.value or nodes.none(node)], node)
        return nodes.call("GR", [self.scope.span(node), node], node)

    def delegate(self, node, nested, site):
        """`yield from x` becomes `GR(s, (yield from GD(s, x)))`: for the span of this generator it is one long suspension."""
        node.value = nodes.call("GD", [self.scope.span(node), node.value], node)
        return nodes.call("GR", [self.scope.span(node), node], node)

    def site(self, node, kind, suffix=""):
        """A placeholder for a new call site of the callee in `node`."""
        name = nodes.callee_text(node.func if isinstance(node, ast.Call) else node) + suffix
        entry = {"site": kind, "line": node.lineno, "column": node.col_offset, "name": name, "function": self.scope.name}
        return nodes.constant(self.table.add(entry), node)


def _children(node, kind, nested, depth):
    """What `node` holds, last first. A comprehension evaluates all but its first iterable in a frame of its own."""
    if kind not in _COMPREHENSIONS:
        found = _fields(node, nested, depth)
    else:
        first, inside = node.generators[0], nested + 1
        found = [(first.iter, first, "iter", None, nested, depth + 1)]
        found += [item for item in _fields(first, inside, depth + 1) if item[2] != "iter"]
        found += [item for item in _fields(node, inside, depth) if item[0] is not first]
    found.reverse()
    return found


def _fields(node, nested, depth):
    found = []
    for name in node._fields:
        value = getattr(node, name, None)
        if isinstance(value, list):
            for index, item in enumerate(value):
                if isinstance(item, ast.AST) and not isinstance(item, _LEAVES):
                    found.append((item, node, name, index, nested, depth + 1))
        elif isinstance(value, ast.AST) and not isinstance(value, _LEAVES):
            found.append((value, node, name, None, nested, depth + 1))
    return found


def _own_frame(node):
    """Whether call `node` asks about the frame that it stands in."""
    return isinstance(node.func, ast.Name) and node.func.id in _OWN_FRAME


def _waits(node):
    """Whether evaluating comprehension `node` awaits: `async for`, or `await` in it. A generator expression awaits later."""
    pending = [node]
    while pending:
        current = pending.pop()
        if isinstance(current, ast.Await) or (isinstance(current, ast.comprehension) and current.is_async):
            return True
        if isinstance(current, ast.GeneratorExp):
            pending.append(current.generators[0].iter)
        elif not isinstance(current, ast.Lambda):
            pending += ast.iter_child_nodes(current)
    return False


def _opened(node, site):
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
