"""Which functions a file has, what kind each is, and which are left alone. Used inside traced programs and by the server alike."""

from __future__ import annotations

import ast

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_COMPILED_ELSEWHERE = frozenset(
    [
        "jit",
        "njit",
        "vectorize",
        "guvectorize",
        "stencil",
        "cfunc",
        "numba.jit",
        "numba.njit",
        "numba.vectorize",
        "nb.jit",
        "nb.njit",
        "nb.vectorize",
        "cuda.jit",
        "numba.cuda.jit",
        "torch.jit.script",
        "jit.script",
        "triton.jit",
        "ti.kernel",
        "ti.func",
        "taichi.kernel",
    ]
)


class Entry:
    """One function: qualified `name`, `node`, `kind`, `params` (order of section P) and, where it is left alone, `skipped` with the
    reason."""

    __slots__ = ("kind", "name", "node", "params", "skipped")

    def __init__(self, name: str, node: ast.FunctionDef | ast.AsyncFunctionDef, kind: str, params: list[str], skipped: str) -> None:
        self.name, self.node, self.kind, self.params, self.skipped = name, node, kind, params, skipped


def functions(tree: ast.AST, yield_lines: list[int] | None = None) -> list[Entry]:
    """Every `def` of a module tree in source order, nested ones too.

    `yield_lines` are the numbers of all lines that hold the word `yield`, where the caller has the text: it spares most of the walking.
    """
    found: list[Entry] = []
    _collect(tree, "", False, found, yield_lines)
    return found


def _collect(node: ast.AST, prefix: str, in_class: bool, found: list[Entry], yield_lines: list[int] | None) -> None:
    for block in _BLOCKS.get(type(node), ()):
        for child in getattr(node, block):
            if isinstance(child, _FUNCTIONS):
                entry = describe(child, prefix, in_class, yield_lines)
                found.append(entry)
                _collect(child, entry.name + ".", False, found, yield_lines)
            elif isinstance(child, ast.ClassDef):
                _collect(child, prefix + child.name + ".", True, found, yield_lines)
            elif type(child) in _BLOCKS:
                _collect(child, prefix, in_class, found, yield_lines)


def _blocks() -> dict[type, tuple[str, ...]]:
    """The fields that hold statements, of every kind of node that has such; in source order."""
    kinds = [ast.Module, ast.ExceptHandler, *ast.stmt.__subclasses__()]
    kinds += [ast.match_case] if hasattr(ast, "match_case") else []
    holding = ("body", "handlers", "orelse", "finalbody", "cases")
    found = {kind: tuple(name for name in kind._fields if name in holding) for kind in kinds}
    return {kind: names for kind, names in found.items() if names}


_BLOCKS = _blocks()


def describe(node: ast.FunctionDef | ast.AsyncFunctionDef, prefix: str, in_class: bool, yield_lines: list[int] | None = None) -> Entry:
    """The Entry of one `def`; `prefix` is the qualified name around it with its dot, or ''. `yield_lines`: see `functions`."""
    yields = _may_yield(node, yield_lines) and _yields(node)
    if isinstance(node, ast.AsyncFunctionDef):
        kind = "async-generator" if yields else "coroutine"
    else:
        kind = "generator" if yields else "method" if in_class else "function"
    return Entry(prefix + node.name, node, kind, parameters(node.args), _reason(node))


def _may_yield(node: ast.FunctionDef | ast.AsyncFunctionDef, yield_lines: list[int] | None) -> bool:
    return yield_lines is None or any(node.lineno <= line <= (node.end_lineno or line) for line in yield_lines)


def parameters(args: ast.arguments) -> list[str]:
    """Parameter names as section P lists them: positional, keyword-only, *args, **kwargs as they stand in the signature."""
    names = [arg.arg for arg in args.posonlyargs + args.args]
    names += [args.vararg.arg] if args.vararg else []
    names += [arg.arg for arg in args.kwonlyargs]
    return names + ([args.kwarg.arg] if args.kwarg else [])


def own_nodes(node: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[ast.AST]:
    """The nodes that run in the scope of function `node` itself, without those of nested scopes."""
    pending: list[ast.AST] = list(node.body)
    while pending:
        current = pending.pop()
        yield current
        if isinstance(current, _FUNCTIONS):
            pending += current.decorator_list + current.args.defaults + [default for default in current.args.kw_defaults if default]
        elif isinstance(current, ast.Lambda):
            pending += current.args.defaults + [default for default in current.args.kw_defaults if default]
        elif isinstance(current, ast.ClassDef):
            pending += current.decorator_list + current.bases + current.keywords
        else:
            pending += ast.iter_child_nodes(current)


def _yields(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return any(isinstance(child, (ast.Yield, ast.YieldFrom)) for child in own_nodes(node))


def dotted(node: ast.expr) -> str:
    """`a.b.c` of a name or attribute chain (of the callee, for a call); '' for anything else."""
    if isinstance(node, ast.Call):
        node = node.func
    if isinstance(node, ast.Attribute):
        base = dotted(node.value) if isinstance(node.value, (ast.Name, ast.Attribute)) else ""
        return base + "." + node.attr if base else ""
    return node.id if isinstance(node, ast.Name) else ""


def has_docstring(body: list[ast.stmt]) -> bool:
    """Whether a body starts with a docstring."""
    return bool(body) and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant) and isinstance(body[0].value.value, str)


def _reason(node: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    decorators = [dotted(decorator) for decorator in node.decorator_list]
    if any(name.rpartition(".")[2] == "overload" for name in decorators):
        return "overload: only for type checkers"
    if any(name in _COMPILED_ELSEWHERE for name in decorators):
        return "compiled by its decorator, which would not understand probes"
    if node.name == "__del__":
        return "a finalizer can run at any moment, also while the interpreter shuts down"
    body = node.body[1:] if has_docstring(node.body) else node.body
    if not body or all(isinstance(item, ast.Expr) and isinstance(item.value, ast.Constant) for item in body):
        return "a stub without a body"
    return ""
