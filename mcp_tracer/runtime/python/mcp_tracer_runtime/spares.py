"""The body without probes that a function keeps beside the one with them. Where even counting a hot function costs more than the budget
has, it runs that for a while (`phases`): of tracing, nothing is left then but a question to the function, which numbers the calls."""

import ast

from . import nodes
from .link import SWITCH

MOST_NODES = 400  # of a body that is kept twice: some fifty lines; in longer ones a call has more to do than to be counted
_WHOLE = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef, ast.Global, ast.Nonlocal)
_SHARED = frozenset(kind for base in (ast.expr_context, ast.operator, ast.unaryop, ast.boolop, ast.cmpop) for kind in base.__subclasses__())


def copied(node, body):
    """A copy of the statements `body` of function `node`, or None where it is kept once: what makes functions or classes would make two
    kinds of them, and `global` must stand before every use of the name."""
    if isinstance(node, ast.Lambda) or not body:
        return None
    whole = ast.Module([], [])
    pending, count = [(body, whole.body)], 0
    while pending:
        items, into = pending.pop()
        for item in items:
            count += 1
            if isinstance(item, _WHOLE) or count > MOST_NODES:
                return None
            into.append(_shallow(item, pending))
    return whole.body


def _shallow(item, pending):
    """A copy of `item` whose lists of nodes and nodes are still to be filled: they are put among `pending`."""
    kind = type(item)
    if kind in _SHARED or not isinstance(item, ast.AST):
        return item
    new = kind.__new__(kind)
    fields = new.__dict__
    fields.update(item.__dict__)
    for name in kind._fields:
        value = fields.get(name)
        if type(value) is list:
            fields[name] = []
            pending.append((value, fields[name]))
        elif isinstance(value, ast.AST) and type(value) not in _SHARED:
            pending.append(([value], _Field(fields, name)))
    return new


class _Field:
    """Where a single node goes: takes `append`, as lists do."""

    __slots__ = ("fields", "name")

    def __init__(self, fields, name):
        self.fields, self.name = fields, name

    def append(self, node):
        self.fields[self.name] = node


def beside(number, spare, probed, first, last, outset):
    """The body of function `number`: `probed` where the function says so, else `spare`, in which only a failing call is recorded."""
    last = nodes.aside(last)
    fails = nodes.statement("ZS", [nodes.constant(number, last)], last)
    return [nodes.either(nodes.asks(SWITCH + str(number), first), probed, [nodes.guarded(spare, fails, None, last, outset)], first)]
