"""`find_errors`: failed calls, where each error was born first."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import PurePath

from pydantic import Field

from mcp_tracer.analysis.text import counted
from mcp_tracer.model.query import SpanQuery
from mcp_tracer.service.context import Call
from mcp_tracer.service.operation import READ, READING, Command, Operation, Params, Route
from mcp_tracer.service.operations.counted import expired
from mcp_tracer.service.operations.error_chains import ErrorChain, chains_of
from mcp_tracer.service.operations.error_pages import failed_calls
from mcp_tracer.service.operations.spans import SpansResult, seconds_field, unseen
from mcp_tracer.service.operations.views import asked

_FOREIGN = frozenset({"node_modules", "site-packages"})


class ErrorsParams(Params):
    """Parameters of `find_errors`."""

    error_type: str | None = Field(default=None, description="Such as KeyError or sqlite3.OperationalError.")
    query: str | None = Field(default=None, description="Text in the message, the parameters or the function's name.")
    file: str | None = Field(default=None, description="File path or glob.")
    function: str | None = Field(default=None, description="Function name or glob.")
    run: str | None = Field(default=None, description="Run id, or last, previous, last-failed.")
    test: str | None = Field(default=None, description="Test id, or a part of one.")
    limit: int = Field(default=20, ge=1, le=500, description="How many failed calls.")
    cursor: str | None = Field(default=None, description="Continue after the page that gave this cursor.")
    seconds: float = seconds_field()


async def run(call: Call[ErrorsParams]) -> SpansResult:
    """Search failed spans, newest first, with all that an error of the page passed through."""
    params, tools = call.params, call.tools
    await tools.catch_up()
    query = SpanQuery(
        has_error=True,
        error_type=params.error_type,
        text=params.query,
        file=params.file,
        function=params.function,
        run_id=(await tools.store.run(params.run)).run_id if params.run else None,
        test_id=params.test,
        limit=params.limit,
        cursor=params.cursor,
        seconds=params.seconds,
    )
    result = SpansResult.of(await failed_calls(tools.store, query), query)
    if result.cursor is None:
        result.note = await expired(tools, query.run_id) or ""
    return result


def render(result: SpansResult, params: ErrorsParams) -> str:
    """Spans that one exception passed through are joined to one line: where it was born, and through what it went."""
    note = [result.note] if result.note else []
    if not result.spans and result.complete:
        return " ".join([_nothing(params), *note])
    if not result.spans:
        return "\n".join(["No failed call was found so far.", *unseen(result, params.seconds)])
    errors = chains_of(result.spans)
    more = f'cursor="{result.cursor}" gives the next.' if result.cursor and result.complete else ""
    of = f" of {result.total:,}" if result.total is not None and result.total > len(result.spans) else ""
    number = sum(1 + one.like_it for one in errors)
    said = f"{counted(len(result.spans), 'failed call')}{of}, {counted(number, 'error')}. {more}".rstrip()
    return "\n".join([said, *(_line(result, one) for one in errors), *unseen(result, params.seconds), *note])


def _nothing(params: ErrorsParams) -> str:
    """All that was asked for, so that nothing is denied that was not looked for."""
    if params.cursor:
        return "No further error was recorded: the pages before had all."
    names = ("error_type", "query", "file", "function", "run", "test")
    given = {name: getattr(params, name) for name in names if getattr(params, name) is not None}
    if not given:
        return "No failed call was recorded."
    asked = ", ".join(f"{name}={value}" for name, value in given.items())
    return f"No failed call was recorded with {asked}" + (" together: leave one out to see more." if len(given) > 1 else ".")


def _line(result: SpansResult, one: ErrorChain) -> str:
    error = result.spans[one.born].error
    stack = error.stack if error else []
    passed = _runs([result.spans[number].function for number in one.passed])
    parts = [
        result.lines[one.born],
        f"raised at {_place(stack)}{_callee(result, one, stack)}" if stack else "",
        f"passed through {' ← '.join(passed)}" if passed else "",
        f"{one.like_it} more like it here" if one.like_it else "",
    ]
    return " | ".join(part for part in parts if part)


def _runs(names: Sequence[str]) -> list[str]:
    """The names; neighbours that are the same as one, with their number."""
    return [name if (n := len([*same])) == 1 else f"{name} ×{n}" for name, same in groupby(names)]


def _callee(result: SpansResult, one: ErrorChain, stack: Sequence[tuple[str, int, str]]) -> str:
    """What the function called as it failed; a library's line says it itself."""
    return "" if one.called is None or _is_foreign(stack[-1][0]) else f" in the call of {result.spans[one.called].function}"


def _place(stack: Sequence[tuple[str, int, str]]) -> str:
    """Where an exception was raised; for a library's line also the project's line that led there."""
    file, line, function = stack[-1]
    if not _is_foreign(file):
        return f"{file}:{line}"
    ours = next((f", called at {at}:{number}" for at, number, _ in reversed(stack) if not _is_foreign(at)), "")
    return f"{'/'.join(PurePath(file).parts[-2:])}:{line} in {function}{ours}"


def _is_foreign(file: str) -> bool:
    """Whether a stack's file is not the project's own; only those are relative."""
    return PurePath(file).is_absolute() or not _FOREIGN.isdisjoint(PurePath(file).parts)


FIND_ERRORS = Operation(
    name="find_errors",
    summary="List failed calls: exception, message, parameters, the line that raised it, and the callers that it passed through.",
    params=ErrorsParams,
    result=SpansResult,
    permission=READ,
    hints=READING,
    run=run,
    render=render,
    deeds=asked("searched_errors"),
    routes=(Route("GET", "errors"),),
    command=Command(("errors",)),
)
