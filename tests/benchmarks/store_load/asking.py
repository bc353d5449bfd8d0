"""The questions: what is asked, with which parameters, and how fast the answer must be."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Final

from mcp_tracer.service.context import Caller
from mcp_tracer.service.service import Service
from store_load.spools import FILES, Load, rare_text

CALLER: Final = Caller("bench", "1", "mcp")
COLD_MS: Final = 1000
_SPAN: Final = re.compile(r"#([0-9a-f]{16})")
Arguments = Callable[[int], dict[str, Any]]


@dataclass(frozen=True)
class Question:
    """An operation with the arguments of its n-th asking, and the limit in ms for 95 of 100 answers, warm."""

    name: str
    operation: str
    arguments: Arguments
    limit_ms: float


@dataclass(frozen=True)
class Places:
    """What is asked for by name: an ordinary trace, the one of a million, cursors of pages in its middle, and spans that its skeleton
    names for what it folds. Without them the questions can be named, not asked."""

    trace: str = ""
    largest: str = ""
    cursors: Sequence[str] = ()
    spans: Sequence[str] = ()


def questions(load: Load, places: Places = Places()) -> list[Question]:
    """What is asked of a load."""
    trace, largest = places.trace, places.largest

    def window(hours: float) -> dict[str, str]:
        start, end = load.end_ns / 1e9 - 6 * 86_400, load.end_ns / 1e9 - 6 * 86_400 + hours * 3600
        return {"start": _iso(start), "end": _iso(end)}

    def place(number: int) -> dict[str, Any]:
        return {**_place(number), "minDuration": 0.01, **window(48)}

    def hot(number: int) -> dict[str, Any]:
        return {"function": "step_2", "orderBy": "duration"}

    def page(number: int) -> dict[str, Any]:
        return {"trace": largest, "cursor": places.cursors[number % len(places.cursors)]}

    def folded(number: int) -> dict[str, Any]:
        return {"traceId": largest, "spanId": places.spans[number % len(places.spans)]}

    return [
        Question("search: file, function, duration, two days", "search_traces", place, 50),
        Question("search: common text", "search_traces", lambda n: {"query": ("berlin", "pending", "SELECT id")[n % 3]}, 50),
        Question("search: rare text", "search_traces", lambda n: {"query": rare_text(load, n)}, 50),
        Question("search: absent text", "search_traces", lambda n: {"query": f"nowhere{n}"}, 50),
        Question("trace", "get_trace", lambda n: {"traceId": trace}, 50),
        Question("the largest trace, its skeleton", "get_trace", lambda n: {"traceId": largest, "maxDepth": 3}, 50),
        Question("a page of the largest trace, by a cursor in its middle", "search_traces", page, 50),
        Question("what the largest trace's skeleton folds, by its id", "get_trace", folded, 50),
        Question("calls of a hot function", "get_function_traces", lambda n: {"function": "step_1", "limit": 20}, 50),
        Question("calls of a hot function, slowest first", "get_function_traces", hot, 50),
        Question("slow", "find_slow_executions", lambda n: {"threshold": 50 + n}, 50),
        Question("errors", "find_errors", lambda n: {}, 50),
        Question("errors of a type", "find_errors", lambda n: {"errorType": ("KeyError", "TimeoutError")[n % 2]}, 50),
        Question("hotspots, whole store", "get_hotspots", lambda n: {"by": ("self", "total")[n % 2]}, 50),
        Question("hotspots, 36 hours", "get_hotspots", lambda n: window(36), 50),
        Question("percentiles of a file", "get_stats", lambda n: {"file": f"shop/part{n % FILES:03}.py"}, 100),
        Question("percentiles of a function", "get_stats", lambda n: {"function": f"Part{n + 1}.step_{n + 1}"}, 100),
        Question("flame graph of the largest trace", "get_flow", lambda n: {"traceId": largest, "format": "flamegraph"}, 300),
    ]


async def in_the_middle(service: Service, trace: str, largest: str) -> Places:
    """Goes to the middle of the largest trace by time, and on from there page by page."""
    summary = await service.tools.store.trace(largest)
    asked: dict[str, Any] = {"trace": largest, "end": _iso((summary.start_ns + summary.end_ns) / 2e9)}
    cursors: list[str] = []
    for _ in range(20):
        found = await service.call("search_traces", asked, CALLER)
        cursor: str | None = getattr(found.result, "cursor")  # noqa: B009
        if cursor is None:
            break
        cursors.append(cursor)
        asked = {"trace": largest, "cursor": cursor}
    skeleton = await service.call("get_trace", {"traceId": largest, "maxDepth": 3}, CALLER)
    _, *folded = _SPAN.findall(skeleton.text)  # below the root lies the whole trace
    return Places(trace, largest, cursors, sorted(set(folded)))


async def ask(service: Service, question: Question, times: int) -> list[float]:
    """Milliseconds of each asking, the answer's text included."""
    taken: list[float] = []
    for number in range(times):
        started = time.perf_counter()
        answer = await service.call(question.operation, question.arguments(number), CALLER)
        taken.append((time.perf_counter() - started) * 1e3)
        if not answer.text:
            raise RuntimeError(f"{question.name}: no answer")
    return taken


def p95(values: Sequence[float]) -> float:
    """The value that 95 of 100 do not exceed."""
    return sorted(values)[min(len(values) - 1, round(len(values) * 0.95))]


def _place(number: int) -> dict[str, str]:
    return {"file": f"shop/part{number % 20 + 1:03}.py", "function": f"Part{number % 20 + 1}.step_{number % 20 + 1}"}


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).isoformat()
