"""Files whose syntax is newer than the server's own Python: LibCST parses them, slower, and says as much as a listing needs."""

from __future__ import annotations

import libcst as cst
from libcst.metadata import CodeRange, MetadataWrapper, PositionProvider

from mcp_tracer.languages.python.placement import Statement
from mcp_tracer.model.plan import FunctionInfo

Functions = list[tuple[FunctionInfo, str]]


def read(source: bytes) -> tuple[Functions, list[Statement]] | None:
    """(functions with the reason why one is skipped, module-level statements), or None where LibCST cannot parse it either."""
    try:
        wrapper = MetadataWrapper(cst.parse_module(source), unsafe_skip_copy=True)
        visitor = _Visitor()
        wrapper.visit(visitor)
    except (cst.ParserSyntaxError, cst.CSTLogicError, UnicodeDecodeError, RecursionError):  # it says "logic error" of some template strings
        return None
    return visitor.functions, visitor.statements


class _Visitor(cst.CSTVisitor):
    METADATA_DEPENDENCIES = (PositionProvider,)

    def __init__(self) -> None:
        self.functions: Functions = []
        self.statements: list[Statement] = []
        self._path: list[tuple[str, bool]] = []
        self._yields: list[bool] = []
        self._open: list[int] = []

    def _range(self, node: cst.CSTNode) -> CodeRange:
        found = self.get_metadata(PositionProvider, node)
        assert isinstance(found, CodeRange)
        return found

    def visit_Module(self, node: cst.Module) -> None:
        for index, child in enumerate(node.body):
            where = self._range(child)
            kind = "compound"
            if isinstance(child, cst.SimpleStatementLine):
                kind = _simple_kind(child.body[0], index)
                last = self._range(child.body[0] if kind in ("docstring", "future") else child.body[-1])
                where = CodeRange(where.start, last.end)
            self.statements.append(Statement(kind, (where.start.line, where.start.column), (where.end.line, where.end.column)))

    def visit_ClassDef(self, node: cst.ClassDef) -> None:
        self._path.append((node.name.value, True))

    def leave_ClassDef(self, original_node: cst.ClassDef) -> None:
        self._path.pop()

    def visit_FunctionDef(self, node: cst.FunctionDef) -> None:
        name = ".".join([part for part, _ in self._path] + [node.name.value])
        where = self._range(node)
        kind = "coroutine" if node.asynchronous else "method" if self._path and self._path[-1][1] else "function"
        info = FunctionInfo(name, self._range(node.name).start.line, where.end.line, kind, _parameters(node.params))
        self._open.append(len(self.functions))
        self.functions.append((info, "a finalizer can run at any moment" if node.name.value == "__del__" else ""))
        self._path.append((node.name.value, False))
        self._yields.append(False)

    def visit_Yield(self, node: cst.Yield) -> None:
        if self._yields:
            self._yields[-1] = True

    def leave_FunctionDef(self, original_node: cst.FunctionDef) -> None:
        self._path.pop()
        index = self._open.pop()
        if self._yields.pop():
            info, reason = self.functions[index]
            kind = "async-generator" if original_node.asynchronous else "generator"
            self.functions[index] = (FunctionInfo(info.name, info.line, info.end_line, kind, info.params), reason)


def _simple_kind(node: cst.BaseSmallStatement, index: int) -> str:
    if isinstance(node, cst.ImportFrom) and isinstance(node.module, cst.Name) and node.module.value == "__future__":
        return "future"
    is_text = isinstance(node, cst.Expr) and isinstance(node.value, (cst.SimpleString, cst.ConcatenatedString))
    return "docstring" if is_text and index == 0 else "simple"


def _parameters(params: cst.Parameters) -> tuple[str, ...]:
    names = [param.name.value for param in (*params.posonly_params, *params.params)]
    if isinstance(params.star_arg, cst.Param):
        names.append(params.star_arg.name.value)
    names += [param.name.value for param in params.kwonly_params]
    return (*names, params.star_kwarg.name.value) if params.star_kwarg else tuple(names)
