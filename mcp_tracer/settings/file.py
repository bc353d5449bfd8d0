"""`.env.tracing`, the settings that only humans write: typed values, and permissions that are absent unless plainly given."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import cast

from pydantic import ValidationError

from mcp_tracer.model.level import Level
from mcp_tracer.model.plan import sha256
from mcp_tracer.settings.env_file import EnvFile, parse
from mcp_tracer.settings.variables import PREFIX, Settings, field_of, variable_of

__all__ = ["Flag", "LoadedSettings", "Settings", "load"]


class Flag(str, Enum):
    """The variables that decide what agents may do. The value is the variable's name."""

    ALLOW_AI_INSTRUMENTATION = "TRACING_ALLOW_AI_INSTRUMENTATION"
    ALLOW_AI_WRAP = "TRACING_ALLOW_AI_WRAP"
    ALLOW_AI_UNWRAP = "TRACING_ALLOW_AI_UNWRAP"
    ALLOW_AI_CONFIGURE = "TRACING_ALLOW_AI_CONFIGURE"
    AI_REQUIRE_APPROVAL = "TRACING_AI_REQUIRE_APPROVAL"


@dataclass(frozen=True, slots=True)
class FlagReading:
    """What the file says of one flag. `reason` explains an answer that stops an agent; `malformed`: the file must be corrected."""

    on: bool
    reason: str = ""
    malformed: bool = False


@dataclass(frozen=True)
class LoadedSettings:
    """One reading of the file. `problems` are sentences for humans; `sha256` is of the bytes that were read ('' without a file)."""

    settings: Settings
    problems: tuple[str, ...]
    sha256: str
    flags: Mapping[Flag, FlagReading] = field(default_factory=dict[Flag, FlagReading])

    def allows(self, flag: Flag) -> bool:
        """Whether a permission is plainly given. AI_REQUIRE_APPROVAL is on (approval *is* required) unless the file says `false`."""
        reading = self.flags.get(flag)
        return reading.on if reading else flag is Flag.AI_REQUIRE_APPROVAL

    def why_not(self, flag: Flag) -> str:
        """The reason for the answer of `allows`, with what a human can do; '' for a permission that is given."""
        reading = self.flags.get(flag)
        return reading.reason if reading else f"{flag.value} was not read: run `mcp-tracer init`."

    @property
    def requires_approval(self) -> bool:
        """Whether a human must approve each change."""
        return self.allows(Flag.AI_REQUIRE_APPROVAL)


def load(env_file: Path) -> LoadedSettings:
    """Read the settings. Never raises for what the file holds: malformed values count as their default and are told in `problems`."""
    try:
        data = env_file.read_bytes()
    except FileNotFoundError:
        return _refused(f"{env_file} does not exist: run `mcp-tracer init`.", "")
    except OSError as error:
        return _refused(f"{env_file} cannot be read ({error.strerror}): make it a readable file.", "")
    try:
        file = parse(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        return _refused(f"{env_file} is not UTF-8 (byte {error.start}): save it as UTF-8.", sha256(data))
    settings, malformed = _settings(file)
    flags = {flag: _read_flag(flag, file) for flag in Flag}
    wrong = [reading.reason for reading in flags.values() if reading.malformed]
    return LoadedSettings(settings, (*file.problems, *_unknown(file), *_doubled(file), *malformed, *wrong), sha256(data), flags)


def _refused(problem: str, digest: str) -> LoadedSettings:
    flags = {flag: FlagReading(flag is Flag.AI_REQUIRE_APPROVAL, problem) for flag in Flag}
    return LoadedSettings(Settings(), (problem,), digest, flags)


def _settings(file: EnvFile) -> tuple[Settings, list[str]]:
    """Validate all values; where some are malformed, say so and validate again without them."""
    values = {name: assignment.value for variable, assignment in file.last().items() if (name := field_of(variable))}
    try:
        return Settings.model_validate(values), []
    except ValidationError as error:
        wrong = {str(detail["loc"][0]): detail["msg"] for detail in error.errors()}
    settings = Settings.model_validate({name: value for name, value in values.items() if name not in wrong})
    return settings, [_malformed(file, settings, name, message) for name, message in wrong.items()]


def _malformed(file: EnvFile, settings: Settings, name: str, message: str) -> str:
    assignment = file.last()[variable_of(name)]
    reason = message.removeprefix("Value error, ").removeprefix("Input should be ")
    if "level" in name:
        reason = ", ".join(f"{level.value}={level.name}" for level in Level)
    where = f"line {assignment.line}: {assignment.name}={assignment.value}"
    return f"{where} is not valid, {_shown(settings, name)} is used: it must be {reason}."


def _shown(settings: Settings, name: str) -> str:
    value: object = settings.model_dump(mode="json")[name]
    if value is None:
        return "TRACING_DEFAULT_LEVEL"
    if isinstance(value, list):
        return ",".join(cast("list[str]", value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def _read_flag(flag: Flag, file: EnvFile) -> FlagReading:
    """A flag counts only as one plain `true` or `false`; else the cautious side: no permission, approval required."""
    cautious = flag is Flag.AI_REQUIRE_APPROVAL
    assignment = file.last().get(flag.value)
    if assignment is None:
        wanted = f"{flag.value}={str(not cautious).lower()}"
        return FlagReading(cautious, f"{flag.value} is missing from .env.tracing: a human can add {wanted}.")
    lines = file.lines_of(flag.value)
    if len(lines) > 1:
        return FlagReading(cautious, f"{flag.value} is set more than once (lines {_listed(lines)}): a human must leave one.", True)
    where = f"line {assignment.line}: {flag.value}={assignment.value}"
    if assignment.value.lower() not in ("true", "false"):
        return FlagReading(cautious, f"{where} is neither true nor false: a human must correct it.", True)
    on = assignment.value.lower() == "true"
    if on is not cautious:
        return FlagReading(on)
    return FlagReading(on, f"{where}: " + ("a human approves each change." if on else "a human can set it to true."))


def _unknown(file: EnvFile) -> list[str]:
    known = [variable_of(name) for name in Settings.model_fields] + [flag.value for flag in Flag]
    problems: list[str] = []
    for assignment in file.assignments:
        if assignment.name in known:
            continue
        close = difflib.get_close_matches(assignment.name.upper(), known, n=1, cutoff=0.75)
        if close:
            problems.append(f"line {assignment.line}: {assignment.name} is unknown: did you mean {close[0]}?")
        elif assignment.name.upper().startswith(PREFIX):
            problems.append(f"line {assignment.line}: {assignment.name} is unknown: remove it, or see the template for what there is.")
    return problems


def _doubled(file: EnvFile) -> list[str]:
    places = [(name, file.lines_of(name)) for name in file.last() if field_of(name)]
    return [f"{name} is set more than once (lines {_listed(at)}): the last one counts; leave one." for name, at in places if len(at) > 1]


def _listed(lines: list[int]) -> str:
    return ", ".join(str(line) for line in lines)
