"""`list_runs`: the executions that were traced."""

from __future__ import annotations

import shlex

from pydantic import Field

from mcp_tracer.analysis.text import counted, duration, iso, left_out
from mcp_tracer.model.span import Run
from mcp_tracer.service.context import Call
from mcp_tracer.service.operation import READ, READING, Command, Operation, Params, Result, Route
from mcp_tracer.service.operations.views import asked, ms


class RunsParams(Params):
    """Parameters of `list_runs`."""

    limit: int = Field(default=10, ge=1, le=200, description="How many runs.")
    cursor: str | None = Field(default=None, description="Continue after the page that gave this cursor.")


class RunView(Result):
    """One run. `state`: running, ended, killed. `stopped`: why tracing ended before the program; `dropped` calls are missing then.
    `damaged` parts of its recording could not be read. `may_lack`: calls of it may be in a damaged part of the store.
    `expired` spans were deleted by retention."""

    run_id: str
    parent_run_id: str | None
    command: str
    cwd: str
    language: str
    version: str
    runtime: str
    pid: int
    git_commit: str | None
    start_time: str
    end_time: str | None
    duration: float | None
    state: str
    exit_code: int | None
    spans: int
    errors: int
    dropped: int
    faults: int
    stopped: str | None
    damaged: int
    expired: int = Field(default=0, exclude_if=lambda gone: not gone)
    may_lack: bool = Field(default=False, exclude_if=lambda may: not may)


class RunsResult(Result):
    """Runs, newest first. `expired`: spans that retention deleted, where nothing is left."""

    runs: list[RunView]
    total: int | None
    cursor: str | None
    expired: int = Field(default=0, exclude_if=lambda gone: not gone)


def run_view(run: Run) -> RunView:
    """The wire form of a run."""
    return RunView(
        run_id=run.run_id,
        parent_run_id=run.parent_run_id,
        command=shlex.join(run.argv),
        cwd=run.cwd,
        language=run.language,
        version=run.version,
        runtime=run.runtime,
        pid=run.pid,
        git_commit=run.git_commit,
        start_time=iso(run.start_ns),
        end_time=iso(run.end_ns) if run.end_ns else None,
        duration=ms(run.end_ns - run.start_ns) if run.end_ns else None,
        state=run.state,
        exit_code=run.exit_code,
        spans=run.spans,
        errors=run.errors,
        dropped=run.dropped,
        faults=run.faults,
        stopped=run.stopped,
        damaged=run.damaged,
        expired=run.expired,
        may_lack=run.may_lack,
    )


async def run(call: Call[RunsParams]) -> RunsResult:
    """Take what has been written meanwhile, then list."""
    await call.tools.catch_up()
    page = await call.tools.store.runs(call.params.limit, call.params.cursor)
    gone = 0 if page.rows else (await call.tools.store.expired())[0]
    return RunsResult(runs=[run_view(row) for row in page.rows], total=page.total, cursor=page.cursor, expired=gone)


def render(result: RunsResult, params: RunsParams) -> str:
    """One line a run."""
    if not result.runs and params.cursor:
        return "There is no further run: the pages before had all that is left."
    if not result.runs and result.expired:
        return f"No run is left: all that was recorded is deleted by retention ({result.expired:,} spans). Run the program again."
    if not result.runs:
        return "No run was recorded yet: instrument files, then run the program or its tests as usual."
    lines = [run_line(row) for row in result.runs]
    more = f'cursor="{result.cursor}" gives the next.' if result.cursor else ""
    return "\n".join([*lines, *(left_out(len(lines), result.total, more) if result.cursor else [])])


def run_line(row: RunView) -> str:
    """A run on one line."""
    command = row.command if len(row.command) <= 100 else row.command[:99] + "…"
    ended = {"running": "running", "killed": "killed"}.get(row.state, "ended" if row.exit_code is None else f"exit {row.exit_code}")
    after = ", last heard of after" if row.state == "killed" else " in"
    took = f"{after} {duration(round(row.duration * 1e6))}" if row.duration is not None else ""
    lost = f", {row.dropped} spans dropped" if row.dropped and not row.stopped else ""
    stopped = f" — tracing stopped before the end: {row.stopped}; {row.dropped:,} calls are missing" if row.stopped else ""
    stopped += f" — {counted(row.damaged, 'part')} of the recording could not be read" if row.damaged else ""
    stopped += f" — the oldest {row.expired:,} spans were deleted by retention" if row.expired else ""
    stopped += " — calls may be in the damaged part of the store" if row.may_lack else ""
    errors = f", {row.errors} with errors" if row.errors else ""
    started = clock_of(row.start_time)
    recorded = f"{counted(row.spans, 'span')}{errors}{lost}{stopped}"
    return f"{row.run_id} {started} {ended}{took}: {recorded} | {row.language} {row.version} | {command}"


def clock_of(start_time: str) -> str:
    """`2025-01-15 14:30:25Z` of an ISO time."""
    return start_time[:19].replace("T", " ") + "Z"


LIST_RUNS = Operation(
    name="list_runs",
    summary="List the traced executions (command, exit code, spans, errors), newest first.",
    params=RunsParams,
    result=RunsResult,
    permission=READ,
    hints=READING,
    run=run,
    render=render,
    deeds=asked("listed_runs"),
    routes=(Route("GET", "runs"),),
    command=Command(("runs",)),
)
