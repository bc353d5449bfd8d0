"""`configure`: levels and captures at run time, without touching source: for all files, one file, or one function."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import Field

from mcp_tracer.model.errors import NotFound, UserError
from mcp_tracer.model.level import Level
from mcp_tracer.service.context import Call
from mcp_tracer.service.operation import CHANGING, CONFIGURE, Command, Deed, Operation, Params, Prepared, Result, Route
from mcp_tracer.service.operations.get_config import ConfigResult, config_of
from mcp_tracer.service.operations.selection import digest_of
from mcp_tracer.settings.overrides import Overrides

FILE_FIELDS = ("enabled", "level", "capture_params", "capture_return", "capture_async")
GLOBAL_FIELDS = ("enabled", "default_level", "auto_instrument")


class ConfigureParams(Params):
    """Parameters of `configure`. Without `file` the change holds for every file."""

    file: str | None = Field(default=None, description="File, relative to the project root.")
    function: str | None = Field(default=None, description="Function in that file.")
    enabled: bool | None = Field(default=None, description="Switch tracing on or off.")
    level: int | None = Field(default=None, description="Level for the file or function, up to the level it was instrumented at.")
    default_level: int | None = Field(default=None, description="Level for files that have none of their own.")
    auto_instrument: bool | None = Field(default=None, description="Instrument executable files automatically.")
    capture_params: bool | None = Field(default=None, description="Capture parameters.")
    capture_return: bool | None = Field(default=None, description="Capture return values.")
    capture_async: bool | None = Field(default=None, description="Track awaits.")
    capture_vars: list[str] | None = Field(default=None, description="With `function`: only these variables at levels 4 and 5.")


class ConfigureResult(Result):
    """What was set, where, and the configuration in force now."""

    scope: str
    changed: dict[str, Any]
    config: ConfigResult


async def run(call: Call[ConfigureParams]) -> ConfigureResult:
    """Change `overrides.json`; running programs reread it at their flush interval."""
    overrides, changed = _change(call)
    overrides.save(call.tools.project.overrides_file)
    return ConfigureResult(scope=_scope(call.params), changed=changed, config=config_of(call.tools, call.params.file))


async def prepare(call: Call[ConfigureParams]) -> Prepared | None:
    """The overrides that would be written."""
    overrides, changed = _change(call)
    text = overrides.model_dump_json(by_alias=True, exclude_none=True)
    said = ", ".join(f"{name}={value}" for name, value in changed.items())
    return Prepared(digest_of(["configure", text]), f"configure {_scope(call.params)}: {said}", text)


def _scope(params: ConfigureParams) -> str:
    return "all files" if params.file is None else params.file if params.function is None else f"{params.function} in {params.file}"


def _change(call: Call[ConfigureParams]) -> tuple[Overrides, dict[str, Any]]:
    params, overrides = call.params, call.tools.overrides()
    given = {name: value for name, value in params.model_dump().items() if value is not None and name not in ("file", "function")}
    if not given:
        raise UserError(f"nothing to change: give at least one of {', '.join(_allowed(params))}.")
    wrong = sorted(set(given) - set(_allowed(params)))
    if wrong:
        raise UserError(f"{', '.join(wrong)} cannot be set for {_scope(params)}: there, use {', '.join(_allowed(params))}.")
    for name in ("level", "default_level"):
        if name in given:
            given[name] = int(Level.of(given[name]))
    if params.file is None:
        overrides.set_global(**given)
    elif params.function is None:
        overrides.set_file(_known_file(call), **given)
    else:
        _known_function(call)
        overrides.set_function(_known_file(call), params.function, **given)
    return overrides, given


def _allowed(params: ConfigureParams) -> tuple[str, ...]:
    if params.file is None:
        if params.function is not None:
            raise UserError("`function` needs the `file` that it is in.")
        return GLOBAL_FIELDS
    return FILE_FIELDS if params.function is None else ("level", "capture_vars")


def _known_file(call: Call[ConfigureParams]) -> str:
    return call.tools.project.relative(call.tools.project.resolve(call.params.file or ""))


def _known_function(call: Call[ConfigureParams]) -> None:
    file, workspace = _known_file(call), call.tools.workspace
    names = [function.name for function in workspace.language_of(file).functions(workspace.original(file), file)]
    if call.params.function not in names:
        raise NotFound(f"{file} has no function {call.params.function!r}; it has: {', '.join(names[:20]) or 'none'}.")


def render(result: ConfigureResult, params: ConfigureParams) -> str:
    """What changed, and when it takes effect."""
    changed = ", ".join(f"{name}={value}" for name, value in result.changed.items())
    note = ""
    if "level" in result.changed and params.file and not all(file.instrumented for file in result.config.files.values()):
        note = f" {params.file} is not instrumented: call `instrument` to record it."
    return f"set for {result.scope}: {changed}. Running programs take it over at their next flush interval.{note}"


def deeds(result: ConfigureResult, params: ConfigureParams) -> Sequence[Deed]:
    """One action."""
    return [Deed("configured_tracing", {"scope": result.scope, "changed": result.changed})]


CONFIGURE_TRACING = Operation(
    name="configure",
    summary="Change levels and captures at run time without touching source: for all files, one file, or one function.",
    params=ConfigureParams,
    result=ConfigureResult,
    permission=CONFIGURE,
    hints=CHANGING,
    run=run,
    render=render,
    deeds=deeds,
    prepare=prepare,
    routes=(Route("PUT", "config/file"), Route("PUT", "config/function"), Route("PUT", "config/global")),
    command=Command(("config", "set"), argument="file"),
)
