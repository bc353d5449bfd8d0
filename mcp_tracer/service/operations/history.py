"""`get_history`: what was done to this project's tracing, by whom, with what outcome."""

from __future__ import annotations

import json
from typing import Any, Literal

from pydantic import Field

from mcp_tracer.analysis.text import left_out
from mcp_tracer.service.context import Call
from mcp_tracer.service.operation import READ, READING, Command, Operation, Params, Result, Route
from mcp_tracer.service.operations.views import asked


class HistoryParams(Params):
    """Parameters of `get_history`."""

    kind: Literal["action", "pattern"] | None = Field(default=None, description="Only actions, or only patterns.")
    limit: int = Field(default=20, ge=1, le=500, description="How many entries.")
    cursor: str | None = Field(default=None, description="Continue after the page that gave this cursor.")


class HistoryEntry(Result):
    """One entry as it is recorded for OpenMemory. `delivery`: pending, sent, failed."""

    event_id: str
    kind: str
    project_name: str
    agent_name: str | None
    created_at: str
    delivery: str
    payload: dict[str, Any]


class HistoryResult(Result):
    """Entries, newest first."""

    entries: list[HistoryEntry]
    total: int | None
    cursor: str | None


async def run(call: Call[HistoryParams]) -> HistoryResult:
    """Read the local record."""
    page = await call.tools.memory.history(call.params.kind, call.params.limit, call.params.cursor)
    entries = [
        HistoryEntry(
            event_id=event.event_id,
            kind=event.kind,
            project_name=event.project_name,
            agent_name=event.agent_name,
            created_at=event.created_at,
            delivery=event.state,
            payload=dict(event.payload),
        )
        for event in page.rows
    ]
    return HistoryResult(entries=entries, total=page.total, cursor=page.cursor)


def render(result: HistoryResult, params: HistoryParams) -> str:
    """One line an entry."""
    if not result.entries:
        return "Nothing was recorded yet."
    lines = [_line(entry) for entry in result.entries]
    more = left_out(len(lines), result.total, f'cursor="{result.cursor}" gives the next.') if result.cursor else []
    return "\n".join([*lines, *more])


def _line(entry: HistoryEntry) -> str:
    payload = entry.payload
    if entry.kind == "pattern":
        return f"{entry.created_at} pattern {payload.get('pattern_name')}: {payload.get('description')}"
    context = json.dumps(payload.get("context"), ensure_ascii=False)
    short = context if len(context) <= 200 else context[:199] + "…"
    return f"{entry.created_at} {entry.agent_name} {payload.get('action')} → {payload.get('outcome')} {short}"


GET_HISTORY = Operation(
    name="get_history",
    summary="List the actions and patterns recorded for OpenMemory, newest first: who did what to tracing, with what outcome.",
    params=HistoryParams,
    result=HistoryResult,
    permission=READ,
    hints=READING,
    run=run,
    render=render,
    deeds=asked("read_history"),
    routes=(Route("GET", "history"),),
    command=Command(("history",)),
)
