"""What OpenMemory means to the rest of the house: record actions and patterns, read them back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from mcp_tracer.model.query import Page

Kind = Literal["action", "pattern"]


@dataclass(frozen=True, slots=True)
class MemoryEvent:
    """One recorded action or pattern. `created_at` is ISO 8601, UTC; `state` of delivery to a server: pending, sent, failed."""

    event_id: str
    kind: str
    project_name: str
    agent_name: str
    created_at: str
    payload: Mapping[str, Any]
    state: str


class Memory(Protocol):
    """Recording is local and never waits for a server. Secrets are redacted before anything is kept."""

    async def record_action(self, project_name: str, agent_name: str, action: str, context: Mapping[str, Any], outcome: str) -> str:
        """Record OpenMemory's `recordAction`; returns the event's id. Raises Unavailable when the store cannot be written."""
        ...

    async def record_pattern(
        self,
        project_name: str,
        pattern_name: str,
        description: str,
        tags: Sequence[str],
        example: str | None = None,
        agent_name: str = "mcp-tracer",
    ) -> str:
        """Record OpenMemory's `recordPattern`; returns the event's id. Raises Unavailable when the store cannot be written."""
        ...

    async def history(self, kind: Kind | None = None, limit: int = 20, cursor: str | None = None) -> Page[MemoryEvent]:
        """Recorded events, newest first, with the exact total of that kind. Raises UserError for a cursor that is none of ours."""
        ...

    async def open(self) -> None:
        """Make ready; call it once. Raises Unavailable when the store is damaged or from a newer version."""
        ...

    async def close(self) -> None:
        """Let go; nothing that was recorded is lost."""
        ...
