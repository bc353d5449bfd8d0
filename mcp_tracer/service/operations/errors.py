"""`find_errors`: failed calls, where each error was born first."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import PurePath

from pydantic import Field

from mcp_tracer.analysis.text import counted
from mcp_tracer.analysis.tree import SITES
from mcp_tracer.model.query import SpanQuery
from mcp_tracer.service.context import Call
from mcp_tracer.service.operation import READ, READING, Command, Operation, Params, Route
from mcp_tracer.service.operations.error_pages import Identity, failed_calls, identity_of, is_same_error
from mcp_tracer.service.operations.spans import SpansResult
from mcp_tracer.service.operations.views import SpanView, asked

_NO_FUNCTIONS = (*SITES, "db", "http-client")
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
    )
    return SpansResult.of(await failed_calls(tools.store, query))


def render(result: SpansResult, params: ErrorsParams) -> str:
    """Spans that one exception passed through are joined to one line: where it was born, and through what it went."""
    if not result.spans:
        return _nothing(params)
    errors = _errors(result)
    more = f'cursor="{result.cursor}" gives the next.' if result.cursor else ""
    of = f" of {result.total:,}" if result.total is not None and result.total > len(result.spans) else ""
    said = f"{counted(len(result.spans), 'failed call')}{of}, {counted(len(errors), 'error')}. {more}".rstrip()
    return "\n".join([said, *(_line(result, numbers) for numbers in errors)])


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


def _errors(result: SpansResult) -> list[list[int]]:
    """Indices of the failed spans, one list an error: the span in which it was born, then the others."""
    groups: dict[Identity, list[int]] = {}
    for number, key in enumerate(_identities(result.spans)):
        groups.setdefault(key, []).append(number)
    joined = _with_roots(result, list(groups.values()))
    return [sorted(numbers, key=lambda number: _distance(result.spans[number])) for numbers in joined]


def _identities(spans: Sequence[SpanView]) -> list[Identity]:
    """Of each span its error's; where only the type was recorded, that of what it called or of its caller, if they failed so too."""
    found = {span.span_id: identity_of(span.trace_id, span.span_id, span.error) for span in spans}
    by_id = {span.span_id: span for span in spans}
    pairs = [(by_id[span.parent_span_id or ""], span) for span in spans if span.parent_span_id in by_id]
    pairs.sort(key=lambda pair: -pair[1].depth)
    for caller, called in [*pairs, *reversed(pairs)]:
        one, other = found[caller.span_id], found[called.span_id]
        if caller.error and called.error and caller.error.type == called.error.type and is_same_error(one, other):
            found[caller.span_id] = found[called.span_id] = max(one, other, key=len)
    return [found[span.span_id] for span in spans]


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


def _distance(span: SpanView) -> tuple[bool, bool, int]:
    """First the function whose line raised, then from the deepest up; call expressions are no functions."""
    raised = span.error.stack[-1] if span.error and span.error.stack else None
    raises = raised is not None and raised[0] == span.file and raised[2].rpartition(".")[2] == span.function.rpartition(".")[2]
    return (span.kind in SITES, not raises, -span.depth)


def _line(result: SpansResult, numbers: list[int]) -> str:
    born, *others = (result.spans[number] for number in numbers)
    passed, like_it = _callers(born, others)
    through = f" | passed through {' ← '.join(passed)}" if passed else ""
    at = f" | raised at {_place(born.error.stack)}{_callee(born, others)}" if born.error and born.error.stack else ""
    more = f" | {like_it} more like it here" if like_it else ""
    return f"{result.lines[numbers[0]]}{at}{through}{more}"


def _callers(born: SpanView, others: Sequence[SpanView]) -> tuple[list[str], int]:
    """(the functions above the one where the error was born, from below; how many calls failed the same way beside these)."""
    by_id = {span.span_id: span for span in others}
    roots = [span for span in others if _is_bare_root(span)]
    way: list[SpanView] = []
    above = by_id.pop(born.parent_span_id or "", None)
    while above is not None:
        way.append(above)
        above = by_id.pop(above.parent_span_id or "", None)
    way += [root for root in roots if root.span_id in by_id]
    beside = [span for span in by_id.values() if span.kind not in SITES and span not in roots and span.function == born.function]
    return _runs([span.function for span in way if span.kind not in SITES]), len(beside)


def _runs(names: Sequence[str]) -> list[str]:
    """The names; neighbours that are the same as one, with their number."""
    return [name if (n := len([*same])) == 1 else f"{name} ×{n}" for name, same in groupby(names)]


def _callee(born: SpanView, others: Sequence[SpanView]) -> str:
    """What the function called as it failed, where that was no traced function; a library's line says it itself."""
    if born.error is None or _is_foreign(born.error.stack[-1][0]):
        return ""
    called = next((span for span in others if span.parent_span_id == born.span_id and span.kind in _NO_FUNCTIONS), None)
    return f" in the call of {called.function}" if called else ""


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
