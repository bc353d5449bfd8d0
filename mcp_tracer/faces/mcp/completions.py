"""Completions for prompt and resource arguments that name a trace, a run, a file or a function."""

from __future__ import annotations

import logging
from typing import Any

from mcp.server import MCPServer
from mcp.types import Completion, CompletionArgument, CompletionContext, PromptReference, ResourceTemplateReference

from mcp_tracer.faces.callers import ServiceProvider
from mcp_tracer.model.errors import TracerError

MOST_VALUES = 100
KINDS = {
    "traceid": "trace",
    "trace": "trace",
    "runid": "run",
    "run": "run",
    "file": "file",
    "path": "file",
    "function": "function",
}

_log = logging.getLogger(__name__)


def add_completions(server: MCPServer[Any], provider: ServiceProvider) -> None:
    """Register the one handler. Arguments that name none of these get no suggestions."""

    @server.completion()
    async def complete(
        reference: PromptReference | ResourceTemplateReference, argument: CompletionArgument, context: CompletionContext | None
    ) -> Completion | None:
        kind = KINDS.get(argument.name.replace("_", "").lower())
        if kind is None:
            return None
        return await _suggest(provider, kind, argument.value)

    del complete


async def _suggest(provider: ServiceProvider, kind: str, start: str) -> Completion | None:
    """Suggestions are a convenience: without a store there are none, and the log says why."""
    try:
        store = (await provider()).tools.store
        names = await store.names(kind, start, MOST_VALUES + 1)
    except TracerError as error:
        _log.info("no completions for %s: %s", kind, error)
        return None
    return Completion(values=list(names[:MOST_VALUES]), has_more=len(names) > MOST_VALUES)
