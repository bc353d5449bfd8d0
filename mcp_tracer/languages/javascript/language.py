"""The Language port for JavaScript and TypeScript."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

from tree_sitter import Node

from mcp_tracer.languages.javascript import dialect, functions, header, markers, syntax, walk
from mcp_tracer.languages.javascript.functions import Found
from mcp_tracer.languages.javascript.planner import FilePlan
from mcp_tracer.model.errors import UserError
from mcp_tracer.model.level import Level
from mcp_tracer.model.plan import FunctionInfo, InstrumentRequest, Plan, Skipped, sha256

_HOOKED_MODULES = ("node:sqlite", "sqlite", "better-sqlite3")


@dataclass(frozen=True, slots=True)
class EcmaScript:
    """One dialect: JavaScript, or TypeScript whose insertions carry types."""

    name: str
    suffixes: tuple[str, ...]

    def functions(self, source: bytes, path: str) -> tuple[FunctionInfo, ...]:
        """Every function of the file, in source order. Raises UserError with line and column where it cannot be parsed."""
        if dialect.is_declaration_file(path):
            return ()
        return tuple(found.info for found in functions.find(dialect.parse(markers.strip(source), path)))

    def plan(self, source: bytes, request: InstrumentRequest) -> Plan:
        """Plan the insertions for an uninstrumented source.

        Raises UserError: unparsable (line and column), binary, minified, already instrumented, or an unknown function.
        """
        if dialect.is_declaration_file(request.path):
            return self._finish(source, request, None, (Skipped("", 1, "a declaration file holds types only: nothing in it runs"),))
        dialect.refuse_marked(source, request.path)
        dialect.refuse_generated(source, request.path)
        root = dialect.parse(source, request.path)
        found = functions.find(root)
        levels = _levels(found, request)
        collected = FilePlan(request.path, source, levels, {one.node.id: one for one in found})
        walk.walk(collected, root)
        if collected.functions:
            _plan_header(collected, root)
        return self._finish(source, request, collected, tuple(collected.skipped))

    def is_instrumented(self, source: bytes) -> bool:
        """Whether the text holds insertions of ours."""
        return markers.is_marked(source)

    def strip(self, source: bytes) -> bytes:
        """Take every insertion of ours out; all other bytes stay."""
        return markers.strip(source)

    def _finish(self, source: bytes, request: InstrumentRequest, collected: FilePlan | None, skipped: tuple[Skipped, ...]) -> Plan:
        traced = [] if collected is None else collected.traced
        return Plan(
            path=request.path,
            language=self.name,
            level=request.level,
            source_sha256=sha256(source),
            insertions=() if collected is None else collected.edits.insertions(),
            functions=tuple(found.info for found, _ in traced),
            levels={found.info.name: level for found, level in traced},
            skipped=skipped,
            mode=request.mode,
            style=request.style,
        )


def javascript() -> EcmaScript:
    """The language of `.js`, `.mjs`, `.cjs` and `.jsx` files."""
    return EcmaScript("javascript", dialect.JAVASCRIPT_SUFFIXES)


def typescript() -> EcmaScript:
    """The language of `.ts`, `.mts`, `.cts` and `.tsx` files."""
    return EcmaScript("typescript", dialect.TYPESCRIPT_SUFFIXES)


def _plan_header(collected: FilePlan, root: Node) -> None:
    """Put the header in front of the first statement behind the directives."""
    leading = {directive.id for directive in syntax.directives(root)}
    first = next(child for child in root.named_children if child.type not in ("comment", "hash_bang_line") and child.id not in leading)
    level = max(row.level for row in collected.functions)
    modules = [name for name in _HOOKED_MODULES if name.encode() in collected.source]
    text = header.render(
        collected.path, sha256(collected.source), level, collected.functions, collected.sites, modules, typed=collected.typed
    )
    collected.edits.header(first.start_byte, text)


def _levels(found: Sequence[Found], request: InstrumentRequest) -> dict[int, Level]:
    """The level of each function node; those that are left out have none."""
    levels = {one.node.id: request.level for one in found if one.bare not in request.exclude_functions}
    for name, level in request.functions.items():
        for one in _named(found, name, request.path):
            levels[one.node.id] = level
    return {node: level for node, level in levels.items() if level is not Level.OFF}


def _named(found: Sequence[Found], name: str, path: str) -> list[Found]:
    """The functions that `name` means: a qualified name, or a bare one if it is unique. Raises UserError."""
    exact = [one for one in found if one.info.name == name]
    if exact:
        return exact
    bare = [one for one in found if one.bare == name]
    if len({one.info.name for one in bare}) == 1:
        return bare
    if bare:
        choices = ", ".join(sorted({one.info.name for one in bare}))
        raise UserError(f"'{name}' is more than one function in {path}: say which of {choices}.", code="ambiguous")
    known = sorted({one.info.name for one in found} | {one.bare for one in found})
    close = difflib.get_close_matches(name, known, 3, 0.5)
    hint = f"did you mean {' or '.join(close)}?" if close else f"it has {', '.join(known[:8]) or 'no functions'}."
    raise UserError(f"{path} has no function '{name}': {hint}", code="not_found")
