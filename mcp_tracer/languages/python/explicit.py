"""Where visible probes go: in front of a function's first statement and around its calls, always on lines that are there."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping

from mcp_tracer.languages.python.text import SourceText
from mcp_tracer.model.errors import UserError
from mcp_tracer.model.plan import Insertion
from mcp_tracer.runtime.python.mcp_tracer_runtime import explicit, inventory

HIGHEST = 3
Function = ast.FunctionDef | ast.AsyncFunctionDef
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_COMPOUND = (ast.If, ast.While, ast.For, ast.AsyncFor, ast.With, ast.AsyncWith, ast.Try, ast.Match, ast.ClassDef, *_FUNCTIONS)
_PLAIN = (ast.Compare, ast.BoolOp, ast.Call, ast.Name, ast.Attribute, ast.Constant, ast.UnaryOp, ast.Subscript, ast.BinOp)
_LEFT_ALONE = (ast.JoinedStr, ast.Lambda, ast.ClassDef, *_FUNCTIONS)
_TAKEN = re.compile(rb"(?<!\w)_mt(?!\w)")
_OWN_FRAME = frozenset(("super", "locals", "vars", "dir", "globals"))


def check(source: bytes, path: str) -> None:
    """Raise UserError where the text has a use of its own for our name."""
    if _TAKEN.search(source):
        raise UserError(f"{path} uses the name _mt itself: take the style 'header'.", "name_taken")


def probes(text: SourceText, path: str, levels: Mapping[str, int]) -> tuple[list[Insertion], dict[str, str]]:
    """(insertions, {function: why it gets none}) for the functions that have a level. Raises UserError for a level above 3."""
    if any(level > HIGHEST for level in levels.values()):
        raise UserError(f"the style 'explicit' knows the levels 1 to {HIGHEST}: take the style 'header' for more.", "level")
    _tree(text, path)
    marks: list[tuple[int, int, str]] = []
    without: dict[str, str] = {}
    for entry in text.entries:
        level = 0 if entry.skipped else levels.get(entry.name, 0)
        if level <= 0:
            continue
        mark = _entrance(entry, level, text)
        if mark is None:
            without[entry.name] = "its body starts with a statement that takes no visible probe: take the style 'header'"
            continue
        marks.append(mark)
        if level >= HIGHEST:
            marks += _around_calls(entry.node, text)
    # At one offset: what ends there comes before what begins there, and outer ones before inner ones, which is the order they were made in.
    marks.sort(key=lambda mark: mark[:2])
    return [Insertion(at, written.encode("ascii")) for at, _, written in marks], without


def check_place(text: SourceText, path: str, at: int) -> None:
    """Raise UserError where something could call a function before the header at `at` has run."""
    for node in _tree(text, path).body:
        harmless = isinstance(node, (ast.Import, ast.ImportFrom)) or (isinstance(node, _FUNCTIONS) and not node.decorator_list)
        if text.at(node.lineno, node.col_offset) < at and not harmless and not inventory.has_docstring([node]):
            hint = "add a blank line above it, or take the style 'header'"
            raise UserError(f"{path} has no line for the header before line {node.lineno}: {hint}.", "no_place")


def _tree(text: SourceText, path: str) -> ast.Module:
    try:
        return text.tree
    except SyntaxError as error:
        raise UserError(f"{path} is newer than the Python that runs this ({error.msg}): take the style 'header'.", "too_new") from None


def _entrance(entry: inventory.Entry, level: int, text: SourceText) -> tuple[int, int, str] | None:
    body = entry.node.body[1:] if inventory.has_docstring(entry.node.body) else entry.node.body
    return _before(body[0], explicit.enter(entry.name, level), text)


def _before(statement: ast.stmt, probe: str, text: SourceText) -> tuple[int, int, str] | None:
    if isinstance(statement, ast.Try) or type(statement).__name__ == "TryStar":
        return _before(statement.__dict__["body"][0], probe, text)
    if not isinstance(statement, _COMPOUND):
        return text.at(statement.lineno, statement.col_offset), 1, probe + ";"
    first = _first_expression(statement)
    if not isinstance(first, _PLAIN) or isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return None
    at = text.at(first.lineno, first.col_offset)
    return None if _is_glued(text.source, at) or _is_bracketed(statement, text.source, at) else (at, 1, probe + "or ")


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
    return isinstance(statement, (ast.With, ast.AsyncWith)) and source[:at].rstrip().endswith(b"(")


def _around_calls(function: Function, text: SourceText) -> Iterator[tuple[int, int, str]]:
    for statement in function.body:
        if isinstance(statement, (*_FUNCTIONS, ast.ClassDef)):
            continue
        for call in _calls(statement):
            start = text.at(call.lineno, call.col_offset)
            if not _is_glued(text.source, start):
                yield start, 2, "_mt.call("
                yield text.at(call.end_lineno or call.lineno, call.end_col_offset or 0), 0, ",_mt)"


def _calls(node: ast.AST) -> Iterator[ast.Call]:
    """Calls that run in the function's own scope, outer ones first; never in annotations, patterns, f-strings."""
    if isinstance(node, ast.Call) and not (isinstance(node.func, ast.Name) and node.func.id in _OWN_FRAME):
        yield node
    for child in _children(node):
        if not isinstance(child, _LEFT_ALONE) and type(child).__name__ not in ("TemplateStr", "TypeAlias"):
            yield from _calls(child)


def _children(node: ast.AST) -> Iterable[ast.AST]:
    if isinstance(node, ast.AnnAssign):
        return [node.value] if node.value is not None else []
    if isinstance(node, ast.match_case):
        return [*([node.guard] if node.guard is not None else []), *node.body]
    return ast.iter_child_nodes(node)
