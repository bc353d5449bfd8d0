"""The Python adapter of the Language port."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from mcp_tracer.languages.python import explicit, listing, placement
from mcp_tracer.languages.python.text import SourceText
from mcp_tracer.model.errors import UserError
from mcp_tracer.model.level import Level
from mcp_tracer.model.plan import FunctionInfo, Insertion, InstrumentRequest, Plan, Skipped, sha256
from mcp_tracer.runtime.python.mcp_tracer_runtime import explicit as runtime_explicit
from mcp_tracer.runtime.python.mcp_tracer_runtime import header, inventory

_SHOWN = 8


class PythonLanguage:
    """Python source, instrumented by a one-line header: at import the file's own code is compiled with probes at its original locations."""

    name = "python"
    suffixes = (".py", ".pyw")

    def functions(self, source: bytes, path: str) -> tuple[FunctionInfo, ...]:
        """Every function of the file, in source order. Raises UserError with line and column where it cannot be parsed."""
        return tuple(listed.info for listed in listing.read(SourceText(source, path), path).functions)

    def plan(self, source: bytes, request: InstrumentRequest) -> Plan:
        """Plan the header for an uninstrumented source.

        Raises UserError: unparsable (line and column), binary, an unknown function, or an unknown style.
        """
        if request.style not in ("header", "explicit"):
            raise UserError(f"Python files know the styles 'header' and 'explicit', not {request.style!r}.")
        text = SourceText(source, request.path)
        parsed = listing.read(text, request.path)
        bodies = [parsed.module] if parsed.module is not None else []
        listings = [*bodies, *parsed.functions]
        wanted = _resolved(request, [listed.info.name for listed in listings])
        levels = {listed.info.name: _level(listed, request, wanted) for listed in listings}
        traced = tuple(listed.info for listed in listings if not listed.skipped and levels[listed.info.name] > 0)
        place = placement.find(parsed.statements, text) if traced else None
        visible, without = _visible(text, request, levels, place)
        traced = tuple(info for info in traced if info.name not in without)
        insertions: list[Insertion] = []
        if traced and place is not None:
            insertions = [Insertion(place.at, _header(place.join, request, levels).encode("ascii")), *visible]
            insertions.sort(key=lambda insertion: insertion.at)
        return Plan(
            path=request.path,
            language=self.name,
            level=request.level,
            source_sha256=sha256(source),
            insertions=tuple(insertions),
            functions=traced,
            levels={info.name: levels[info.name] for info in traced},
            skipped=tuple(_skipped(listings if traced else parsed.functions, request, levels, without)),
            mode=request.mode,
            style=request.style,
        )

    def is_instrumented(self, source: bytes) -> bool:
        """Whether the text holds our header."""
        return header.present(source) or runtime_explicit.present(source)

    def strip(self, source: bytes) -> bytes:
        """Take the header out; all other bytes stay, whether or not the text parses."""
        return header.strip(runtime_explicit.strip(source))


def _visible(
    text: SourceText, request: InstrumentRequest, levels: dict[str, Level], place: placement.Place | None
) -> tuple[list[Insertion], dict[str, str]]:
    """(visible probes, {function: why it gets none}); none in header style."""
    if request.style != "explicit":
        return [], {}
    if request.mode == "on_load":
        raise UserError("visible probes stand in the file: take mode in_place for the style 'explicit'.", "style")
    explicit.check(text.source, request.path)
    if place is None:
        return [], {}
    explicit.check_place(text, request.path, place.at)
    return explicit.probes(text, levels, place.at)


def _header(join: str, request: InstrumentRequest, levels: dict[str, Level]) -> str:
    if request.style == "explicit":
        return header.build_explicit(join)
    own = {name: int(level) for name, level in levels.items() if level != inventory.default_level(name, request.level)}
    return header.build(join, int(request.level), own)


def _level(listed: listing.Listed, request: InstrumentRequest, wanted: dict[str, Level]) -> Level:
    name = listed.info.name
    if _excluded(name, request.exclude_functions) and name not in wanted:
        return Level.OFF
    return wanted.get(name, Level(inventory.default_level(name, request.level)))


def _excluded(name: str, excluded: Iterable[str]) -> bool:
    return not {name, name.rpartition(".")[2]}.isdisjoint(excluded)


def _skipped(
    functions: list[listing.Listed], request: InstrumentRequest, levels: dict[str, Level], without: dict[str, str]
) -> Iterable[Skipped]:
    if not functions:
        yield Skipped("", 1, "no functions in this file")
    for listed in functions:
        info = listed.info
        if listed.skipped:
            yield Skipped(info.name, info.line, listed.skipped)
        elif info.name in without:
            yield Skipped(info.name, info.line, without[info.name])
        elif levels[info.name] == 0 and _excluded(info.name, request.exclude_functions):
            yield Skipped(info.name, info.line, "excluded by TRACING_EXCLUDE_FUNCTIONS")


def _resolved(request: InstrumentRequest, names: list[str]) -> dict[str, Level]:
    """The requested functions by qualified name. Raises UserError for one that the file does not have, or that several could be."""
    resolved: dict[str, Level] = {}
    for asked, level in request.functions.items():
        name = asked.replace("<locals>.", "")
        matches = [name] if name in names else sorted({full for full in names if full.rpartition(".")[2] == name})
        if not matches:
            raise UserError(_unknown(asked, names, request.path), code="unknown_function")
        if len(matches) > 1:
            raise UserError(
                f"{asked!r} could be several functions of {request.path}: name one of {', '.join(matches)}.", code="ambiguous_function"
            )
        resolved[matches[0]] = level
    return resolved


def _unknown(asked: str, names: list[str], path: str) -> str:
    bare = {name.rpartition(".")[2]: name for name in names}
    close = difflib.get_close_matches(asked, names, 3) or [bare[match] for match in difflib.get_close_matches(asked, bare, 3)]
    names = [name for name in names if name != inventory.MODULE]
    shown = ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
    hint = f"Did you mean {' or '.join(close)}? " if close else ""
    return f"{path} has no function {asked!r}. {hint}It has {shown or 'no functions'}."
