"""Where the header goes: one place on an existing line, as early as the file allows, never shifting a line."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from mcp_tracer.languages.python.text import SourceText

_COMPOUND = (
    *(ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.If, ast.For, ast.AsyncFor),
    *(ast.While, ast.With, ast.AsyncWith, ast.Try, ast.Match),
)
_PLAIN_TESTS = (ast.Compare, ast.BoolOp, ast.Call, ast.Name, ast.Attribute, ast.Constant, ast.UnaryOp)


@dataclass(frozen=True, slots=True)
class Statement:
    """A module-level statement: what it is (`docstring`, `future`, `simple`, `compound`) and where, as (line, UTF-8 column).

    `test` is where a compound statement evaluates an expression first and once: `exec(…)or ` fits in front of it.
    """

    kind: str
    start: tuple[int, int]
    end: tuple[int, int]
    test: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Byte offset for the header and the letter of how it joins the line (see the runtime's `header`)."""

    at: int
    join: str


def statements(tree: ast.Module) -> list[Statement]:
    """The module-level statements of a tree."""
    return [_statement(node, index) for index, node in enumerate(tree.body)]


def _statement(node: ast.stmt, index: int) -> Statement:
    start = (node.lineno, node.col_offset)
    for decorator in getattr(node, "decorator_list", []):
        start = min(start, (decorator.lineno, 0))
    end = (node.end_lineno or node.lineno, node.end_col_offset or 0)
    if isinstance(node, ast.Try) and isinstance(node.body[0], ast.Expr):  # the header raises nothing that its handlers could catch
        return Statement("simple", (node.body[0].lineno, node.body[0].col_offset), end)
    if isinstance(node, _COMPOUND) or type(node).__name__ == "TryStar":
        first = _first_expression(node)
        return Statement("compound", start, end, (first.lineno, first.col_offset) if isinstance(first, _PLAIN_TESTS) else None)
    if isinstance(node, ast.ImportFrom) and node.module == "__future__" and node.level == 0:
        return Statement("future", start, end)
    is_text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    return Statement("docstring" if is_text and index == 0 else "simple", start, end)


def _first_expression(node: ast.stmt) -> ast.expr | None:
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return node.decorator_list[0] if node.decorator_list else None
    if isinstance(node, ast.If):
        return node.test
    if isinstance(node, ast.For):
        return node.iter
    return node.items[0].context_expr if isinstance(node, ast.With) else None


def find(body: list[Statement], text: SourceText) -> Place:
    """The earliest place for the header. `body` is not empty."""
    head = 0
    while head < len(body) and (body[head].kind == "future" or (head == 0 and body[head].kind == "docstring")):
        head += 1
    if head:
        return Place(text.at(*body[head - 1].end), "a")
    previous_end = 0
    for statement in body:
        place = _blank_line(previous_end + 1, statement.start[0] - 1, text) or _before(statement, text)
        if place is not None:
            return place
        previous_end = statement.end[0]
    return _blank_line(previous_end + 1, text.line_count, text) or Place(len(text.source), "e")


def _blank_line(first: int, last: int, text: SourceText) -> Place | None:
    """A blank line between two statements, which one may write on."""
    for number in range(max(first, text.reserved_lines + 1), last + 1):
        line = text.line(number)
        continued = number > 1 and text.line(number - 1).rstrip("\r\n").endswith("\\")
        unfinished = number == text.line_count and line != ""
        if not line.strip() and not continued and not unfinished:
            return Place(text.at(number), "l")
    return None


def _before(statement: Statement, text: SourceText) -> Place | None:
    if statement.kind == "simple":
        return Place(text.at(*statement.start), "b")
    if statement.test is not None:
        return Place(text.at(*statement.test), "i")
    return None
