"""`find_errors`: failed calls, where each error was born first."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath

from pydantic import Field

from mcp_tracer.analysis.text import counted
from mcp_tracer.model.query import SpanQuery
from mcp_tracer.service.context import Call
from mcp_tracer.service.operation import READ, READING, Command, Operation, Params, Route
from mcp_tracer.service.operations.spans import SpansResult, find
from mcp_tracer.service.operations.views import SpanView, asked

_FOREIGN = frozenset({"node_modules", "site-packages"})


class ErrorsParams(Params):
    """Parameters of `find_errors`."""

    error_type: str | None = Field(default=None, description="Such as KeyError or sqlite3.OperationalError.")
    query: str | None = Field(default=None, description="Text in the message, the parameters or the function's name.")
    file: str | None = Field(default=None, description="File path or glob.")
    function: str | None = Field(default=None, description="Function name or glob.")
    run: str | None = Field(default=None, description="Run id, or last, previous, last-failed.")
    test: str | None = Field(default=None, description="Test id.")
    limit: int = Field(default=20, ge=1, le=500, description="How many failed calls.")
    cursor: str | None = Field(default=None, description="Continue after the page that gave this cursor.")


async def run(call: Call[ErrorsParams]) -> SpansResult:
    """Search failed spans, newest first."""
    params = call.params
    return await find(
        call.tools,
        SpanQuery(
            has_error=True,
            error_type=params.error_type,
            text=params.query,
            file=params.file,
            function=params.function,
            run_id=params.run,
            test_id=params.test,
            limit=params.limit,
            cursor=params.cursor,
        ),
    )


def render(result: SpansResult, params: ErrorsParams) -> str:
    """Spans that one exception passed through are joined to one line: where it was born, and through what it went."""
    if not result.spans:
        return "No failed call was recorded" + (f" with {params.error_type}." if params.error_type else ".")
    errors = _errors(result)
    more = f'cursor="{result.cursor}" gives the next.' if result.cursor else ""
    of = f" of {result.total:,}" if result.total is not None and result.total > len(result.spans) else ""
    said = f"{counted(len(result.spans), 'failed call')}{of}, {counted(len(errors), 'error')}. {more}".rstrip()
    return "\n".join([said, *(_line(result, numbers) for numbers in errors)])


def _errors(result: SpansResult) -> list[list[int]]:
    """Indices of the failed spans, one list an error: the span in which it was born, then those that it passed through."""
    groups: dict[tuple[object, ...], list[int]] = {}
    for number, span in enumerate(result.spans):
        error = span.error
        raised = error.stack[-1] if error and error.stack else None
        key = (span.trace_id, error.type, error.message, raised) if error else (span.span_id,)
        groups.setdefault(key, []).append(number)
    joined = _with_roots(result, list(groups.values()))
    return [sorted(numbers, key=lambda number: _distance(result.spans[number])) for numbers in joined]


def _with_roots(result: SpansResult, groups: list[list[int]]) -> list[list[int]]:
    """A request or test that failed without an exception of its own failed through the one recorded below it."""
    plain = [group for group in groups if all(_is_bare_root(result.spans[number]) for number in group)]
    kept = [group for group in groups if group not in plain]
    for group in plain:
        trace = result.spans[group[0]].trace_id
        below = next((other for other in kept if result.spans[other[0]].trace_id == trace), None)
        if below is None:
            kept.append(group)
        else:
            below += group
    return kept


def _is_bare_root(span: SpanView) -> bool:
    return span.kind in ("test", "http-server") and (span.error is None or not span.error.stack)


def _distance(span: SpanView) -> tuple[bool, int]:
    """First the function whose line raised, then from the deepest up."""
    raised = span.error.stack[-1] if span.error and span.error.stack else None
    raises = raised is not None and raised[0] == span.file and raised[2].rpartition(".")[2] == span.function.rpartition(".")[2]
    return (not raises, -span.depth)


def _line(result: SpansResult, numbers: list[int]) -> str:
    born, *passed = (result.spans[number] for number in numbers)
    through = f" | passed through {' ← '.join(span.function for span in passed)}" if passed else ""
    at = f" | raised at {_place(born.error.stack)}" if born.error and born.error.stack else ""
    return f"{result.lines[numbers[0]]}{at}{through}"


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
