"""`find_errors`: failed calls, where each error was born first."""

from __future__ import annotations

from pydantic import Field

from mcp_tracer.model.query import SpanQuery
from mcp_tracer.service.context import Call
from mcp_tracer.service.operation import READ, READING, Command, Operation, Params, Route
from mcp_tracer.service.operations.spans import SpansResult, find
from mcp_tracer.service.operations.views import asked


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
    born = _births(result)
    lines = [_line(result, first, through) for first, through in born]
    more = f'cursor="{result.cursor}" gives the next.' if result.cursor else ""
    said = [f"{len(result.spans)} failed calls, {len(born)} errors. {more}".rstrip()]
    return "\n".join([*said, *lines])


def _births(result: SpansResult) -> list[tuple[int, list[str]]]:
    """Indices of the innermost failed spans of this page, each with the callers that the same error passed through."""
    by_id = {span.span_id: number for number, span in enumerate(result.spans)}
    passed: set[int] = set()
    chains: list[tuple[int, list[str]]] = []
    for number, span in enumerate(result.spans):
        chain: list[str] = []
        above = by_id.get(span.parent_span_id or "")
        while above is not None and _same_error(result, number, above):
            passed.add(above)
            chain.append(result.spans[above].function)
            above = by_id.get(result.spans[above].parent_span_id or "")
        chains.append((number, chain))
    return [(number, chain) for number, chain in chains if number not in passed]


def _same_error(result: SpansResult, below: int, above: int) -> bool:
    first, second = result.spans[below].error, result.spans[above].error
    return first is not None and second is not None and (first.type, first.message) == (second.type, second.message)


def _line(result: SpansResult, number: int, through: list[str]) -> str:
    passed = f" | passed through {' ← '.join(through)}" if through else ""
    span = result.spans[number]
    at = f" | raised at {span.error.stack[-1][0]}:{span.error.stack[-1][1]}" if span.error and span.error.stack else ""
    return f"{result.lines[number]}{at}{passed}"


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
