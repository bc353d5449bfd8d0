"""Detail levels of instrumentation (section 4 of the specification)."""

from __future__ import annotations

from enum import IntEnum

from mcp_tracer.model.errors import UserError


class Level(IntEnum):
    """0 off · 1 entry, exit, time · 2 + parameters, return, errors · 3 + child calls, awaits · 4 + variables · 5 + every line."""

    OFF = 0
    MINIMAL = 1
    STANDARD = 2
    DETAILED = 3
    VERBOSE = 4
    EXTREME = 5

    @classmethod
    def of(cls, value: int) -> Level:
        """Return the level for `value`; raises UserError when it is not 0 to 5."""
        try:
            return cls(value)
        except ValueError:
            meanings = ", ".join(f"{level.value}={level.name}" for level in cls)
            raise UserError(f"level {value} is out of range: use one of {meanings}.") from None
