"""Which files and functions a changing call means, turned into plans."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from mcp_tracer.model.errors import UserError
from mcp_tracer.model.level import Level
from mcp_tracer.model.plan import InstrumentRequest, Plan
from mcp_tracer.service.background import Steps
from mcp_tracer.service.context import Tools
from mcp_tracer.settings.rules import rule_for
from mcp_tracer.workspace.discovery import discover, match
from mcp_tracer.workspace.manifest import Entry

RECORDED_SINGLY = 100
"""Up to so many files a call is recorded as one action a file."""


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


class Requests:
    """Makes requests of files by one reading of settings and overrides, so that all files of a call are treated alike."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._settings = tools.settings()
        self._overrides = tools.overrides()

    def default_level(self, file: str) -> Level:
        """The level that overrides and settings give a file."""
        language = self._tools.workspace.language_of(file).name
        rule = rule_for(file, language, self._settings, self._overrides)
        return Level.of(rule.level or self._settings.settings.default_level)

    def make(
        self, file: str, before: Entry | None, level: int | None, functions: Iterable[str], style: str, mode: str | None, force: bool
    ) -> InstrumentRequest:
        """The request for one file. Named functions join those that were instrumented before; its other functions stay as they are.

        `before` is the manifest's entry. Where the file is instrumented already, a level goes up but not down, unless `force` says so.
        """
        chosen = self.default_level(file) if level is None else Level.of(level)
        base, own = _levels(before, chosen, list(functions), force)
        settings = self._settings.settings
        return InstrumentRequest(
            path=file,
            level=base,
            functions=own,
            exclude_functions=tuple(settings.exclude_functions),
            style=style,
            mode=mode or (before.mode if before else settings.mode),
        )


def _levels(before: Entry | None, chosen: Level, names: Sequence[str], force: bool) -> tuple[Level, dict[str, Level]]:
    """(the file's level, its functions' own levels)."""
    if not names:
        base = max(chosen, Level(before.level)) if before and not force else chosen
        return base, {name: Level(own) for name, own in before.functions.items() if own > base} if before and not force else {}
    kept = {name: Level(value) for name, value in before.functions.items()} if before else {}
    base = Level(before.level) if before else Level.OFF
    if not force:
        chosen = max([chosen, base, *(kept.get(name, Level.OFF) for name in names)])
    return base, {**kept, **dict.fromkeys(names, chosen)}


def plan_files(tools: Tools, requests: Sequence[InstrumentRequest], known: Mapping[str, Entry], steps: Steps) -> list[Planned]:
    """Plan files; one that cannot be planned gives its reason instead of ending the whole call."""
    count = len(requests)
    numbers = iter(range(1, count + 1))
    plans = tools.workspace.plan_all(requests, lambda file: steps.report(next(numbers), 2 * count, f"planned {file}"))
    return [
        Planned(
            file=request.path,
            plan=None if isinstance(plan, UserError) else plan,
            functions={name: int(level) for name, level in request.functions.items()},
            problem=str(plan) if isinstance(plan, UserError) else None,
            before=known.get(request.path),
        )
        for request, plan in zip(requests, plans, strict=True)
    ]


def digest_of(parts: Iterable[str]) -> str:
    """sha256 over the parts, in order: binds an approval to exactly these changes."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.encode() + b"\0")
    return digest.hexdigest()


def first_lines(lines: Sequence[str], most: int = 200) -> str:
    """The details of a request for approval: a person reads no more than these."""
    return "\n".join([*lines[:most], *([f"… and {len(lines) - most:,} more"] if len(lines) > most else [])])
