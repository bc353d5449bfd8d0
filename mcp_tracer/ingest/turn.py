"""One turn of taking spool files in: how long it may last, up to where it goes, and what came of it."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from mcp_tracer.ingest.spool_file import SpoolFile


@dataclass(slots=True)
class Turn:
    """`goals`: only these files, each up to so many bytes while its program runs, for that may write faster than anybody reads.

    `until` is a time of the monotonic clock. `fed`: files of which something was taken; `behind`: those that hold more than was taken.
    """

    until: float = math.inf
    goals: Mapping[str, int] | None = None
    took: bool = False
    fed: set[str] = field(default_factory=set[str])
    behind: set[str] = field(default_factory=set[str])

    def wants(self, file: SpoolFile) -> bool:
        """Whether a file has part in it."""
        return self.goals is None or file.name in self.goals

    def has_reached(self, file: SpoolFile) -> bool:
        """Whether a running program's file was taken as far as is wanted."""
        return self.goals is not None and file.position.slot_offset >= self.goals[file.name]

    @property
    def is_over(self) -> bool:
        """Whether its time has passed."""
        return time.monotonic() >= self.until
