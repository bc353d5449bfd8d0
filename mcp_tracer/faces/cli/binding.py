"""Operations as commands: words, argument and options come from the operation's declaration and its parameter model."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args, get_origin

import typer
from pydantic.fields import FieldInfo

from mcp_tracer.faces.cli.asking import JsonOption, ProjectOption, asked
from mcp_tracer.faces.cli.calling import perform
from mcp_tracer.service.operation import Operation

OPTION_NAMES = {"functions": "--function", "languages": "--language", "capture_vars": "--capture-var", "paths": "--path"}
"""Options that a person repeats are named in the singular."""


@dataclass(frozen=True, slots=True)
class Bound:
    """A field as typer sees it."""

    annotation: Any
    is_list: bool
    is_flag: bool


def command_of(operation: Operation[Any, Any]) -> Callable[..., None]:
    """A function whose signature is the operation's parameters; typer makes the command of it. Only what was given is passed on."""

    def command(ctx: typer.Context, project: ProjectOption = None, as_json: JsonOption = False, **given: Any) -> None:
        arguments = {name: value for name, value in given.items() if value is not None and value != []}
        perform(operation.name, arguments, asked(ctx, project, as_json))

    own = [part for part in inspect.signature(command, eval_str=True).parameters.values() if part.name != "given"]
    derived = [parameter_of(name, field, operation) for name, field in operation.params.model_fields.items()]
    signature = inspect.Signature([part.replace(kind=inspect.Parameter.KEYWORD_ONLY) for part in (*own, *derived)])
    command.__dict__["__signature__"] = signature
    command.__annotations__ = {name: part.annotation for name, part in signature.parameters.items()}
    command.__doc__ = operation.summary
    return command


def parameter_of(name: str, field: FieldInfo, operation: Operation[Any, Any]) -> inspect.Parameter:
    """The argument or option of one field. Optional ones have no default here, so that the model's own holds."""
    bound = bind(field.annotation)
    is_argument = operation.command.argument == name
    required = field.is_required()
    help_text = help_of(field)
    info: Any
    if is_argument:
        metavar = f"{name.rstrip('s').upper()}…" if bound.is_list else name.upper()
        info = typer.Argument(help=help_text, show_default=False, metavar=metavar)
    else:
        info = typer.Option(*option_names(name, field, bound), help=help_text, show_default=False)
    annotation = bound.annotation if required else bound.annotation | None
    default = inspect.Parameter.empty if required else None
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[annotation, info])


def bind(annotation: Any) -> Bound:
    """Types that a command line can say: text, numbers, choices, flags and lists of text; the model converts and checks."""
    choices = [part for part in get_args(annotation) if part is not type(None)]
    is_optional = type(None) in get_args(annotation)
    inner: Any = choices[0] if is_optional and len(choices) == 1 else annotation
    if get_origin(inner) is list:
        return Bound(list[str], True, False)
    if inner is bool:
        return Bound(bool, False, True)
    return Bound(inner if inner in (int, float, str) or get_origin(inner) is Literal else str, False, False)


def option_names(name: str, field: FieldInfo, bound: Bound) -> tuple[str, ...]:
    """`--level`; `--dry-run` for what is off by default; `--restore/--no-restore` for what is on or left open."""
    option = OPTION_NAMES.get(name, "--" + name.replace("_", "-"))
    if bound.is_flag and field.default is not False:
        return (f"{option}/--no-{option[2:]}",)
    return (option,)


def help_of(field: FieldInfo) -> str:
    """The description, with the default where there is one to tell."""
    text = field.description or ""
    default = field.default
    tells = not field.is_required() and field.default_factory is None and default not in (None, False)
    return f"{text} [default: {str(default).lower() if default is True else default}]" if tells else text


def add_commands(app: typer.Typer, groups: dict[tuple[str, ...], typer.Typer], operations: Mapping[str, Operation[Any, Any]]) -> None:
    """Register a command for each operation, in groups by its first words."""
    for operation in operations.values():
        *above, last = operation.command.words
        group = group_of(app, groups, tuple(above))
        group.command(last, help=operation.summary)(command_of(operation))


def group_of(app: typer.Typer, groups: dict[tuple[str, ...], typer.Typer], words: tuple[str, ...]) -> typer.Typer:
    """The group of these words, made at first need."""
    if not words:
        return app
    if words not in groups:
        groups[words] = typer.Typer(no_args_is_help=True, help=GROUP_HELP.get(words[-1], ""))
        group_of(app, groups, words[:-1]).add_typer(groups[words], name=words[-1])
    return groups[words]


GROUP_HELP = {"config": "What is traced, at which level.", "approvals": "What agents asked for, and a person's decision."}
