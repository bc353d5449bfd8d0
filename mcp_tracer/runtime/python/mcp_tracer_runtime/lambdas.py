"""Lambdas as spans. A lambda has no room for the probes of a function, so its code is compiled a second time from a `def` of the same name,
arguments and closure, which takes the place of the first one. Where the two do not match, the lambda keeps its own code, untraced."""

import ast
import copy
import sys

from . import inventory, nodes

_HOST = "\0mt host"
_MARK = nodes.PREFIX + "lambda "
_FUTURES = 0x1FE0000  # flags of `from __future__` imports
CodeType = type((lambda: None).__code__)


class Lambdas:
    """The lambdas of one scope: `enclose` is what makes a traced function's body; `twins` collects those of the whole file."""

    def __init__(self, twins, enclose, prefix, class_name):
        self.twins, self.enclose, self.prefix, self.class_name = twins, enclose, prefix, class_name

    def rewritten(self, node):
        """`node`, marked with the number of its twin if it is to be traced."""
        entry = inventory.describe(node, self.prefix, False)
        plain = copy.deepcopy(node.body)
        given = ast.Return(node.body, **nodes.where(node.body))
        body = self.enclose(entry, [given])
        if body is None:  # what it holds may be traced, itself it is not
            node.body = given.value
            return node
        arguments = copy.copy(node.args)
        arguments.defaults, arguments.kw_defaults = [], [None] * len(node.args.kwonlyargs)
        self.twins.append((self.class_name, _function(inventory.LAMBDA, arguments, body, node)))
        mark = nodes.constant("lambda %d" % (len(self.twins) - 1), plain)
        pair = ast.List([mark, plain], ast.Load(), **nodes.where(plain))  # no compiler folds the choice from a list
        node.body = ast.Subscript(pair, ast.Constant(1, **nodes.where(plain)), ast.Load(), **nodes.where(plain))
        return node


def _function(name, arguments, body, node):
    more = {"type_params": []} if sys.version_info >= (3, 12) else {}
    return ast.FunctionDef(name=name, args=arguments, body=body, decorator_list=[], returns=None, **more, **nodes.where(node))


def graft(code, twins, filename):
    """`code` and all code inside with the twin of each marked lambda in its place."""
    constants, changed = [], False
    for constant in code.co_consts:
        new = constant
        if type(constant) is CodeType:
            new = _replaced(constant, twins, filename) if constant.co_name == inventory.LAMBDA else constant
            new = graft(new, twins, filename)
        elif type(constant) is str and constant.startswith(_MARK):
            new = None  # a lambda that kept its code
        changed = changed or new is not constant
        constants.append(new)
    return code.replace(co_consts=tuple(constants)) if changed else code


def _replaced(code, twins, filename):
    """The twin of lambda `code`, or `code` where it has none that fits."""
    mark = next((item for item in code.co_consts if type(item) is str and item.startswith(_MARK)), None)
    if mark is None:
        return code
    class_name, function = twins[int(mark[len(_MARK) :])]
    twin = _compiled(class_name, function, code, filename)
    if twin is None or twin.co_freevars != code.co_freevars or _signature(twin) != _signature(code):
        return code
    path = twin_path(class_name)
    return _renamed(twin.replace(co_flags=code.co_flags), path, getattr(code, "co_qualname", inventory.LAMBDA))


def _signature(code):
    count = code.co_argcount + code.co_kwonlyargcount + bool(code.co_flags & 4) + bool(code.co_flags & 8)
    return code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_varnames[:count], code.co_flags & 0x2AC


def _compiled(class_name, function, code, filename):
    """The code of `function`, compiled where it has the free variables of `code` and names of class `class_name` are mangled."""
    place = nodes.where(function)
    body = [function]
    if class_name is not None:
        more = {"type_params": []} if sys.version_info >= (3, 12) else {}
        body = [ast.ClassDef(name=class_name, bases=[], keywords=[], body=body, decorator_list=[], **more, **place)]
    names = [ast.arg(name, None, **place) for name in code.co_freevars]
    module = ast.Module([_function(_HOST, ast.arguments([], names, None, [], [], None, []), body, function)], [])
    made = compile(module, filename, "exec", flags=code.co_flags & _FUTURES, dont_inherit=True)
    for name in [_HOST, *([class_name] if class_name is not None else []), inventory.LAMBDA]:
        made = next((item for item in made.co_consts if type(item) is CodeType and item.co_name == name), None)
        if made is None:
            return None
    return made


def twin_path(class_name):
    """The qualified name that a twin is compiled under."""
    return ".<locals>.".join([_HOST, "" if class_name is None else class_name + "."]) + inventory.LAMBDA


def _renamed(code, old, new):
    """`code` and all code inside under the qualified name `new` instead of `old`."""
    changes = {}
    if hasattr(code, "co_qualname"):
        changes["co_qualname"] = code.co_qualname.replace(old, new, 1)
    constants = []
    for constant in code.co_consts:
        if type(constant) is CodeType:
            constant = _renamed(constant, old, new)
        elif type(constant) is str and constant.startswith(old):  # before Python 3.11
            constant = constant.replace(old, new, 1)
        constants.append(constant)
    return code.replace(co_consts=tuple(constants), **changes)
