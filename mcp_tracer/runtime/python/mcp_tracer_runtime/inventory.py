"""Which functions a file has, what kind each is, and which are left alone. Used inside traced programs and by the server alike."""

from __future__ import annotations

import ast
from bisect import bisect_left, bisect_right

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    Node = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda

MODULE, LAMBDA = "<module>", "<lambda>"
FROM_ITSELF = 3  # level from which a file's own body and its lambdas are spans; below, only those that were chosen by name
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_SCOPES = frozenset([*_FUNCTIONS, ast.Lambda, ast.ClassDef])
_YIELDS = frozenset([ast.Yield, ast.YieldFrom])
_LEAVES = frozenset([ast.Name, ast.Constant, str, type(None)])  # that hold no expression
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

    def __init__(self, name: str, node: Node, kind: str, params: list[str], skipped: str) -> None:
        self.name, self.node, self.kind, self.params, self.skipped = name, node, kind, params, skipped


class Words:
    """The numbers of all lines on which `lambda` and `yield` stand, where the caller has the text: they spare most of the walking."""

    __slots__ = ("lambdas", "yields")

    def __init__(self, lambdas: list[int], yields: list[int]) -> None:
        self.lambdas, self.yields = lambdas, yields


def functions(tree: ast.Module, words: Words | None = None) -> list[Entry]:
    """Every `def` and `lambda` of a module tree in source order, nested ones too. `words` of the source make it quicker."""
    found: list[Entry] = []
    lambdas, yields = (words.lambdas, words.yields) if words else (None, None)
    pending: list[tuple[ast.AST, str, bool]] = [(node, "", False) for node in reversed(tree.body)]
    while pending:
        node, prefix, in_class = pending.pop()
        if isinstance(node, _FUNCTIONS):
            entry = describe(node, prefix, in_class, _stands_in(yields, node))
            found.append(entry)
            inside = entry.name + "."
            pending += [(child, inside, False) for child in reversed(node.body)]
            pending += [(child, prefix, in_class) for child in reversed(around(node)) if _stands_in(lambdas, node)]
        elif isinstance(node, ast.ClassDef):
            inside = prefix + node.name + "."
            pending += [(child, inside, True) for child in reversed(node.body)]
            pending += [(child, prefix, in_class) for child in reversed(around(node)) if _stands_in(lambdas, node)]
        elif isinstance(node, ast.Lambda):
            found.append(describe(node, prefix, in_class))
            pending.append((node.body, found[-1].name + ".", False))
            pending += [(child, prefix, in_class) for child in reversed(around(node))]
        elif _stands_in(lambdas, node):
            pending += [(child, prefix, in_class) for child in reversed(_evaluated(node))]
        elif type(node) in _BLOCKS:
            pending += [(child, prefix, in_class) for name in reversed(_BLOCKS[type(node)]) for child in reversed(getattr(node, name))]
    return found


def _stands_in(lines: list[int] | None, node: ast.AST) -> bool:
    """Whether one of the sorted `lines` may lie inside `node`."""
    if not lines:
        return lines is None
    first = getattr(node, "lineno", 0)
    for decorator in getattr(node, "decorator_list", ()):
        first = min(first, decorator.lineno)
    return bisect_left(lines, first) < bisect_right(lines, getattr(node, "end_lineno", None) or lines[-1])


def _blocks() -> dict[type, tuple[str, ...]]:
    """The fields that hold statements, of every kind of node that has such; in source order."""
    kinds = [ast.ExceptHandler, *ast.stmt.__subclasses__()]
    kinds += [ast.match_case] if hasattr(ast, "match_case") else []
    holding = ("body", "handlers", "orelse", "finalbody", "cases")
    found = {kind: tuple(name for name in kind._fields if name in holding) for kind in kinds}
    return {kind: names for kind, names in found.items() if names}


_BLOCKS = _blocks()


def _evaluated(node: ast.AST) -> list[ast.AST]:
    """What `node` holds and evaluates: no annotations."""
    if isinstance(node, ast.AnnAssign):
        return [node.target] + ([node.value] if node.value is not None else [])
    return [] if type(node).__name__ == "TypeAlias" else list(ast.iter_child_nodes(node))


def around(node: Node | ast.ClassDef) -> list[ast.expr]:
    """What a definition evaluates in the scope around it: decorators, defaults, bases."""
    found: list[ast.expr] = list(getattr(node, "decorator_list", ()))
    if isinstance(node, ast.ClassDef):
        return found + node.bases + [keyword.value for keyword in node.keywords]
    return found + node.args.defaults + [default for default in node.args.kw_defaults if default is not None]


def describe(node: Node, prefix: str, in_class: bool, may_yield: bool = True) -> Entry:
    """The Entry of one `def` or `lambda`; `prefix` is the qualified name around it with its dot, or ''."""
    yields = may_yield and _yields(node)
    if isinstance(node, ast.AsyncFunctionDef):
        kind = "async-generator" if yields else "coroutine"
    elif isinstance(node, ast.Lambda):
        return Entry(prefix + LAMBDA, node, "generator" if yields else "lambda", parameters(node.args), "")
    else:
        kind = "generator" if yields else "method" if in_class else "function"
    return Entry(prefix + node.name, node, kind, parameters(node.args), _reason(node))


def parameters(args: ast.arguments) -> list[str]:
    """Parameter names as section P lists them: positional, keyword-only, *args, **kwargs as they stand in the signature."""
    names = [arg.arg for arg in args.posonlyargs + args.args]
    names += [args.vararg.arg] if args.vararg else []
    names += [arg.arg for arg in args.kwonlyargs]
    return names + ([args.kwarg.arg] if args.kwarg else [])


def own_statements(node: Node) -> Iterator[ast.AST]:
    """The statements that run in the scope of function `node` itself, without those of nested scopes."""
    pending: list[ast.AST] = [] if isinstance(node, ast.Lambda) else list(node.body)
    while pending:
        current = pending.pop()
        yield current
        if type(current) not in _SCOPES:
            for name in _BLOCKS.get(type(current), ()):
                pending += getattr(current, name)


def _yields(node: Node) -> bool:
    """Whether `node` is a generator. Every node of every function is looked at here: the fields without the detours of `ast`."""
    pending: list[Any] = [node.body] if isinstance(node, ast.Lambda) else list(node.body)
    while pending:
        current = pending.pop()
        kind = type(current)
        if kind in _YIELDS:
            return True
        if kind in _SCOPES:
            pending += around(current)
        elif kind not in _LEAVES:
            for name in kind._fields:
                value = getattr(current, name, None)
                if type(value) is list:
                    pending += value
                elif isinstance(value, ast.AST):
                    pending.append(value)
    return False


def dotted(node: ast.expr) -> str:
    """`a.b.c` of a name or attribute chain (of the callee, for a call); '' for anything else."""
    if isinstance(node, ast.Call):
        node = node.func
    if isinstance(node, ast.Attribute):
        base = dotted(node.value) if isinstance(node.value, (ast.Name, ast.Attribute)) else ""
        return base + "." + node.attr if base else ""
    return node.id if isinstance(node, ast.Name) else ""


def default_level(name: str, level: int) -> int:
    """The level of function `name` in a file of `level`, if nothing is said about it."""
    return level if level >= FROM_ITSELF or name.rpartition(".")[2] not in (MODULE, LAMBDA) else 0


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


def target_names(target: ast.expr) -> list[str]:
    """Plain names that an assignment target binds."""
    if isinstance(target, ast.Name):
        return [target.id]
    if isinstance(target, ast.Starred):
        return target_names(target.value)
    if isinstance(target, (ast.Tuple, ast.List)):
        return [name for element in target.elts for name in target_names(element)]
    return []


def pattern_names(pattern: ast.AST) -> list[str]:
    """Names that a `case` pattern binds."""
    names = [getattr(node, "rest" if type(node).__name__ == "MatchMapping" else "name", None) for node in ast.walk(pattern)]
    return [name for name in names if type(name) is str]


def names_of_items(statement: "ast.With | ast.AsyncWith") -> list[str]:
    """Names that a `with` binds."""
    return [name for item in statement.items if item.optional_vars is not None for name in target_names(item.optional_vars)]
