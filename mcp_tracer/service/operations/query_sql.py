"""`query_sql`: one SELECT over what was recorded."""

from __future__ import annotations

from pydantic import Field

from mcp_tracer.analysis.text import counted, left_out
from mcp_tracer.model.sql import VIEWS, Cell, Scope, SqlAnswer, SqlQuery, View
from mcp_tracer.service.context import Call
from mcp_tracer.service.operation import READ, READING, Command, Operation, Params, Result, Route
from mcp_tracer.service.operations.counted import expired
from mcp_tracer.service.operations.times import window_ns
from mcp_tracer.service.operations.views import asked

LONGEST_CELL = 300
CHARACTERS_A_TOKEN = 4


class SqlParams(Params):
    """Parameters of `query_sql`."""

    sql: str = Field(default="", max_length=20_000, description="One SELECT (SQLite). Empty: the views and their columns.")
    run: str | None = Field(default=None, description="Only this run: id, or last, previous, last-failed.")
    trace: str | None = Field(default=None, description="Only this trace.")
    start: str | None = Field(default=None, description="Only from here on: ISO 8601, or an age such as 15m.")
    end: str | None = Field(default=None, description="Only before: ISO 8601, or an age.")
    limit: int = Field(default=50, ge=1, le=1000, description="How many rows.")
    timeout: float = Field(default=10, gt=0, le=60, description="Seconds after which it is given up.")
    max_tokens: int = Field(default=2000, ge=200, le=20000, description="About how long the answer may be.")


class ColumnView(Result):
    """A column that can be asked for."""

    name: str
    type: str
    meaning: str


class ViewView(Result):
    """A view that can be asked for."""

    name: str
    meaning: str
    columns: list[ColumnView]


class SqlResult(Result):
    """The rows; `views` instead where no SQL was given. `total` is None where counting was given up.

    `spans` (and events) were loaded for the query; `spansLeftOut` are older ones that were too many. `note`: calls that are missing.
    """

    columns: list[str] = Field(default_factory=list[str])
    rows: list[list[Cell]] = Field(default_factory=list[list[Cell]])
    total: int | None = 0
    spans: int = 0
    spans_left_out: int = 0
    views: list[ViewView] = Field(default_factory=list[ViewView])
    note: str | None = Field(default=None, exclude_if=lambda note: note is None)


async def run(call: Call[SqlParams]) -> SqlResult:
    """Take what has been written meanwhile, resolve `last` and short ids, and ask."""
    params, tools = call.params, call.tools
    if not params.sql.strip():
        return SqlResult(views=[_view(view) for view in VIEWS])
    await tools.catch_up()
    start_ns, end_ns = window_ns(params.start, params.end)
    scope = Scope(
        run_id=(await tools.store.run(params.run)).run_id if params.run else None,
        trace_id=(await tools.store.trace(params.trace)).trace_id if params.trace else None,
        start_ns=start_ns,
        end_ns=end_ns,
    )
    result = _result(await tools.store.sql(SqlQuery(params.sql, scope, params.limit, params.timeout)))
    result.note = await expired(tools, scope.run_id)
    return result


def _result(answer: SqlAnswer) -> SqlResult:
    return SqlResult(
        columns=list(answer.columns),
        rows=[list(row) for row in answer.rows],
        total=answer.total,
        spans=answer.spans,
        spans_left_out=answer.spans_left_out,
    )


def _view(view: View) -> ViewView:
    columns = [ColumnView(name=column.name, type=column.type, meaning=column.meaning) for column in view.columns]
    return ViewView(name=view.name, meaning=view.meaning, columns=columns)


def render(result: SqlResult, params: SqlParams) -> str:
    """A table without padding, as long as the budget allows, and what is not in it."""
    if result.views:
        return "\n".join(_described(view) for view in result.views)
    header = " | ".join(_shown(name) for name in result.columns)
    lines: list[str] = []
    room = params.max_tokens * CHARACTERS_A_TOKEN - len(header)
    for row in result.rows:
        line = " | ".join(_shown(cell) for cell in row)
        room -= len(line) + 1
        if room < 0 and lines:
            break
        lines.append(line)
    return "\n".join([header, *lines, *_said(result, len(lines))])


def _said(result: SqlResult, shown: int) -> list[str]:
    """How many rows there are, and what was not looked at."""
    if not result.rows:
        said = ["No rows."]
    elif shown < len(result.rows):
        said = left_out(shown, result.total, "name fewer columns, page with LIMIT and OFFSET in the SQL, or raise max_tokens.")
    elif result.total is None or result.total > shown:
        of_many = result.total if result.total is not None else None
        said = left_out(shown, of_many, "page with LIMIT and OFFSET in the SQL, aggregate, or raise `limit` (at most 1000).")
    else:
        said = [f"{counted(shown, 'row')}."]
    if result.spans_left_out:
        said.append(
            f"Only the newest {result.spans:,} spans were looked at, {result.spans_left_out:,} older ones were not: name `run`, `trace`, "
            "or `start` and `end`. The views functions and hours count all."
        )
    return [*said, *([result.note] if result.note else [])]


def _described(view: ViewView) -> str:
    columns = "; ".join(f"{column.name} {column.type} {column.meaning}" for column in view.columns)
    return f"{view.name}: {view.meaning} Columns: {columns}"


def _shown(cell: Cell) -> str:
    """On one line, and with no bar that would look like the next cell's."""
    if cell is None:
        return "NULL"
    if isinstance(cell, float):
        return f"{cell:.6g}"
    text = " ".join(str(cell).split()).replace("|", "\\|")
    return text if len(text) <= LONGEST_CELL else f"{text[:LONGEST_CELL]}…{len(text):,}"


QUERY_SQL = Operation(
    name="query_sql",
    summary=(
        "Ask with one read-only SELECT (SQLite) over the views spans, errors, statements (SQL that the program sent), functions and hours "
        "(statistics), traces, runs, events. spans has span_id, trace_id, parent_id, run, function, file, line, kind, start_time, "
        "duration_ms, self_ms, depth, error, params, return_value (JSON: params ->> '$.name'). Call it without sql for all columns."
    ),
    params=SqlParams,
    result=SqlResult,
    permission=READ,
    hints=READING,
    run=run,
    render=render,
    deeds=asked("queried_sql"),
    routes=(Route("GET", "sql"),),
    command=Command(("sql",), argument="sql"),
)
