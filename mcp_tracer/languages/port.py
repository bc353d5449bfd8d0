"""What a language must be able to do. One folder a language; `app.py` registers them."""

from __future__ import annotations

from typing import Protocol

from mcp_tracer.model.plan import FunctionInfo, InstrumentRequest, Plan


class Language(Protocol):
    """Turns source bytes into plans and takes insertions out again. Never touches the disk."""

    @property
    def name(self) -> str:
        """`python`, `javascript` or `typescript`, as in TRACING_LANGUAGES."""
        ...

    @property
    def suffixes(self) -> tuple[str, ...]:
        """File name endings, with the dot."""
        ...

    def functions(self, source: bytes, path: str) -> tuple[FunctionInfo, ...]:
        """Every function of the file, in source order. Raises UserError with line and column where it cannot be parsed."""
        ...

    def plan(self, source: bytes, request: InstrumentRequest) -> Plan:
        """Plan the insertions for an *uninstrumented* source; insertions sorted, no line added.

        Raises UserError: unparsable (line and column), binary, or an unknown function ("did you mean").
        """
        ...

    def is_instrumented(self, source: bytes) -> bool:
        """Whether the text holds insertions of ours (cheap; also for text that does not parse)."""
        ...

    def strip(self, source: bytes) -> bytes:
        """Take every insertion of ours out, by structure; all other bytes stay. Works on edited text and on text that no longer parses."""
        ...
