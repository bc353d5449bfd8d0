"""Where visible probes go: in front of a function's first statement, around its calls, beside its assignments and lines, always on lines
that are there."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from mcp_tracer.languages.python.text import SourceText
from mcp_tracer.model.errors import UserError
from mcp_tracer.model.plan import Insertion
from mcp_tracer.runtime.python.mcp_tracer_runtime import explicit, inventory

CALLS, VALUES, LINES = 3, 4, 5  # the levels from which each is shown
_ENDS, _BEHIND, _ENTER, _VALUE, _LINE, _CALL = range(6)  # order of marks at one offset
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_TRIES: tuple[type[ast.stmt], ...] = (ast.Try, *(kind for kind in ast.stmt.__subclasses__() if kind.__name__ == "TryStar"))
_COMPOUND = (ast.If, ast.While, ast.For, ast.AsyncFor, ast.With, ast.AsyncWith, ast.Match, ast.ClassDef, *_TRIES, *_FUNCTIONS)
_PLAIN = (ast.Compare, ast.BoolOp, ast.Call, ast.Name, ast.Attribute, ast.Constant, ast.UnaryOp, ast.Subscript, ast.BinOp)
_LEFT_ALONE = frozenset((ast.JoinedStr, ast.Lambda, ast.ClassDef, *_FUNCTIONS))
_BRACKETS = 180  # of the 200 that may be open at a time; redundant ones have the rest
_BRACKETED = frozenset(
    (ast.Call, ast.Subscript, ast.List, ast.Tuple, ast.Dict, ast.Set, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
)
_LEAVES = frozenset((ast.Name, ast.Constant, ast.Load, ast.Store, ast.Del, ast.Pass, ast.Global, ast.Nonlocal))
_TAKEN = re.compile(rb"(?<!\w)_mt(?!\w)")
_OWN_FRAME = frozenset(("super", "locals", "vars", "dir", "globals"))
_NO_PLACE = "it starts with a statement that takes no visible probe: take the style 'header'"
Mark = tuple[int, int, str]


def check(source: bytes, path: str) -> None:
    """Raise UserError where the text has a use of its own for our name."""
    if _TAKEN.search(source):
        raise UserError(f"{path} uses the name _mt itself: take the style 'header'.", "name_taken")


def check_place(text: SourceText, path: str, at: int) -> None:
    """Raise UserError where something could call a function before the header at `at` has run."""
    for node in _tree(text, path).body:
        if text.at(node.lineno, node.col_offset) >= at:
            return
        harmless = isinstance(node, (ast.Import, ast.ImportFrom)) or (isinstance(node, _FUNCTIONS) and not node.decorator_list)
        if not harmless and not inventory.has_docstring([node]):
            hint = "add a blank line above it, or take the style 'header'"
            raise UserError(f"{path} has no line for the header before line {node.lineno}: {hint}.", "no_place")


def _tree(text: SourceText, path: str) -> ast.Module:
    try:
        return text.tree
    except SyntaxError as error:
        raise UserError(f"{path} is newer than the Python that runs this ({error.msg}): take the style 'header'.", "too_new") from None


def probes(text: SourceText, levels: Mapping[str, int], header_at: int) -> tuple[list[Insertion], dict[str, str]]:
    """(insertions, {function: why it gets none}) for the functions that have a level. The header stands at `header_at`."""
    marks: list[Mark] = []
    placed: set[str] = set()
    without: dict[str, str] = {}
    if levels.get(inventory.MODULE, 0) > 0:
        marks += _of_module(levels[inventory.MODULE], text, header_at)
        if not marks:
            without[inventory.MODULE] = _NO_PLACE
    for entry in text.entries:
        level = 0 if entry.skipped else levels.get(entry.name, 0)
        if level <= 0:
            continue
        found = _of_function(entry, level, text)
        if not found:
            without[entry.name] = _NO_PLACE
            continue
        placed.add(entry.name)
        marks += found
    marks.sort(key=lambda mark: mark[:2])
    encoding = text.byte_encoding
    insertions = [Insertion(at, written.encode(encoding)) for at, _, written in marks]
    return insertions, {name: reason for name, reason in without.items() if name not in placed}


def _of_module(level: int, text: SourceText, header_at: int) -> list[Mark]:
    """The mark of the file's own body, at the first statement behind the header that takes one."""
    for statement in text.tree.body:
        if text.at(statement.lineno, statement.col_offset) >= header_at:
            mark = _before(statement, explicit.enter(inventory.MODULE, level), _ENTER, text)
            if mark is not None and mark[0] >= header_at:
                return [mark]
    return []


def _of_function(entry: inventory.Entry, level: int, text: SourceText) -> list[Mark]:
    """All marks of one function; none where it has no place for the first."""
    node = entry.node
    if isinstance(node, ast.Lambda):
        entrance = _before_expression(node.body, explicit.enter(entry.name, level), _ENTER, text)
        body: Sequence[ast.stmt | ast.expr] = [node.body]
    else:
        entrance, body = _entrance(node, explicit.enter(entry.name, level), text), node.body
    if entrance is None:
        return []
    marks = [entrance]
    if level >= CALLS:
        marks += _around_calls(body, text)
    if level >= VALUES and not isinstance(node, ast.Lambda):
        split = 1 if inventory.has_docstring(node.body) else 0
        marks += _in_statements(node.body[split:], level, text)
    return marks


def _entrance(node: ast.FunctionDef | ast.AsyncFunctionDef, probe: str, text: SourceText) -> Mark | None:
    """In front of the first statement, or behind the docstring."""
    has_docstring = inventory.has_docstring(node.body)
    mark = _before(node.body[1 if has_docstring else 0], probe, _ENTER, text)
    return _behind(node.body[0], probe, text) if mark is None and has_docstring else mark


def _behind(statement: ast.stmt, probe: str, text: SourceText) -> Mark:
    return text.at(statement.end_lineno or statement.lineno, statement.end_col_offset or 0), _BEHIND, ";" + probe


def _before(statement: ast.stmt, probe: str, order: int, text: SourceText) -> Mark | None:
    """In front of `statement`, or in its first expression; for a `try`, in what it tries."""
    if isinstance(statement, _TRIES):
        return _before(statement.__dict__["body"][0], probe, order, text)
    if not isinstance(statement, _COMPOUND):
        return text.at(statement.lineno, statement.col_offset), order, probe + ";"
    first = _first_expression(statement)
    if first is None:
        return None
    mark = _before_expression(first, probe, order, text)
    return None if mark is None or _is_bracketed(statement, text.source, mark[0]) else mark


def _before_expression(first: ast.expr, probe: str, order: int, text: SourceText) -> Mark | None:
    at = text.at(first.lineno, first.col_offset)
    return (at, order, probe + "or ") if isinstance(first, _PLAIN) and not _is_glued(text.source, at) else None


def _first_expression(statement: ast.stmt) -> ast.expr | None:
    if isinstance(statement, (ast.If, ast.While)):
        return statement.test
    if isinstance(statement, (ast.For, ast.AsyncFor)):
        return statement.iter
    return statement.items[0].context_expr if isinstance(statement, (ast.With, ast.AsyncWith)) else None


def _is_glued(source: bytes, at: int) -> bool:
    """Whether the text before `at` would grow together with a name put there: `return(f)()`."""
    return at > 0 and (source[at - 1 : at].isalnum() or source[at - 1] >= 0x80 or source[at - 1 : at] in (b"_", b'"', b"'"))


def _is_bracketed(statement: ast.stmt, source: bytes, at: int) -> bool:
    """Whether the bracket before `at` could belong to the `with` statement itself, where `or` would not reach the whole."""
    return isinstance(statement, (ast.With, ast.AsyncWith)) and source[max(0, at - 1000) : at].rstrip().endswith(b"(")


def _around_calls(body: Iterable[ast.stmt | ast.expr], text: SourceText) -> Iterator[Mark]:
    for call in _shallow(_calls(body)):
        start = text.at(call.lineno, call.col_offset)
        if not _is_glued(text.source, start):
            yield start, _CALL, "_mt.call("
            yield text.at(call.end_lineno or call.lineno, call.end_col_offset or 0), _ENDS, ",_mt)"


def _shallow(calls: Iterator[tuple[ast.Call, int]]) -> list[ast.Call]:
    """Those around which there is room: a tokenizer takes 200 open brackets, theirs and ours."""
    found = list(calls)
    room = _BRACKETS - max((depth for _, depth in found), default=0)
    return [call for call, depth in found if depth < room]


def _calls(body: Iterable[ast.AST]) -> Iterator[tuple[ast.Call, int]]:
    """Calls that run in the function's own scope, outer ones first, with how many brackets of other expressions may be open around each;
    never in annotations, patterns, f-strings."""
    pending = [(node, 0) for node in body if type(node) not in _LEFT_ALONE]
    pending.reverse()
    while pending:
        node, depth = pending.pop()
        kind = type(node)
        if kind in _LEAVES:
            continue
        if isinstance(node, ast.Call) and not (isinstance(node.func, ast.Name) and node.func.id in _OWN_FRAME):
            yield node, depth
        if isinstance(node, ast.AnnAssign):
            children: list[ast.AST] = [node.value] if node.value is not None else []
        elif isinstance(node, ast.match_case):
            children = [*([node.guard] if node.guard is not None else []), *node.body]
        else:
            children = list(ast.iter_child_nodes(node))
        depth += kind in _BRACKETED
        pending += [(child, depth) for child in reversed(children) if type(child) not in _LEFT_ALONE]


def _in_statements(body: Sequence[ast.stmt], level: int, text: SourceText) -> Iterator[Mark]:
    """Checkpoints behind what assigns names, at level 5 also a probe for each line; blocks included, other functions not."""
    pending: list[tuple[Sequence[ast.stmt], list[str]]] = [(body, [])]
    while pending:
        statements, bound = pending.pop()
        if bound and not isinstance(statements[0], _COMPOUND):
            yield text.at(statements[0].lineno, statements[0].col_offset), _VALUE, explicit.values(bound, level) + ";"
        for statement in statements:
            if level >= LINES and not isinstance(statement, (*_TRIES, ast.Global, ast.Nonlocal)):
                mark = _before(statement, explicit.line(statement.lineno), _LINE, text)
                if mark is not None:
                    yield mark
            if names := _assigned(statement):
                yield _behind(statement, explicit.values(names, level), text)
            if not isinstance(statement, (*_FUNCTIONS, ast.ClassDef)):
                pending += _blocks(statement)


def _assigned(statement: ast.stmt) -> list[str]:
    targets: Sequence[ast.expr] = ()
    if isinstance(statement, ast.Assign):
        targets = statement.targets
    elif isinstance(statement, (ast.AugAssign, ast.AnnAssign)) and statement.value is not None:
        targets = [statement.target]
    return list(dict.fromkeys(name for target in targets for name in inventory.target_names(target)))


def _blocks(statement: ast.stmt) -> Iterator[tuple[Sequence[ast.stmt], list[str]]]:
    """The blocks inside a statement, each with the names that are bound when it begins."""
    bound: list[str] = []
    if isinstance(statement, (ast.For, ast.AsyncFor)):
        bound = inventory.target_names(statement.target)
    elif isinstance(statement, (ast.With, ast.AsyncWith)):
        bound = [name for item in statement.items if item.optional_vars is not None for name in inventory.target_names(item.optional_vars)]
    for field in ("body", "orelse", "finalbody"):
        block = getattr(statement, field, None)
        if block:
            yield block, list(dict.fromkeys(bound)) if field == "body" else []
    for handler in getattr(statement, "handlers", ()):
        yield handler.body, [handler.name] if handler.name else []
    for case in getattr(statement, "cases", ()):
        yield case.body, list(dict.fromkeys(inventory.pattern_names(case.pattern)))
