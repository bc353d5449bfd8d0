"""`get_status`: what is instrumented, what has been recorded, what waits."""

from __future__ import annotations

import asyncio

from pydantic import Field

from mcp_tracer.analysis.text import counted
from mcp_tracer.service.context import Call, Tools
from mcp_tracer.service.operation import READ, READING, Command, Operation, Params, Result, Route
from mcp_tracer.service.operations.get_config import config_of
from mcp_tracer.service.operations.runs import RunView, run_line, run_view
from mcp_tracer.service.operations.views import asked
from mcp_tracer.service.renewing import LANGUAGES


class StatusParams(Params):
    """Parameters of `get_status`."""

    limit: int = Field(default=30, ge=0, le=1000, description="How many instrumented files to list.")


class StatusFile(Result):
    """An instrumented file. `state`: instrumented, edited (changed since; its edits stay on uninstrument), original, missing."""

    file: str
    language: str
    mode: str
    level: int
    functions: dict[str, int]
    functions_wrapped: int
    state: str
    since: str
    by: str


class StatusResult(Result):
    """The state of tracing in this project. `damaged` says which parts of the store are left out of all answers, `not_taken_in` which
    recordings are, and `left_lying` what else lies among these."""

    project: str
    enabled: bool
    default_level: int
    approval_required: bool
    refused: list[str]
    instrumented: list[StatusFile]
    strays: list[str]
    last_run: RunView | None
    runs: int | None
    spans: int
    store_bytes: int
    ingesting: bool
    pending_approvals: int
    problems: list[str]
    damaged: list[str] = Field(default_factory=list[str])
    not_taken_in: list[str] = Field(default_factory=list[str])
    left_lying: list[str] = Field(default_factory=list[str])


async def run(call: Call[StatusParams]) -> StatusResult:
    """Look at manifest, store, queue and settings."""
    tools = call.tools
    await tools.catch_up()
    runs = await tools.store.runs(1)
    size, spans = await tools.store.size()
    config = config_of(tools)
    return StatusResult(
        project=tools.project.name,
        enabled=config.enabled,
        default_level=config.default_level,
        approval_required=config.permissions["TRACING_AI_REQUIRE_APPROVAL"],
        refused=[name for name, allowed in config.permissions.items() if not allowed and name != "TRACING_AI_REQUIRE_APPROVAL"],
        instrumented=await asyncio.to_thread(_files, tools),
        strays=await asyncio.to_thread(tools.workspace.strays),
        last_run=run_view(runs.rows[0]) if runs.rows else None,
        runs=runs.total,
        spans=spans,
        store_bytes=size,
        ingesting=tools.ingesting(),
        pending_approvals=(await tools.approvals.list("pending", 1)).total or 0,
        problems=config.problems,
        damaged=list(await tools.store.lacking()),
        not_taken_in=list(tools.not_taken_in()),
        left_lying=list(tools.left_lying()),
    )


def _files(tools: Tools) -> list[StatusFile]:
    states = tools.workspace.states()
    return [
        StatusFile(
            file=entry.file,
            language=entry.language,
            mode=entry.mode,
            level=entry.level,
            functions=dict(entry.functions),
            functions_wrapped=entry.functions_wrapped,
            state=states[entry.file],
            since=entry.at,
            by=entry.by,
        )
        for entry in tools.workspace.instrumented().values()
        if entry.file in states  # others may have been entered meanwhile
    ]


def render(result: StatusResult, params: StatusParams) -> str:
    """A few lines, problems last."""
    approval = ", changes need a person's approval" if result.approval_required else ""
    refused = f", not permitted: {', '.join(result.refused)}" if result.refused else ""
    lines = [
        f"project {result.project}: tracing {'on' if result.enabled else 'off'}, default level {result.default_level}{approval}{refused}"
    ]
    lines.append(counted(len(result.instrumented), "instrumented file") + (":" if result.instrumented and params.limit else ""))
    lines += [f"  {_file_line(file)}" for file in result.instrumented[: params.limit]]
    if len(result.instrumented) > params.limit:
        lines.append(f"  … {len(result.instrumented) - params.limit} more: raise `limit`.")
    if result.strays:
        lines.append(
            f"{counted(len(result.strays), 'more file')} with probes that the manifest does not know: {', '.join(result.strays[:5])}"
        )
        lines.append("  (renamed or checked out while instrumented; `uninstrument all=true` cleans them too)")
    runs = "some runs" if result.runs is None else counted(result.runs, "run")
    lines.append(f"{counted(result.spans, 'span')} in {runs}, {result.store_bytes / 1e6:.1f} MB")
    if not result.ingesting:
        lines.append("another server of this project takes the recordings in; answers here are the same")
    if result.last_run:
        lines.append(f"last run {run_line(result.last_run)}")
    if result.pending_approvals:
        lines.append(f"{result.pending_approvals} approval requests pending: `list_approvals`")
    return "\n".join([*lines, *(f"problem: {problem}" for problem in result.problems), *result.left_lying])


def _file_line(file: StatusFile) -> str:
    functions = ", ".join(f"{name}={level}" for name, level in file.functions.items())
    edited = "" if file.state == "instrumented" else f", {file.state} since"
    if file.state == "edited" and file.mode == "on_load" and file.language in LANGUAGES:
        edited += " (runs untraced until `mcp-tracer run` or `instrument` renews it)"
    level = f"level {file.level}" + (f" ({functions})" if functions else "") if file.level else f"only {functions}"
    return f"{file.file} {level}, {counted(file.functions_wrapped, 'function')}, {file.mode}{edited}"


GET_STATUS = Operation(
    name="get_status",
    summary="Show the state of tracing: instrumented files, the last run, stored spans, permissions, pending approvals, problems.",
    params=StatusParams,
    result=StatusResult,
    permission=READ,
    hints=READING,
    run=run,
    render=render,
    deeds=asked("read_status"),
    routes=(Route("GET", "status"),),
    command=Command(("status",)),
)
