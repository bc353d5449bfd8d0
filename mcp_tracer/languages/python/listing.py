"""The functions of a file as the server lists them, from `ast` or, where the file is newer than the server's own Python, from LibCST."""

from __future__ import annotations

from dataclasses import dataclass

from mcp_tracer.languages.python import placement
from mcp_tracer.languages.python.text import SourceText
from mcp_tracer.model.errors import UserError
from mcp_tracer.model.plan import FunctionInfo
from mcp_tracer.runtime.python.mcp_tracer_runtime import inventory


@dataclass(frozen=True, slots=True)
class Listed:
    """A function, and why it is left alone ('' if it is not)."""

    info: FunctionInfo
    skipped: str


@dataclass(frozen=True, slots=True)
class Listing:
    """A parsed file: its functions and lambdas in source order and its module-level statements."""

    functions: list[Listed]
    statements: list[placement.Statement]

    @property
    def module(self) -> Listed | None:
        """The file's own body, which level 3 traces as well; None where it does nothing."""
        running = [one for index, one in enumerate(self.statements) if one.kind != "future" and (index or one.kind != "docstring")]
        return Listed(FunctionInfo(inventory.MODULE, 1, self.statements[-1].end[0], "module"), "") if running else None


def read(text: SourceText, path: str) -> Listing:
    """Parse the file. Raises UserError with line and column where neither parser can."""
    try:
        tree, entries = text.tree, text.entries
    except SyntaxError as error:
        from mcp_tracer.languages.python import newer  # LibCST takes a quarter of a second to load, and few files need it

        listing = newer.read(text.source)
        if listing is None:
            raise UserError(_explained(error, path), code="unparsable") from None
        return Listing([Listed(info, reason) for info, reason in listing[0]], listing[1])
    except (ValueError, RecursionError, MemoryError) as error:
        raise UserError(f"{path} cannot be parsed: {error}.", code="unparsable") from None
    return Listing([_listed(entry) for entry in entries], placement.statements(tree))


def _listed(entry: inventory.Entry) -> Listed:
    node = entry.node
    return Listed(FunctionInfo(entry.name, node.lineno, node.end_lineno or node.lineno, entry.kind, tuple(entry.params)), entry.skipped)


def _explained(error: SyntaxError, path: str) -> str:
    return (
        f"{path} cannot be parsed: {error.msg} (line {error.lineno}, column {error.offset}). Fix the syntax error, then instrument again."
    )
