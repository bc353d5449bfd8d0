"""The one way in: validate, ask the guard, run, record. Every face calls `Service.call`."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from pydantic import ValidationError

from mcp_tracer.model.errors import NotFound, Refused, TracerError, Unavailable, UserError
from mcp_tracer.service.context import Call, Caller, Progress, Tools
from mcp_tracer.service.guard import check_flags, needs_approval, spend_approval
from mcp_tracer.service.operation import Deed, Operation, Params, Result


@dataclass(frozen=True, slots=True)
class Answer:
    """What a call gave: the result for programs, and the text for agents and terminals."""

    result: Result
    text: str
    incomplete: bool = False


async def no_progress(done: int, total: int, message: str) -> None:
    """A progress receiver for callers that don't listen."""


class _Reading:
    """Notes what an answer lacks of what programs have recorded."""

    def __init__(self, tools: Tools, progress: Progress) -> None:
        self._tools, self._progress = tools, progress
        self._left, self._has_read = 0, False

    async def catch_up(self, progress: Progress | None = None) -> int:
        self._has_read = True
        self._left = await self._tools.catch_up(progress or self._progress)
        return self._left

    async def note(self) -> str:
        """Lines about files that are not wholly taken in yet or cannot be, and one for each damaged part of the store; nothing where the
        answer lacks nothing."""
        lines: list[str] = []
        if self._left:
            behind = f"{self._left} recording(s) hold more than could be taken in so far"
            server = f"another mcp-tracer server is still taking in {self._left} recording(s)"
            lines.append(f"Not all is in yet: {behind if self._tools.ingesting() else server}. Ask again for the newest calls.")
        lines += (*self._tools.not_taken_in(), *await self._tools.store.lacking()) if self._has_read else ()
        return "".join(f"\n{line}" for line in lines)


class Service:
    """The operations of one project. `sources` are the caller's name and version as it gave them itself."""

    def __init__(self, tools: Tools, operations: Mapping[str, Operation[Any, Any]]) -> None:
        self.tools = tools
        self.operations = operations

    async def call(self, name: str, arguments: Mapping[str, Any], caller: Caller, progress: Progress = no_progress) -> Answer:
        """Run one operation. Raises UserError, Refused (Pending among them) or Unavailable; all of them are recorded first."""
        operation = self._operation(name)
        params = validate(operation.params, arguments)
        reading = _Reading(self.tools, progress)
        tools = replace(self.tools, catch_up=reading.catch_up)
        call: Call[Any] = Call(params=params, caller=caller, tools=tools, progress=progress)
        try:
            await self._authorise(operation, call)
            result = await operation.run(call)
        except TracerError as error:
            error.args = (f"{error}{await reading.note()}", *error.args[1:])  # what isn't found may be in what an answer lacks
            await self._record(operation, caller, [_failed(operation, params, error)])
            raise
        unrecorded = await self._record(operation, caller, operation.deeds(result, params))
        incomplete = operation.incomplete is not None and operation.incomplete(result)
        return Answer(result=result, text=operation.render(result, params) + await reading.note() + unrecorded, incomplete=incomplete)

    def _operation(self, name: str) -> Operation[Any, Any]:
        if name in self.operations:
            return self.operations[name]
        near = difflib.get_close_matches(name, self.operations, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(sorted(self.operations))}."
        raise NotFound(f"no operation {name!r}: {hint}")

    async def _authorise(self, operation: Operation[Any, Any], call: Call[Any]) -> None:
        if not operation.permission.changes:
            return
        settings = self.tools.settings()
        check_flags(operation.permission, settings)
        if operation.prepare is None or not needs_approval(operation.permission, settings):
            return
        prepared = await operation.prepare(call)
        if prepared is not None:
            params = call.params.model_dump(mode="json", by_alias=True, exclude_defaults=True)
            await spend_approval(self.tools.approvals, operation.name, params, prepared, call.caller.name)

    async def _record(self, operation: Operation[Any, Any], caller: Caller, deeds: Any) -> str:
        """Record what was done. A question that cannot be recorded is answered all the same, with a line about that; a change fails."""
        agent = f"{caller.name}/{caller.version}" if caller.version else caller.name
        try:
            for deed in deeds:
                context = {**deed.context, "via": caller.via}
                await self.tools.memory.record_action(self.tools.project.name, agent, deed.action, context, deed.outcome)
        except Unavailable as error:
            if operation.permission.changes:
                raise
            return f"\nThat this was asked is not recorded. {error}"
        return ""


def _failed(operation: Operation[Any, Any], params: Params, error: TracerError) -> Deed:
    context: dict[str, Any] = {"params": params.model_dump(mode="json", by_alias=True, exclude_defaults=True), "reason": str(error)}
    if isinstance(error, Refused):
        context["flag"] = error.flag
    return Deed(action=operation.name, context=context, outcome=error.code)


def validate(model: type[Params], arguments: Mapping[str, Any]) -> Params:
    """Build the parameters; raises UserError with one sentence a problem, never pydantic's own text."""
    try:
        return model.model_validate(dict(arguments))
    except ValidationError as error:
        raise UserError(" ".join(_sentence(model, problem) for problem in error.errors())) from None


def _sentence(model: type[Params], problem: Any) -> str:
    name = ".".join(str(part) for part in problem["loc"]) or "arguments"
    if problem["type"] == "extra_forbidden":
        near = difflib.get_close_matches(name, model.model_fields, n=1)
        known = ", ".join(model.model_fields)
        return f"unknown parameter {name!r}: " + (f"did you mean {near[0]!r}?" if near else f"there are: {known}.")
    if problem["type"] == "missing":
        key, field = next(((key, f) for key, f in model.model_fields.items() if name in (key, f.alias)), (name, None))
        return f"parameter {key!r} is missing" + (f": {field.description}" if field and field.description else ".")
    if problem["type"] == "value_error":
        return str(problem["ctx"]["error"])
    message = problem["msg"][0].lower() + problem["msg"][1:]
    return f"{name} = {problem['input']!r}: {message}."
