"""What holds for one file and its functions: the humans' settings, narrowed and refined by overrides."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

from pathspec import GitIgnoreSpec

from mcp_tracer.settings.file import LoadedSettings, Settings
from mcp_tracer.settings.overrides import FileOverride, Overrides


@dataclass(frozen=True, slots=True)
class FunctionRule:
    """One function's own level, and the variables to take (None: all that the level gives)."""

    level: int
    capture_vars: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class FileRule:
    """What to trace of a file. `functions` holds only those with rules of their own; the rest has `level`."""

    enabled: bool
    level: int
    capture_params: bool
    capture_return: bool
    capture_async: bool
    capture_vars: bool
    functions: dict[str, FunctionRule] = field(default_factory=dict[str, FunctionRule])


def rule_for(file: str, language: str, loaded: LoadedSettings, overrides: Overrides) -> FileRule:
    """The rule for `file` (relative to the root, with `/`). A function's override beats the file's, which beats the global one.

    What a human switched off for all (tracing itself, a kind of capture) no override switches on again.
    """
    settings, own = loaded.settings, overrides.files.get(file, FileOverride())
    level = _level(language, settings, overrides) if own.level is None else own.level
    return FileRule(
        enabled=_is_enabled(file, settings, own, overrides),
        level=level,
        capture_params=settings.capture_params and own.capture_params is not False,
        capture_return=settings.capture_return_ and own.capture_return is not False,
        capture_async=settings.capture_async_ and own.capture_async is not False,
        capture_vars=settings.capture_vars and own.capture_vars is not False,
        functions={
            name: FunctionRule(level if rule.level is None else rule.level, None if rule.capture_vars is None else tuple(rule.capture_vars))
            for name, rule in overrides.functions.get(file, {}).items()
        },
    )


def _level(language: str, settings: Settings, overrides: Overrides) -> int:
    chosen = overrides.global_.default_level
    return settings.level_of(language) if chosen is None else chosen


def _is_enabled(file: str, settings: Settings, own: FileOverride, overrides: Overrides) -> bool:
    """Excluded files are off unless an override names them; TRACING_ENABLED=false is final."""
    if not settings.enabled or overrides.global_.enabled is False:
        return False
    if own.enabled is not None:
        return own.enabled
    return not is_excluded(file, settings.exclude_files)


def is_excluded(file: str, globs: tuple[str, ...]) -> bool:
    """Whether a glob names the file: one without `/` by base name, one with `/` from the project root."""
    return _spec(globs).match_file(file)


@lru_cache(16)
def _spec(globs: tuple[str, ...]) -> GitIgnoreSpec:
    return GitIgnoreSpec.from_lines(globs)
