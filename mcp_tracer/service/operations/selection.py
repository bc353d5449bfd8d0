"""Which files and functions a changing call means, turned into plans."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from mcp_tracer.model.errors import UserError
from mcp_tracer.model.level import Level
from mcp_tracer.model.plan import InstrumentRequest, Plan
from mcp_tracer.service.context import Tools
from mcp_tracer.settings.rules import rule_for
from mcp_tracer.workspace.discovery import discover, match
from mcp_tracer.workspace.manifest import Entry


@dataclass(frozen=True, slots=True)
class Planned:
    """One file's plan, or why there is none (`problem`)."""

    file: str
    plan: Plan | None
    functions: Mapping[str, int]
    problem: str | None = None
    before: Entry | None = None


def suffixes(tools: Tools) -> dict[str, str]:
    """File ending → language name, of every registered language."""
    return {suffix: language.name for language in tools.workspace.languages for suffix in language.suffixes}


def files_of(tools: Tools, paths: Iterable[str], everything: bool, exclude: Iterable[str], languages: Iterable[str]) -> list[str]:
    """The files that a call names, in order, or all executable ones. Raises UserError where nothing was named."""
    settings = tools.settings().settings
    wanted = tuple(languages) or tuple(settings.languages)
    unknown = set(wanted) - set(suffixes(tools).values())
    if unknown:
        raise UserError(f"unknown language {', '.join(sorted(unknown))}: use {', '.join(sorted(set(suffixes(tools).values())))}.")
    skip = (*settings.exclude_files, *exclude)
    if everything:
        node_modules = not settings.exclude_node_modules
        return discover(tools.project, suffixes(tools), exclude=skip, languages=wanted, node_modules=node_modules)
    named = list(paths)
    if not named:
        raise UserError("name at least one file, folder or glob in `paths`, or set `all` to true.")
    return match(tools.project, named, suffixes=suffixes(tools), exclude=skip, languages=wanted)


def default_level(tools: Tools, file: str) -> Level:
    """The level that overrides and settings give a file."""
    language = tools.workspace.language_of(file).name
    rule = rule_for(file, language, tools.settings(), tools.overrides())
    return Level.of(rule.level or tools.settings().settings.default_level)


def request_for(
    tools: Tools, file: str, before: Entry | None, level: int | None, functions: Iterable[str], style: str, force: bool
) -> InstrumentRequest:
    """The request for one file. Named functions join those that were instrumented before; the file's other functions stay as they are.

    `before` is the manifest's entry. Where the file is instrumented already, a level goes up but not down, unless `force` says so.
    """
    chosen = default_level(tools, file) if level is None else Level.of(level)
    excluded = tuple(tools.settings().settings.exclude_functions)
    names = list(functions)
    if not names:
        base = max(chosen, Level(before.level)) if before and not force else chosen
        higher = {name: Level(own) for name, own in before.functions.items() if own > base} if before and not force else {}
        return InstrumentRequest(path=file, level=base, functions=higher, exclude_functions=excluded, style=style)
    kept = {name: Level(value) for name, value in before.functions.items()} if before else {}
    base = Level(before.level) if before else Level.OFF
    if not force:
        chosen = max([chosen, base, *(kept.get(name, Level.OFF) for name in names)])
    return InstrumentRequest(
        path=file, level=base, functions={**kept, **dict.fromkeys(names, chosen)}, exclude_functions=excluded, style=style
    )


def plan_file(tools: Tools, request: InstrumentRequest, before: Entry | None) -> Planned:
    """Plan one file; a file that cannot be planned gives its reason instead of ending the whole call."""
    functions = {name: int(level) for name, level in request.functions.items()}
    try:
        return Planned(request.path, tools.workspace.plan(request), functions, before=before)
    except UserError as error:
        return Planned(request.path, None, functions, problem=str(error), before=before)


def digest_of(parts: Iterable[str]) -> str:
    """sha256 over the parts, in order: binds an approval to exactly these changes."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.encode() + b"\0")
    return digest.hexdigest()
