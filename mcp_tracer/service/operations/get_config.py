"""`get_config`: what is set, and what applies."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from mcp_tracer.model.errors import UserError
from mcp_tracer.service.context import Call, Tools
from mcp_tracer.service.operation import READ, READING, Command, Operation, Params, Result, Route
from mcp_tracer.service.operations.views import asked
from mcp_tracer.settings.file import Flag
from mcp_tracer.settings.overrides import Overrides
from mcp_tracer.settings.rules import rule_for
from mcp_tracer.workspace.manifest import Entry


class ConfigParams(Params):
    """Parameters of `get_config`."""

    file: str | None = Field(default=None, description="Only this file: what applies to it and its functions.")


class FileConfig(Result):
    """What applies to one file. `functions` maps a name to its level."""

    enabled: bool
    level: int
    capture_params: bool
    capture_return: bool
    capture_async: bool
    instrumented: bool
    functions: dict[str, int] = Field(default_factory=dict[str, int])


class ConfigResult(Result):
    """The specification's GET config, with permissions, every setting, and problems of the settings file."""

    enabled: bool
    default_level: int
    auto_instrument: bool
    files: dict[str, FileConfig]
    permissions: dict[str, bool]
    settings: dict[str, Any]
    problems: list[str]


async def run(call: Call[ConfigParams]) -> ConfigResult:
    """Read the settings file, the overrides and the manifest."""
    return config_of(call.tools, call.params.file)


def config_of(tools: Tools, file: str | None = None) -> ConfigResult:
    """The configuration in force."""
    loaded, overrides, problems = tools.settings(), Overrides(), list[str]()
    try:
        overrides = tools.overrides()
    except UserError as error:
        problems.append(str(error))
    settings, over = loaded.settings, overrides.global_
    instrumented = tools.workspace.instrumented()
    named = {file} if file else {*overrides.files, *overrides.functions, *instrumented}
    return ConfigResult(
        enabled=settings.enabled and over.enabled is not False,
        default_level=over.default_level if over.default_level is not None else settings.default_level,
        auto_instrument=over.auto_instrument if over.auto_instrument is not None else settings.auto_instrument,
        files={name: _file(tools, name, overrides, instrumented.get(name)) for name in sorted(named)},
        permissions={flag.value: loaded.allows(flag) for flag in Flag},
        settings=settings.model_dump(mode="json"),
        problems=[*loaded.problems, *problems],
    )


def _file(tools: Tools, file: str, overrides: Overrides, entry: Entry | None) -> FileConfig:
    language = tools.workspace.language_of(file).name
    rule = rule_for(file, language, tools.settings(), overrides)
    return FileConfig(
        enabled=rule.enabled,
        level=rule.level,
        capture_params=rule.capture_params,
        capture_return=rule.capture_return,
        capture_async=rule.capture_async,
        instrumented=entry is not None,
        functions={**(dict(entry.functions) if entry else {}), **{name: each.level for name, each in rule.functions.items()}},
    )


def render(result: ConfigResult, params: ConfigParams) -> str:
    """Global line, permissions, files, problems."""
    forbidden = [name for name, allowed in result.permissions.items() if not allowed and name != Flag.AI_REQUIRE_APPROVAL.value]
    approval = "needed" if result.permissions[Flag.AI_REQUIRE_APPROVAL.value] else "not needed"
    lines = [
        f"tracing {_on(result.enabled)}, default level {result.default_level}, auto instrument {_on(result.auto_instrument)}",
        f"approval by a person {approval}" + (f"; forbidden: {', '.join(forbidden)}" if forbidden else "; every agent permission given"),
    ]
    lines += [_line(name, file) for name, file in result.files.items()]
    return "\n".join([*lines, *(f"problem: {problem}" for problem in result.problems)])


def _on(switch: bool) -> str:
    return "on" if switch else "off"


def _line(name: str, file: FileConfig) -> str:
    captures = {"params": file.capture_params, "return": file.capture_return, "async": file.capture_async}
    without = [what for what, on in captures.items() if not on]
    functions = f" functions {', '.join(f'{key}={level}' for key, level in file.functions.items())}" if file.functions else ""
    state = "instrumented" if file.instrumented else "not instrumented"
    return f"{name}: {_on(file.enabled)}, level {file.level}, {state}{functions}" + (f", without {', '.join(without)}" if without else "")


GET_CONFIG = Operation(
    name="get_config",
    summary="Show the configuration: default level, rules of files and functions, agent permissions, problems of the settings file.",
    params=ConfigParams,
    result=ConfigResult,
    permission=READ,
    hints=READING,
    run=run,
    render=render,
    deeds=asked("read_config"),
    routes=(Route("GET", "config"),),
    command=Command(("config", "show"), argument="file"),
)
