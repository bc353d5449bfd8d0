"""What is compared with what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

WORKLOADS: Final[Mapping[str, str]] = {
    "fib": "a_fib",
    "docmill": "b_docmill",
    "http": "c_http",
    "async": "d_async",
    "compute": "e_compute",
}
SMALL: Final[Mapping[str, int]] = {"fib": 17, "docmill": 40, "http": 20, "async": 30, "compute": 1}
"""The size for tools that would take minutes; they are set against untraced runs, and ours, of the same size and number."""
SMALL_RUNS: Final = 10


@dataclass(frozen=True)
class Variant:
    """One column. `budget` is TRACING_OVERHEAD_BUDGET; `small` runs SMALL sizes, SMALL_RUNS times, all of which count."""

    name: str
    label: str
    tool: str = "ours"
    level: int = 0
    budget: str = "off"
    small: bool = False


LEVELS: Final = (1, 2, 3, 5)
VARIANTS: Final = (
    Variant("untraced", "untraced", "untraced"),
    *(Variant(f"level{level}", f"level {level}", level=level) for level in LEVELS),
    *(Variant(f"governed{level}", f"level {level}, governor on", level=level, budget="auto") for level in LEVELS),
    Variant("untraced-small", "untraced, small", "untraced", small=True),
    Variant("small2", "level 2, small", level=2, small=True),
    Variant("appmap", "AppMap, small", "appmap", small=True),
    Variant("flightbox", "Flightbox, small", "flightbox", small=True),
)
