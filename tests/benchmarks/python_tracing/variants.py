"""What is compared with what: every tool and setting that takes its turn in a round."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

WORKLOADS: Final = ("fib", "jinja", "mistune", "flask", "async", "numeric")
LEVELS: Final = (1, 2, 3, 5)
SMALL: Final = 0.1
WARM_SECONDS: Final = 0.1
SETTLE_SECONDS: Final = 0.8
BLOCK_SECONDS: Final = 0.02
"""So long are runs timed in one go, between two looks at the speed meter; tools that are switched on for each run: one run."""
UNFILTERED: Final = frozenset({"jinja", "flask", "async"})
"""Where calls of the project come through libraries (Jinja2's through compiled templates): VizTracer's filter would lose them."""


@dataclass(frozen=True)
class Variant:
    """One column. `scale` says where a smaller run has to do; `slow` ones run once a process, and in two rounds at most."""

    name: str
    label: str
    tool: str = "ours"
    level: int = 0
    core: str = "c"
    budget: str = "off"
    options: Mapping[str, Any] = field(default_factory=dict[str, Any])
    only: Sequence[str] = WORKLOADS
    scale: Mapping[str, float] = field(default_factory=dict[str, float])
    slow: bool = False
    rounds: int | None = None

    def task(self, workload: str, seconds: float, quick: bool) -> dict[str, Any]:
        """What `measured.py` is told, but for the folders. `quick`: small runs, for whether it works and not for its figures."""
        whole = {"whole": True} if self.tool == "viztracer" and workload in UNFILTERED else {}
        return {
            "tool": self.tool,
            "workload": workload,
            "scale": SMALL if quick else self.scale.get(workload, 1),
            "seconds": 0 if self.slow or quick else seconds,
            "warm": 0 if self.slow or quick else SETTLE_SECONDS if self.budget == "auto" else WARM_SECONDS,
            "block_seconds": BLOCK_SECONDS if self.tool in ("ours", "untraced", "empty-probes") and not quick else 0,
            "least": 1 if self.slow or quick else 2,
            "most": 5 if self.level == 5 else 1000,
            "options": {**self.options, **whole},
        }


UNTRACED: Final = Variant("untraced", "untraced", "untraced")
AGAIN: Final = Variant("untraced-again", "untraced, once more", "untraced")
COUNT: Final = Variant("count", "calls made", "count", slow=True, rounds=1)
EMPTY: Final = Variant("empty-probes", "two empty C calls", "empty-probes", only=("fib",))

_KOLO_LIGHT: Final = {"config": {"lightweight_repr": True, "omit_return_locals": True}}

VARIANTS: Final[tuple[Variant, ...]] = (
    UNTRACED,
    AGAIN,
    *(Variant(f"c{level}", f"level {level}", level=level) for level in LEVELS),
    *(Variant(f"governed{level}", f"level {level}, governor on", level=level, budget="auto") for level in LEVELS),
    Variant("python2", "level 2, pure Python", level=2, core="python"),
    Variant("viztracer", "VizTracer", "viztracer"),
    Variant("viztracer-values", "VizTracer, arguments + return", "viztracer", options={"values": True}, slow=True, rounds=2),
    Variant("kolo", "Kolo", "kolo", slow=True, rounds=2),
    Variant("kolo-light", "Kolo, lightest", "kolo", options=_KOLO_LIGHT, slow=True, rounds=2),
    Variant("snoop", "snoop", "snoop", only=("fib", "flask"), scale={"fib": SMALL}, slow=True, rounds=2),
    Variant("untraced-small", "untraced, snoop's size", "untraced", only=("fib",), scale={"fib": SMALL}),
    EMPTY,
    COUNT,
)
