"""`get_stats`: counts, times and percentiles of a file's functions or of one function."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from mcp_tracer.analysis.text import duration, left_out, table
from mcp_tracer.analysis.tree import SITES
from mcp_tracer.model.errors import NotFound
from mcp_tracer.model.query import Page
from mcp_tracer.service.context import Call, Tools
from mcp_tracer.service.operation import READ, READING, Command, Operation, Params, Result, Route
from mcp_tracer.service.operations.counted import lacking
from mcp_tracer.service.operations.ranking import ranked
from mcp_tracer.service.operations.similar import similar
from mcp_tracer.service.operations.views import StatsView, asked, ms, ns, stats_view

ADDED_UP = "* calls inside calls of the same function (recursion), side by side, or waiting are each added up: self time is not."

ESTIMATED = (
    "≈ estimated: so many calls ran without probes to keep the overhead budget: {}. They are counted one by one (call sites by share); "
    "their times are those of the calls seen in between. TRACING_EXACT_COUNTS=true times every call."
)


class StatsParams(Params):
    """Parameters of `get_stats`."""

    file: str | None = Field(default=None, description="File path or glob.")
    function: str | None = Field(default=None, description="Function name or glob.")
    run: str | None = Field(default=None, description="Run id, or last, previous, last-failed. Default: all runs.")
    limit: int = Field(default=40, ge=1, le=500, description="How many functions.")
    cursor: str | None = Field(default=None, description="Continue after the page that gave this cursor.")


class StatsResult(Result):
    """`whole` sums up a file (None where one function was asked for); `functions`, `total` of them, by total time.

    `missing`: that the run's recording lacks calls.
    """

    whole: StatsView | None
    functions: list[StatsView]
    total: int
    cursor: str | None
    missing: str | None = None
    _spent: float = 0.0

    @classmethod
    def of(cls, whole: StatsView | None, functions: Page[StatsView], missing: str | None, spent: float) -> StatsResult:
        """The result, which keeps the time that all functions took themselves for its text."""
        made = cls(whole=whole, functions=list(functions.rows), total=functions.total or 0, cursor=functions.cursor, missing=missing)
        made._spent = spent
        return made

    @property
    def spent(self) -> float:
        """The time in milliseconds that all functions took themselves."""
        return self._spent


async def run(call: Call[StatsParams]) -> StatsResult:
    """Ask the rollups."""
    await call.tools.catch_up()
    store, params = call.tools.store, call.params
    run_id = (await store.run(params.run)).run_id if params.run else None
    found = await store.function_stats(params.file, params.function, run_id)
    if not found:
        raise NotFound(await _nothing(call))
    whole = _whole([stats_view(row) for row in found], params.file) if params.function is None and params.file else None
    page = ranked(found, "total", params.limit, params.cursor)
    views = Page(tuple(stats_view(row) for row in page.rows), page.cursor, len(found))
    missing = lacking(await store.run(run_id)) if run_id else None
    return StatsResult.of(whole, views, missing, await spent(call.tools, run_id))


async def spent(tools: Tools, run_id: str | None) -> float:
    """The time in milliseconds that all functions ran themselves: no call took more of it, so a larger total counts time twice."""
    return ms(await tools.store.self_time(run_id))


def total_cell(row: StatsView, spent: float) -> str:
    """The total time; with a star where it counts time twice."""
    return about(row) + _time(row.total_time) + ("*" if row.call_count > 1 and row.total_time > spent * 1.01 else "")


def self_cell(row: StatsView) -> str:
    """The self time."""
    return about(row) + _time(row.self_time)


def about(row: StatsView) -> str:
    """What stands before a time that is an estimate."""
    return "≈" if row.estimated_calls else ""


def notes(rows: list[StatsView], cells: list[str]) -> str:
    """What the marks in a table's cells mean, a line each."""
    found = [ADDED_UP] if any(cell.endswith("*") for cell in cells) else []
    estimated = [row for row in rows if row.estimated_calls]
    if estimated:
        found.append(ESTIMATED.format(", ".join(f"{row.function or row.file} {row.estimated_calls:,}" for row in estimated[:3])))
    return "".join("\n" + line for line in found)


async def _nothing(call: Call[StatsParams]) -> str:
    params = call.params
    kind, name = ("function", params.function) if params.function else ("file", params.file or "")
    hint = await similar(call.tools, kind, name)
    return f"nothing was recorded for {kind} {name!r}.{hint} `get_status` shows what is instrumented."


def _whole(rows: list[StatsView], file: str) -> StatsView:
    rows = [row for row in rows if row.kind not in SITES] or rows
    calls, errors = sum(row.call_count for row in rows), sum(row.error_count for row in rows)
    total = sum(row.total_time for row in rows)
    slowest = max(rows, key=lambda row: row.max_duration)
    return StatsView(
        file=file,
        function=None,
        call_count=calls,
        error_count=errors,
        error_rate=round(errors / calls, 6) if calls else 0.0,
        avg_duration=round(total / calls, 6) if calls else 0.0,
        min_duration=min(row.min_duration for row in rows),
        max_duration=slowest.max_duration,
        total_time=round(total, 6),
        self_time=round(sum(row.self_time for row in rows), 6),
        p50=0.0,
        p95=0.0,
        p99=0.0,
        estimated_calls=sum(row.estimated_calls for row in rows),
    )


def render(result: StatsResult, params: StatsParams) -> str:
    """A table, one row a function."""
    rows = [
        (
            named(row),
            f"{row.call_count:,}",
            f"{row.error_count:,}",
            *(_time(value) for value in (row.avg_duration, row.p50, row.p95, row.p99, row.min_duration, row.max_duration)),
            total_cell(row, result.spent),
            self_cell(row),
        )
        for row in result.functions
    ]
    text = table(("function", "calls", "errors", "avg", "p50", "p95", "p99", "min", "max", "total", "self"), rows)
    how = f'narrow `file` or `function`, or cursor="{result.cursor}" gives the next.' if result.cursor else "these are the last."
    more = "".join("\n" + line for line in left_out(len(rows), result.total, how))
    whole = result.whole
    head = f"{whole.file}: {whole.call_count:,} calls, {whole.error_count:,} errors ({whole.error_rate:.2%})\n" if whole else ""
    missing = f"\n{result.missing}" if result.missing else ""
    return head + text + more + notes(result.functions, [cells[-2] for cells in rows]) + missing


def named(row: StatsView) -> str:
    """The function's name and place, which a library's has not; a call expression is said to be one."""
    name = f"{row.kind} {row.function}" if row.kind in SITES else row.function or ""
    return f"{name} {row.file}:{row.line}" if row.file else name


def _time(milliseconds: float) -> str:
    return duration(ns(milliseconds) or 0)


def file_shape(result: StatsResult) -> dict[str, Any]:
    """The body of GET stats/file/{file}: the file's own figures, and its functions'."""
    whole = result.whole.model_dump(by_alias=True, exclude={"p50", "p95", "p99", "function", "line", "kind"}) if result.whole else {}
    functions = [row.model_dump(by_alias=True) for row in result.functions]
    return {**whole, "functions": functions, "total": result.total, "cursor": result.cursor}


def function_shape(result: StatsResult) -> dict[str, Any]:
    """The body of GET stats/function/{file}/{function}."""
    first = result.functions[0].model_dump(by_alias=True)
    others = [row.model_dump(by_alias=True) for row in result.functions[1:]]
    return {**first, "others": others} if others else first


GET_STATS = Operation(
    name="get_stats",
    summary="Statistics of a file's functions or of one function: calls, errors, average, p50, p95, p99, min, max, total and self time.",
    params=StatsParams,
    result=StatsResult,
    permission=READ,
    hints=READING,
    run=run,
    render=render,
    deeds=asked("read_stats"),
    routes=(
        Route("GET", "stats/file/{file}", shape=file_shape),
        Route("GET", "stats/function/{file}/{function}", shape=function_shape),
    ),
    command=Command(("stats",), argument="file"),
)
