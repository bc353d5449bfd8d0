"""`list_approvals`: requests that wait for a person, and what became of earlier ones. Deciding is no tool: only people decide."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any, Literal

from pydantic import Field

from mcp_tracer.analysis.text import left_out
from mcp_tracer.service.approvals import Request
from mcp_tracer.service.context import Call
from mcp_tracer.service.operation import READ, READING, Command, Operation, Params, Result, Route
from mcp_tracer.service.operations.views import asked


class ApprovalsParams(Params):
    """Parameters of `list_approvals`."""

    id: str | None = Field(default=None, description="Only this request, with the details of the change.")
    state: Literal["pending", "approved", "denied", "used", "expired"] | None = Field(
        default=None, description="Only requests in this state."
    )
    limit: int = Field(default=20, ge=1, le=200, description="How many requests.")
    cursor: str | None = Field(default=None, description="Continue after the page that gave this cursor.")


class ApprovalView(Result):
    """One request. Times in ISO 8601."""

    id: str
    state: str
    operation: str
    params: dict[str, Any]
    description: str
    details: str
    digest: str
    agent: str
    created_at: str
    expires_at: str
    decided_at: str | None
    decided_by: str | None
    reason: str | None


class ApprovalsResult(Result):
    """Requests, newest first."""

    approvals: list[ApprovalView]
    total: int | None
    cursor: str | None


async def run(call: Call[ApprovalsParams]) -> ApprovalsResult:
    """Read the queue."""
    params, approvals = call.params, call.tools.approvals
    if params.id:
        return ApprovalsResult(approvals=[approval_view(await approvals.get(params.id))], total=1, cursor=None)
    page = await approvals.list(params.state, params.limit, params.cursor)
    return ApprovalsResult(approvals=[approval_view(row) for row in page.rows], total=page.total, cursor=page.cursor)


def approval_view(request: Request) -> ApprovalView:
    """The wire form of a request."""
    return ApprovalView(
        id=request.id,
        state=request.state,
        operation=request.operation,
        params=request.params,
        description=request.description,
        details=request.details,
        digest=request.digest,
        agent=request.agent,
        created_at=_iso(request.created_at),
        expires_at=_iso(request.expires_at),
        decided_at=_iso(request.decided_at) if request.decided_at else None,
        decided_by=request.decided_by,
        reason=request.reason,
    )


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).isoformat(timespec="seconds").replace("+00:00", "Z")


def render(result: ApprovalsResult, params: ApprovalsParams) -> str:
    """One line a request; one alone with its details."""
    if not result.approvals:
        return "No approval request" + (f" is {params.state}." if params.state else ".")
    lines = [_line(row) for row in result.approvals]
    if params.id:
        lines.append(result.approvals[0].details)
    more = left_out(len(lines), result.total, f'cursor="{result.cursor}" gives the next.') if result.cursor else []
    return "\n".join([*lines, *more])


def _line(row: ApprovalView) -> str:
    decided = f" by {row.decided_by} at {row.decided_at}" if row.decided_by else f", expires {row.expires_at}"
    reason = f" ({row.reason})" if row.reason else ""
    return f"{row.id} {row.state}{decided}{reason}: {row.description} | asked by {row.agent} at {row.created_at}"


LIST_APPROVALS = Operation(
    name="list_approvals",
    summary="List approval requests and their state; a person decides them on the command line, never a tool.",
    params=ApprovalsParams,
    result=ApprovalsResult,
    permission=READ,
    hints=READING,
    run=run,
    render=render,
    deeds=asked("listed_approvals"),
    routes=(Route("GET", "approvals"), Route("GET", "approvals/{id}")),
    command=Command(("approvals", "list")),
)
