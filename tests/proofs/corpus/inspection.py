"""What one Python (3.9 or newer) says about a file and its instrumented forms. Standard library only: runs as a child under any of them.

As a program it reads the pickled arguments of `inspect` from stdin and answers with what it returns, pickled.
"""

from __future__ import annotations

import ast
import pickle
import struct
import sys
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3] / "mcp_tracer" / "runtime" / "python"))

from mcp_tracer_runtime import faults, inventory, link, making, onload

_CELL = (lambda cell: lambda: cell)(0).__closure__[0]
faults.say_once = str  # what it says is looked at here
PASSING = ("call",)
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


class Found(Exception):
    """Something that must not be: `kind` is the class of violation, the rest says what was seen."""

    def __init__(self, kind, detail):
        super().__init__(kind, detail)
        self.kind, self.detail = kind, detail


def inspect(source, written, levels):
    """(why this Python does not parse `source` or '', [(class of violation, what was seen), …], notes).

    `written`: {(style, level): bytes}; `levels`: those that the runtime's own transformation is tried at.
    """
    found, notes = [], []
    original = _Compiled(source)
    if original.unparsable:
        return original.unparsable, found, notes
    for (style, level), text in written.items():
        try:
            (_header if style == "header" else _explicit)(original, _Compiled(text))
        except Found as seen:
            found.append((seen.kind, f"{style}, level {level}: {seen.detail}"))
    for level in levels if original.code is not None else ():
        try:
            notes += _transformed(original, level)
        except Found as seen:
            found.append((seen.kind, f"transformation at level {level}: {seen.detail}"))
    return "", found, notes


class _Compiled:
    """Tree, code and warnings of a text; `unparsable` or `refused` say why there is none."""

    def __init__(self, source):
        self.source, self.tree, self.code, self.unparsable, self.refused = source, None, None, "", ""
        with warnings.catch_warnings(record=True) as heard:
            warnings.simplefilter("always")
            try:
                self.tree = ast.parse(source, "a.py")
            except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
                self.unparsable = _said(error)
            else:
                self._compile()
        self.warnings = sorted((str(one.message), one.lineno) for one in heard)

    def _compile(self):
        try:
            self.code = compile(self.tree, "a.py", "exec", dont_inherit=True)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            self.refused = _said(error)


def _said(error):
    where = f" (line {error.lineno})" if isinstance(error, SyntaxError) else ""
    return f"{type(error).__name__}: {str(error).split(' (')[0]}{where}"


def _sound(original, new):
    """What holds in both styles: `new` parses, compiles or not as before, and warns no more than before."""
    if new.unparsable:
        raise Found("does not parse", new.unparsable)
    if new.refused != original.refused:
        raise Found("does not compile", f"{new.refused or 'nothing'}; without us: {original.refused or 'nothing'}")
    extra = [warning for warning in new.warnings if warning not in original.warnings]
    if extra:
        raise Found("new warning", "{} (line {})".format(*extra[0]))


def _header(original, new):
    _sound(original, new)
    if ast.get_docstring(original.tree, False) != ast.get_docstring(new.tree, False):
        raise Found("docstring lost", "of the module")
    if original.code is not None:
        if original.code.co_flags != new.code.co_flags:
            raise Found("future import lost", f"{new.code.co_flags:x}, was {original.code.co_flags:x}")
        _same_inside(original.code, new.code)


def _same_inside(old, new):
    """All code inside a module is what it was, but for columns on the header's line."""
    ours, theirs = _inner(old), _inner(new)
    if len(ours) != len(theirs):
        raise Found("code changed", f"{len(theirs)} code objects, were {len(ours)}")
    for one, other in zip(ours, theirs):  # noqa: B905 - `strict` needs Python 3.10
        if one != other:
            if _facts(one) != _facts(other):
                raise Found("code changed", f"{one.co_name}, line {one.co_firstlineno}")
            _same_inside(one, other)


def _facts(code):
    constants = [constant for constant in code.co_consts if type(constant) is not link.CodeType]
    return (code.co_code, code.co_name, repr(constants), code.co_names, code.co_varnames, code.co_freevars, code.co_flags, _lines(code))


def _inner(code):
    return [constant for constant in code.co_consts if type(constant) is link.CodeType]


def _lines(code):
    if not hasattr(code, "co_lines"):
        return code.co_firstlineno, code.co_lnotab
    return code.co_firstlineno, [line for _, _, line in code.co_lines()]


def _explicit(original, new):
    _sound(original, new)
    if _documented(original.tree) != _documented(new.tree):
        raise Found("docstring lost", "of a function")
    _same_trees(original.tree, _without_probes(new.tree))


def _documented(tree):
    return [(node.name, inventory.has_docstring(node.body)) for node in ast.walk(tree) if isinstance(node, (*_FUNCTIONS, ast.ClassDef))]


def _same_trees(old, new):
    """The trees are equal, lines included: probes are all that was added."""
    olds, news = [old], [new]
    while olds:
        one, other = olds.pop(), news.pop()
        if one is None and other is None:
            continue
        if type(one) is not type(other) or getattr(one, "lineno", 0) != getattr(other, "lineno", 0):
            line = getattr(one, "lineno", getattr(other, "lineno", 0))
            raise Found("meaning changed", f"line {line}: {type(one).__name__} became {type(other).__name__}")
        for name in one._fields:
            value, twin = getattr(one, name, None), getattr(other, name, None)
            if isinstance(value, ast.AST):
                olds.append(value)
                news.append(twin)
            elif _holds_nodes(value) and isinstance(twin, list) and len(value) == len(twin):
                olds += value
                news += twin
            elif isinstance(value, (list, str, int)) and value != twin:
                raise Found("meaning changed", f"line {getattr(one, 'lineno', '?')}: {type(one).__name__}.{name}")


def _holds_nodes(value):
    return isinstance(value, list) and any(isinstance(item, ast.AST) for item in value)


def _without_probes(tree):
    """`tree` with all visible probes taken out of it as nodes: another way than the one that takes them out of the text."""
    pending = [tree]
    while pending:
        node = pending.pop()
        for name, value in list(ast.iter_fields(node)):
            if isinstance(value, list):
                value[:] = [_bare(item) for item in value if not _is_statement(item)]
                pending += [item for item in value if isinstance(item, ast.AST)]
            elif isinstance(value, ast.AST):
                bare = _bare(value)
                setattr(node, name, bare)
                pending.append(bare)
    return tree


def _is_silent(node):
    """Whether all of an expression is ours: the header, or a probe that passes no value on."""
    return _is_start(node) or (_is_probe(node) and node.func.attr not in PASSING)


def _is_statement(node):
    return isinstance(node, ast.Expr) and _is_silent(node.value)


def _is_probe(node):
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "_mt"
    )


def _is_start(node):
    """Whether `node` is the header: `exec("#mcp-tracer…", {})`."""
    named = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "exec" and len(node.args) == 2
    return named and isinstance(node.args[0], ast.Constant) and str(node.args[0].value).startswith("#mcp-tracer")


def _bare(node):
    while True:
        if isinstance(node, ast.BoolOp) and isinstance(node.op, ast.Or) and _is_silent(node.values[0]):
            del node.values[0]
            node = node.values[0] if len(node.values) == 1 else node
        elif _is_probe(node):
            passed = [argument for argument in node.args if not _is_own(argument)]
            if len(passed) != 1:
                raise Found("unknown probe", ast.dump(node)[:200])
            node = passed[0]
        else:
            return node


def _is_own(node):
    return isinstance(node, ast.Constant) or (isinstance(node, ast.Name) and node.id == "_mt")


def _transformed(original, level):
    """What the runtime makes of it compiles, and leaves what programs can see: docstrings, signatures, lines. Returns what it says."""
    try:
        code, _, note = making.made(lambda: ast.parse(original.source, "a.py"), "a.py", level, {})
    except Exception as error:
        raise Found("transformation fails", _said(error)) from None
    if not onload._alike(original.code, code):
        raise Found("transformation differs", "not the same functions")
    _same_outside(original.code, code)
    return ["less traced: " + note.rpartition(": ")[2].split(" (")[0]] if note else []


def _same_outside(old, new):
    if _docstring(old) != _docstring(new):
        raise Found("docstring lost", f"of {old.co_name}, line {old.co_firstlineno}")
    before, after = _line_set(old), _line_set(new)
    if not before <= after:
        raise Found("line lost", f"{old.co_name} has no code on line {min(before - after)} any more")
    for _, one, other in link.pairs(old, new):
        _same_outside(one, other)


def _docstring(code):
    """The docstring of a function's code, as a function made of it would have it; None for other code."""
    is_function = code.co_flags & 0x2 and not code.co_name.startswith("<")
    return type(lambda: 0)(code, {}, closure=tuple(_CELL for _ in code.co_freevars)).__doc__ if is_function else None


def _line_set(code):
    """Lines that `code` says it runs; none before Python 3.10, which gives a function's end the line of a `pass` in front of it."""
    return {line for _, _, line in code.co_lines() if line} if hasattr(code, "co_lines") else set()


def _serve(incoming, outgoing):
    while True:
        size = incoming.read(8)
        if not size:
            return
        answer = pickle.dumps(inspect(*pickle.loads(incoming.read(*struct.unpack("<Q", size)))), 4)
        outgoing.write(struct.pack("<Q", len(answer)) + answer)
        outgoing.flush()


if __name__ == "__main__":
    _serve(sys.stdin.buffer, sys.stdout.buffer)
