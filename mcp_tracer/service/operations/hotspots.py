"""`get_hotspots`: where the time goes."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from mcp_tracer.analysis.text import duration, table
from mcp_tracer.service.context import Call
from mcp_tracer.service.operation import READ, READING, Command, Operation, Params, Result, Route
from mcp_tracer.service.operations.ranking import ALL, ranked
from mcp_tracer.service.operations.stats import named, notes, self_cell, spent, total_cell
from mcp_tracer.service.operations.times import window_ns
from mcp_tracer.service.operations.views import StatsView, asked, ns, stats_view


class HotspotsParams(Params):
    """Parameters of `get_hotspots`."""

    by: Literal["self", "total"] = Field(
        default="self", description="self: time in the function itself; total: with what it called, recursive calls added up."
    )
    run: str | None = Field(default=None, description="Run id, or last, previous, last-failed. Default: all runs.")
    start: str | None = Field(default=None, description="Not before: ISO 8601, or an age such as 15m.")
    end: str | None = Field(default=None, description="Not after: ISO 8601, or an age.")
    limit: int = Field(default=15, ge=1, le=200, description="How many functions.")
    cursor: str | None = Field(default=None, description="Continue after the page that gave this cursor.")


class HotspotsResult(Result):
    """Functions, costliest first."""

    hotspots: list[StatsView]
    cursor: str | None
    _spent: float = 0.0

    @classmethod
    def of(cls, hotspots: list[StatsView], cursor: str | None, spent: float) -> HotspotsResult:
        """The result, which keeps the time that all functions took themselves for its text."""
        made = cls(hotspots=hotspots, cursor=cursor)
        made._spent = spent
        return made

    @property
    def spent(self) -> float:
        """The time in milliseconds that all functions took themselves."""
        return self._spent


async def run(call: Call[HotspotsParams]) -> HotspotsResult:
    """Ask the rollups."""
    await call.tools.catch_up()
    store, params = call.tools.store, call.params
    start_ns, end_ns = window_ns(params.start, params.end)
    run_id = (await store.run(params.run)).run_id if params.run else None
    rows = await store.hotspots(
        by=params.by,
        run_id=run_id,
        start_ns=start_ns,
        end_ns=end_ns,
        limit=params.limit + 1 if params.cursor is None else ALL,
    )
    page = ranked(rows, params.by, params.limit, params.cursor)
    return HotspotsResult.of([stats_view(row) for row in page.rows], page.cursor, await spent(call.tools, run_id))


def render(result: HotspotsResult, params: HotspotsParams) -> str:
    """A table, costliest first."""
    if not result.hotspots:
        return "Nothing was recorded there: `list_runs` shows what there is."
    rows = [
        (
            named(row),
            self_cell(row),
            total_cell(row, result.spent),
            f"{row.call_count:,}",
            duration(ns(row.avg_duration) or 0),
        )
        for row in result.hotspots
    ]
    note = notes(result.hotspots, [cells[2] for cells in rows])
    more = f'\n{len(rows)} shown; cursor="{result.cursor}" gives the next.' if result.cursor else ""
    return f"by {params.by} time\n" + table(("function", "self", "total", "calls", "avg"), rows) + more + note


def list_shape(result: HotspotsResult) -> list[dict[str, Any]]:
    """The body of GET hotspots: the specification's plain array."""
    return [row.model_dump(by_alias=True) for row in result.hotspots]


GET_HOTSPOTS = Operation(
    name="get_hotspots",
    summary="List the functions in which most time was spent, by self or total time, over all runs, one run or a time window.",
    params=HotspotsParams,
    result=HotspotsResult,
    permission=READ,
    hints=READING,
    run=run,
    render=render,
    deeds=asked("read_hotspots"),
    routes=(Route("GET", "hotspots", shape=list_shape),),
    command=Command(("hotspots",)),
)
