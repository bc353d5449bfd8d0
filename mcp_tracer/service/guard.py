"""The guard: may this call happen? Absent means no, and every no says why and what a human can do."""

from __future__ import annotations

from mcp_tracer.model.errors import Refused
from mcp_tracer.service.approvals import Approvals, Request
from mcp_tracer.service.operation import Permission, Prepared
from mcp_tracer.settings.file import Flag, LoadedSettings


class Pending(Refused):
    """The call waits for a human. `request` is the queued request."""

    def __init__(self, request: Request) -> None:
        super().__init__(
            f"pending: {request.description} needs a person's approval ({Flag.AI_REQUIRE_APPROVAL.value}=true). "
            f"Request {request.id} is queued; nothing was changed. A person decides with `mcp-tracer approvals approve {request.id}` "
            f"(or `deny`) in a terminal. Once it is approved, make the same call again.",
            flag=Flag.AI_REQUIRE_APPROVAL.value,
            code="pending",
        )
        self.request = request


def check_flags(permission: Permission, settings: LoadedSettings) -> None:
    """Raise Refused, naming the flag, unless every flag of the permission is set."""
    for flag in permission.flags:
        if not settings.allows(flag):
            raise Refused(
                f"refused: {settings.why_not(flag)} The file is .ai-agents/logging/config/.env.tracing; agents cannot write it.",
                flag=flag.value,
            )


def needs_approval(permission: Permission, settings: LoadedSettings) -> bool:
    """Whether a changing call must first be approved. A missing or malformed flag means yes."""
    return permission.changes and settings.requires_approval


async def spend_approval(approvals: Approvals, operation: str, params: dict[str, object], prepared: Prepared, agent: str) -> Request:
    """Use up the approval for exactly this change; raises Pending where there is none yet."""
    approved = await approvals.find_approved(prepared.digest)
    if approved is not None and await approvals.use(approved.id):
        return approved
    raise Pending(await approvals.request(operation, params, prepared.digest, prepared.description, prepared.details, agent))
