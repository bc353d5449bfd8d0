"""One difference between two traces of the same thing."""

from __future__ import annotations

from dataclasses import dataclass

from mcp_tracer.model.span import Span


@dataclass(frozen=True, slots=True)
class Divergence:
    """Where they part: `kind` structure, parameter, return or exception; what each side had there. A side that had ended has no span.

    `is_sure` is False for a value that may be noise: what a function gave that was given nothing, or what came of such. `follows`: of a
    difference that is told before it, as the call or its caller was given something else.
    """

    kind: str
    name: str
    before: str
    after: str
    span_before: Span | None
    span_after: Span | None
    is_sure: bool = True
    follows: bool = False

    @property
    def rank(self) -> tuple[bool, bool]:
        """What comes first: causes, then what follows from them, then what may be noise."""
        return not self.is_sure, self.follows

    @property
    def spans(self) -> tuple[Span, ...]:
        """The calls that it is about."""
        return tuple(span for span in (self.span_before, self.span_after) if span)
