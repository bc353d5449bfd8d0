"""Building blocks of instrumented trees. A probe is a *constant* of the code object: no name enters the module or the builtins, nothing can
shadow it, and it still stands when the interpreter clears modules at exit. The tree holds a text placeholder; `link` puts the object in."""

import ast
import sys

from .link import PREFIX, SWITCH, UNBOUND

SPAN = "_mt_s"
LONGEST_KEY = 24  # characters that are shown of the key of an item


def where(node):
    """Location arguments of `node` for a new node."""
    return {"lineno": node.lineno, "col_offset": node.col_offset, "end_lineno": node.end_lineno, "end_col_offset": node.end_col_offset}


def is_jump(statement):
    """Whether nothing runs behind `statement` in its block."""
    return isinstance(statement, (ast.Return, ast.Raise, ast.Continue, ast.Break))


def aside(node):
    """A stand-in for `node` without a location: what stands there belongs to no line, so that coverage and debuggers pass over it.
    Python 3.9 has no such thing; there it is `node` itself."""
    return _NOWHERE if sys.version_info >= (3, 10) else node


class _NOWHERE:
    lineno = end_lineno = col_offset = end_col_offset = -1


def outset(node):
    """A stand-in for definition `node` that is its first line alone."""
    return ast.Pass(lineno=node.lineno, col_offset=node.col_offset, end_lineno=node.lineno, end_col_offset=node.col_offset)


def constant(key, node):
    """A placeholder for the linked object `key` (a probe's name or the number of a table entry)."""
    return ast.Constant(PREFIX + str(key), **where(node))


def call(probe, arguments, node):
    """`probe(*arguments)` located at `node`.

    The callee is `placeholder if True else None`, which every compiler folds to the constant: a bare constant as callee is a SyntaxWarning.
    """
    place = where(node)
    callee = ast.IfExp(ast.Constant(True, **place), constant(probe, node), ast.Constant(None, **place), **place)
    return ast.Call(callee, list(arguments), [], **place)


def statement(probe, arguments, node):
    """The statement `probe(*arguments)` at `node`."""
    return ast.Expr(call(probe, arguments, node), **where(node))


def load(name, node):
    """Read `name`, located at `node`."""
    return ast.Name(name, ast.Load(), **where(node))


def none(node):
    """`None`, located at `node`."""
    return ast.Constant(None, **where(node))


def assign_span(value, node):
    """`_mt_s = value`: where coroutines and generators keep their span."""
    place = where(node)
    return ast.Assign([ast.Name(SPAN, ast.Store(), **place)], value, **place)


def guarded(body, on_error, at_end, node, outset):
    """`try: body; except: on_error; raise; finally: at_end`; `at_end` may be None.

    What left a failing frame last gives its `f_lineno`, also when it is over: a number for debuggers and others that look into tracebacks.
    That is a `raise` in the line of `outset`, which has run already and so misleads no coverage.
    """
    place = where(node)
    if at_end is None or node is not _NOWHERE:
        return ast.Try(body, [_reraising([on_error], node, outset)], [], [at_end] if at_end is not None else [], **place)
    whole = ast.Try(body, [_reraising([on_error], node, node)], [], [at_end], **place)
    return ast.Try([whole], [_reraising([], node, outset)], [], [], **place)


def _reraising(statements, node, outset):
    return ast.ExceptHandler(None, None, [*statements, ast.Raise(None, None, **where(outset))], **where(node))


def asks(key, node):
    """`-placeholder`: no compiler knows what that gives, and what is linked may do anything then, such as counting."""
    place = where(node)
    linked = ast.IfExp(ast.Constant(True, **place), constant(key, node), ast.Constant(None, **place), **place)
    return ast.UnaryOp(ast.USub(), linked, **place)


def asked(number, probe, node):
    """The statement `probe` of site `number`, which may say that its number of times is enough."""
    return either(asks(SWITCH + str(number), node), [probe], [], node)


def unless_unbound(told, node):
    """The statement `told`; nothing where a name in it is unbound: what it follows may have done that."""
    place = where(node)
    return ast.Try([told], [ast.ExceptHandler(constant(UNBOUND, node), None, [ast.Pass(**place)], **place)], [], [], **place)


def unless_off(number, told, value):
    """`told if -site else value`: of the two one is evaluated, and the value is so simple that it may stand twice."""
    return ast.IfExp(asks(SWITCH + str(number), value), told, value, **where(value))


def either(test, body, other, node):
    """`if test: body; else: other`."""
    return ast.If(test, body, other, **where(node))


def target_texts(target):
    """How attributes and items among assignment targets read: `self.total`, `rows[0]`."""
    return [target_text(target)] if isinstance(target, (ast.Attribute, ast.Subscript)) else []


def target_text(target):
    """How an attribute or item that is assigned to reads: as a callee, but with its last key: `rows[0]`, `prices["tea"]`, `rows[i]`."""
    read = callee_text(target)
    if not isinstance(target, ast.Subscript):
        return read
    key = constant_key(target.slice)
    if key is not None and len(str(key)) <= LONGEST_KEY:
        return "%s%s]" % (read[:-1], key if type(key) is int else '"%s"' % key)
    return "%s%s]" % (read[:-1], target.slice.id) if isinstance(target.slice, ast.Name) else read


def constant_key(node):
    """The number or text that a key is, None for others."""
    sign = -1 if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) else 1
    value = getattr(node.operand if sign < 0 else node, "value", None)
    return sign * value if type(value) is int else value if type(value) is str and sign == 1 else None


def callee_text(node, links=8):
    """How a callee reads in a trace: `database.save`, `items[].run`, `f()()`. Only the last `links` of a long chain."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Constant):
        return type(node.value).__name__
    if isinstance(node, ast.Await):
        return callee_text(node.value, links)
    if not isinstance(node, (ast.Attribute, ast.Call, ast.Subscript)):
        return "<" + type(node).__name__.lower() + ">"
    if not links:
        return "…"
    if isinstance(node, ast.Attribute):
        return callee_text(node.value, links - 1) + "." + node.attr
    if isinstance(node, ast.Call):
        return callee_text(node.func, links - 1) + "()"
    return callee_text(node.value, links - 1) + "[]"
