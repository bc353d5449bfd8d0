"""Who calls, as callers name themselves: cleaned and cut, since the name goes into records, approvals and terminals."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from mcp_tracer.service.context import Caller
from mcp_tracer.service.service import Service

LONGEST_NAME = 64

ServiceProvider = Callable[[], Awaitable[Service]]
"""Gives the project's service; raises UserError while the project is not initialised, so that faces can start before `init`."""


def named_caller(name: str | None, version: str | None, via: str) -> Caller:
    """A caller with a printable name of at most 64 characters; the face's name where none was given."""
    return Caller(name=printable(name) or via, version=printable(version), via=via)


def printable(text: str | None) -> str:
    """One line without control or format characters, cut to 64 characters; no escape sequence reaches a person's terminal."""
    kept = "".join(char if char.isprintable() else " " for char in text or "")
    return " ".join(kept.split())[:LONGEST_NAME]
