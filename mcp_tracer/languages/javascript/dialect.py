"""Which grammar a file needs, which files are left alone, and the tree of those that are not."""

from __future__ import annotations

from collections.abc import Iterator

import tree_sitter_javascript
import tree_sitter_typescript
from tree_sitter import Language, Node, Parser

from mcp_tracer.languages.javascript import markers, masking
from mcp_tracer.model.errors import UserError

JAVASCRIPT_SUFFIXES = (".js", ".mjs", ".cjs", ".jsx")
TYPESCRIPT_SUFFIXES = (".ts", ".mts", ".cts", ".tsx")
_LONG_LINE_BYTES = 5_000
_LONG_AVERAGE_BYTES = 500

_JAVASCRIPT = Language(tree_sitter_javascript.language())
_TYPESCRIPT = Language(tree_sitter_typescript.language_typescript())
_TSX = Language(tree_sitter_typescript.language_tsx())


def is_declaration_file(path: str) -> bool:
    """Whether `path` holds types only (`.d.ts`, `.d.mts`, `.d.cts`, `.d.json.ts`): nothing in it ever runs."""
    name = path.rsplit("/", 1)[-1]
    return name.endswith((".d.ts", ".d.mts", ".d.cts")) or (name.endswith(".ts") and ".d." in name)


def is_typescript(path: str) -> bool:
    """Whether insertions into `path` carry types."""
    return path.endswith(TYPESCRIPT_SUFFIXES)


def parse(source: bytes, path: str) -> Node:
    """Return the root of the tree of `source`. Raises UserError with line and column where it cannot be parsed."""
    _refuse_unreadable(source, path)
    parser, typed = Parser(_grammar(path)), is_typescript(path)

    def tree(text: bytes) -> Node:
        return parser.parse(text).root_node

    root = tree(source)
    if not root.has_error:
        return masking.read_again(source, typed, tree) or root
    known = masking.read(source, typed, tree)
    if known is not None:
        return known
    broken = _first_error(root)
    line, column = broken.start_point.row + 1, broken.start_point.column + 1
    raise UserError(f"{path}:{line}:{column} cannot be parsed: fix the syntax there and try again.", code="syntax")


def refuse_generated(source: bytes, path: str) -> None:
    """Raise UserError for minified or bundled text: nobody reads traces of it, and the original sources are what one wants traced."""
    longest = max((len(line) for line in source.split(b"\n")), default=0)
    average = len(source) / (source.count(b"\n") + 1)
    named = ".min." in path.rsplit("/", 1)[-1]
    if named or (longest > _LONG_LINE_BYTES and average > _LONG_AVERAGE_BYTES):
        message = f"{path} looks minified or bundled (longest line {longest} bytes): instrument the sources that it was made from."
        raise UserError(message, code="minified")


def _refuse_unreadable(source: bytes, path: str) -> None:
    if b"\0" in source:
        raise UserError(f"{path} is binary or not UTF-8 text.", code="binary")
    try:
        source.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not UTF-8 text (byte {error.start}): save it as UTF-8.", code="binary") from None


def refuse_marked(source: bytes, path: str) -> None:
    """Raise UserError for a text that uses our markers or names: what is ours could not be told from what is not."""
    if markers.mentions_markers(source):
        message = f"{path} is instrumented already, or uses names that start with $mt: uninstrument it or rename them."
        raise UserError(message, code="instrumented")


def _grammar(path: str) -> Language:
    if path.endswith(".tsx"):
        return _TSX
    return _TYPESCRIPT if is_typescript(path) else _JAVASCRIPT


def _first_error(root: Node) -> Node:
    """The first ERROR or missing node in source order; where all is one error, the last token that was read before it ends."""
    found = [node for node in _erroneous(root) if node.is_error or node.is_missing]
    precise = next((node for node in found if node.start_byte > root.start_byte or node.is_missing), None)
    if precise is not None or not found:
        return precise or root
    last = found[-1]
    while last.children:
        last = last.children[-1]
    return last


def _erroneous(root: Node) -> Iterator[Node]:
    stack = [root]
    while stack:
        node = stack.pop()
        yield node
        if node.has_error:
            stack += [child for child in reversed(node.children) if child.has_error or child.is_missing or child.is_error]
