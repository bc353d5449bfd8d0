"""An operation is declared once; the MCP tool, the REST route and the CLI command are derived from it."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar, cast, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator
from pydantic.alias_generators import to_camel

from mcp_tracer.settings.file import Flag

if TYPE_CHECKING:
    from mcp_tracer.service.context import Call

_PRINTED_ID: Final = re.compile(r"#[0-9a-f]{6,32}")
_IDS: Final = ("span_id", "trace_id", "run", "before", "after")


class Params(BaseModel):
    """Base of parameter models: unknown names are errors, snake_case and camelCase are both taken.

    Numbers may come as text ("5"), truth as text or 0 and 1, as addresses and some clients write them; truth is no number. An id may come
    with the # that it is printed with.
    """

    model_config = ConfigDict(extra="forbid", alias_generator=to_camel, populate_by_name=True, str_strip_whitespace=True)

    @field_validator("*", mode="before")
    @classmethod
    def _refuse_truth_for_a_number(cls, given: Any, about: ValidationInfo) -> Any:
        if isinstance(given, bool) and about.field_name is not None:
            annotation = cls.model_fields[about.field_name].annotation
            if {annotation, *get_args(annotation)}.intersection((int, float)):
                raise ValueError(f"{about.field_name} = {str(given).lower()}: give a number.")
        return given

    @field_validator("*", mode="before")
    @classmethod
    def _take_ids_as_printed(cls, given: Any, about: ValidationInfo) -> Any:
        is_one = about.field_name in _IDS and isinstance(given, str) and _PRINTED_ID.fullmatch(given.strip())
        return given.strip()[1:] if is_one else given


class Result(BaseModel):
    """Base of result models: written in camelCase."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class PathParams(Params):
    """Parameters that name files. The specification's bodies say `file` for a single one; both are taken."""

    paths: list[str] = Field(default_factory=list, description="Files, folders or globs, relative to the project root.")

    @model_validator(mode="before")
    @classmethod
    def _take_file(cls, given: Any) -> Any:
        if isinstance(given, dict) and "file" in given:
            named = dict(cast("dict[str, Any]", given))
            file = named.pop("file")
            return {**named, "paths": [*named.get("paths", []), file]}
        return cast("Any", given)


P = TypeVar("P", bound=Params)
R = TypeVar("R", bound=Result)


@dataclass(frozen=True, slots=True)
class Permission:
    """The flags that must all be set for agents. `changes` says that source, settings or data change, so that approval may be asked for."""

    flags: tuple[Flag, ...]
    changes: bool


READ = Permission(flags=(), changes=False)
INSTRUMENT = Permission(flags=(Flag.ALLOW_AI_INSTRUMENTATION, Flag.ALLOW_AI_WRAP), changes=True)
UNINSTRUMENT = Permission(flags=(Flag.ALLOW_AI_INSTRUMENTATION, Flag.ALLOW_AI_UNWRAP), changes=True)
CONFIGURE = Permission(flags=(Flag.ALLOW_AI_CONFIGURE,), changes=True)


@dataclass(frozen=True, slots=True)
class Hints:
    """What MCP hosts show and rely on; all four are stated, so that none can be forgotten."""

    read_only: bool
    destructive: bool
    idempotent: bool
    open_world: bool = False


READING = Hints(read_only=True, destructive=False, idempotent=True)
CHANGING = Hints(read_only=False, destructive=False, idempotent=True)


@dataclass(frozen=True, slots=True)
class Route:
    """A REST binding below `/api/tracing/`. `fixed` are parameters that the path implies; `shape` turns the result into the body."""

    method: str
    path: str
    fixed: dict[str, Any] = field(default_factory=dict[str, Any])
    shape: Callable[[Any], Any] | None = None


@dataclass(frozen=True, slots=True)
class Command:
    """A CLI binding: words of the command and which parameter, if any, is positional."""

    words: tuple[str, ...]
    argument: str | None = None


@dataclass(frozen=True, slots=True)
class Prepared:
    """What a changing call would do: `digest` binds an approval to it, `description` tells a human, `details` shows the change."""

    digest: str
    description: str
    details: str = ""


@dataclass(frozen=True, slots=True)
class Deed:
    """One action for the record: OpenMemory's `action`, `context` and `outcome`."""

    action: str
    context: dict[str, Any]
    outcome: str = "success"


@dataclass(frozen=True, slots=True)
class Operation(Generic[P, R]):
    """See the fields. `render` gives the compact text that agents and terminals read; `deeds` what to record of a finished call.

    `incomplete` says of a result that a part of what was asked for failed: a command then ends with the code of a user error.
    """

    name: str
    summary: str
    params: type[P]
    result: type[R]
    permission: Permission
    hints: Hints
    run: Callable[[Call[P]], Awaitable[R]]
    render: Callable[[R, P], str]
    deeds: Callable[[R, P], Sequence[Deed]]
    routes: tuple[Route, ...]
    command: Command
    prepare: Callable[[Call[P]], Awaitable[Prepared | None]] | None = None
    incomplete: Callable[[R], bool] | None = None
    tool: bool = True
