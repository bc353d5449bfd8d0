"""How the kinds of failure look from outside: one table for REST and CLI; MCP gives the sentence itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mcp_tracer.model.errors import NotFound, Refused, TracerError, Unavailable, UserError
from mcp_tracer.service.guard import Pending

CONFLICTS = frozenset({"changed", "decided"})


@dataclass(frozen=True, slots=True)
class Kind:
    """What a failure means to a program: HTTP status and process exit code."""

    status: int
    exit_code: int


def kind_of(error: TracerError) -> Kind:
    """The row of the table for an error. Pending is accepted work (202) over HTTP; on a command line nothing was done (3)."""
    if isinstance(error, Pending):
        return Kind(202, 3)
    if isinstance(error, Refused):
        return Kind(403, 3)
    if isinstance(error, NotFound):
        return Kind(404, 1)
    if isinstance(error, UserError):
        return Kind(409 if error.code in CONFLICTS else 400, 1)
    return Kind(503, 4) if isinstance(error, Unavailable) else Kind(500, 4)


def body_of(error: TracerError) -> dict[str, Any]:
    """The JSON shape of a failure, the same over REST and with the CLI's `--json`."""
    if isinstance(error, Pending):
        request = error.request
        return {
            "status": "pending",
            "approvalId": request.id,
            "operation": request.operation,
            "description": request.description,
            "details": request.details,
            "message": str(error),
        }
    return error_body(error.code, str(error), error.flag if isinstance(error, Refused) else None)


def error_body(code: str, message: str, flag: str | None = None) -> dict[str, Any]:
    """`{"error": {"code", "message", "flag"?}}`; `flag` names the setting that forbids."""
    return {"error": {"code": code, "message": message} | ({"flag": flag} if flag else {})}
