"""What an operation works with: who calls, and the parts of the house that it may use."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from mcp_tracer.memory.port import Memory
from mcp_tracer.service.approvals import Approvals
from mcp_tracer.settings.file import LoadedSettings
from mcp_tracer.settings.overrides import Overrides
from mcp_tracer.storage.port import SpanStore
from mcp_tracer.workspace.project import Project
from mcp_tracer.workspace.workspace import Workspace

P = TypeVar("P")

Progress = Callable[[int, int, str], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: the agent's own name and version (MCP clientInfo, or the face's), and through which face (`mcp`, `rest`, `cli`)."""

    name: str
    version: str = ""
    via: str = "mcp"


class CatchUp(Protocol):
    """Takes in what programs have recorded by now, as far as that is done soon; gives how many recordings hold more."""

    def __call__(self, progress: Progress = ..., /) -> Awaitable[int]:
        """`progress` is told where it takes long."""
        ...


@dataclass(slots=True)
class Tools:
    """The adapters that `app.py` composed for one project. `settings` and `overrides` read what is on disk now.

    `not_taken_in`: what the last `catch_up` had to leave out, and `left_lying`: what else lies among the recordings; sentences.
    """

    project: Project
    workspace: Workspace
    store: SpanStore
    memory: Memory
    approvals: Approvals
    settings: Callable[[], LoadedSettings]
    overrides: Callable[[], Overrides]
    catch_up: CatchUp
    not_taken_in: Callable[[], tuple[str, ...]]
    left_lying: Callable[[], tuple[str, ...]]
    ingesting: Callable[[], bool]
    look_for_patterns: Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Call(Generic[P]):
    """One validated call of an operation."""

    params: P
    caller: Caller
    tools: Tools
    progress: Progress
    memo: dict[str, Any] = field(default_factory=dict[str, Any], compare=False)
    """What was worked out to ask for permission and is then carried out: exactly that, and only once."""
