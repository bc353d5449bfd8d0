"""Tracks on which spans lie within each other: viewers draw one track as one stack, and async calls overlap."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field

from mcp_tracer.model.span import Span


@dataclass(slots=True)
class Lane:
    """One track of a thread. `running` are the spans that have not ended, outermost first: (end, span id)."""

    number: int
    run_id: str
    thread: str
    index: int
    running: list[tuple[int, str]] = field(default_factory=list[tuple[int, str]])


@dataclass(frozen=True, slots=True)
class Placed:
    """Where a span was put, and which spans had ended there before it: (end, span id), innermost first."""

    lane: Lane
    is_new: bool
    ended: list[tuple[int, str]]


class Lanes:
    """Gives each span a track: its caller's if it lies within the caller and no sibling runs there, else a free one of its thread."""

    def __init__(self) -> None:
        self.all: list[Lane] = []
        self._where: dict[str, Lane] = {}
        self._free_at: dict[tuple[str, str], list[tuple[int, int]]] = {}
        self._counts: dict[tuple[str, str], int] = {}

    def place(self, span: Span) -> Placed:
        """Put the next span; spans come by start time, callers first."""
        above = self._where.get(span.parent_span_id or "")
        if above is not None and (above.run_id, above.thread) == (span.run_id, span.thread):
            ended = self._end(above, span.start_ns)
            if above.running and above.running[-1][1] == span.parent_span_id and span.end_ns <= above.running[-1][0]:
                return self._put(span, above, False, ended)
            lane, is_new = self._free(span)
            # What ended on the caller's track is told with that track's next span, or at the end.
            above.running += [] if not ended else reversed(ended)
            self._where.update((span_id, above) for _, span_id in ended)
            return self._put(span, lane, is_new, self._end(lane, span.start_ns))
        lane, is_new = self._free(span)
        return self._put(span, lane, is_new, self._end(lane, span.start_ns))

    def rest(self, lane: Lane) -> list[tuple[int, str]]:
        """What still runs on a track, innermost first; at the end of the trace."""
        return self._end(lane, 1 << 63)

    def _end(self, lane: Lane, at: int) -> list[tuple[int, str]]:
        ended: list[tuple[int, str]] = []
        while lane.running and lane.running[-1][0] <= at:
            ended.append(lane.running.pop())
            self._where.pop(ended[-1][1], None)
        return ended

    def _put(self, span: Span, lane: Lane, is_new: bool, ended: list[tuple[int, str]]) -> Placed:
        if not lane.running:
            heapq.heappush(self._free_at.setdefault((lane.run_id, lane.thread), []), (span.end_ns, lane.number))
        lane.running.append((span.end_ns, span.span_id))
        self._where[span.span_id] = lane
        return Placed(lane, is_new, ended)

    def _free(self, span: Span) -> tuple[Lane, bool]:
        key = (span.run_id, span.thread)
        waiting = self._free_at.setdefault(key, [])
        if waiting and waiting[0][0] <= span.start_ns:
            return self.all[heapq.heappop(waiting)[1]], False
        index = self._counts[key] = self._counts.get(key, 0) + 1
        lane = Lane(len(self.all), span.run_id, span.thread, index)
        self.all.append(lane)
        return lane, True
