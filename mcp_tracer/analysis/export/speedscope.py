"""speedscope's file format (https://www.speedscope.app): one evented profile a track."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from typing import IO, Any, Final

from mcp_tracer.analysis.export.chrome import name_of
from mcp_tracer.analysis.export.lanes import Lane, Lanes, Placed
from mcp_tracer.analysis.text import label
from mcp_tracer.model.span import Span, TraceSummary

SCHEMA: Final = "https://www.speedscope.app/file-format-schema.json"
_IN_MEMORY: Final = 1 << 18
_PIECE: Final = 1 << 16


class Speedscope:
    """The events of each track are kept aside in a file, closed in `end`: in the format, tracks follow each other."""

    def __init__(self) -> None:
        self._lanes = Lanes()
        self._frames: dict[tuple[str, str, int], int] = {}
        self._running: dict[str, int] = {}
        self._events: list[IO[str]] = []
        self._bounds: list[tuple[int, int]] = []
        self._trace: TraceSummary | None = None

    def begin(self, trace: TraceSummary) -> Iterator[str]:
        """The head of the object."""
        self._trace = trace
        head = {"$schema": SCHEMA, "name": trace.name or trace.trace_id, "exporter": "mcp-tracer"}
        yield json.dumps(head, ensure_ascii=False)[:-1] + ', "profiles": ['

    def add(self, span: Span) -> Iterator[str]:
        """Opens the span's frame on its track; gives nothing yet."""
        placed = self._lanes.place(span)
        if placed.is_new:
            self._events.append(tempfile.SpooledTemporaryFile(_IN_MEMORY, "w+", encoding="utf-8", newline=""))  # noqa: SIM115
            self._bounds.append((self._at(span.start_ns), 0))
        frame = self._frames.setdefault((label(span), span.file, span.line), len(self._frames))
        self._close(placed.lane, placed.ended)
        self._running[span.span_id] = frame
        self._event(placed, span.start_ns, frame)
        yield from ()

    def end(self) -> Iterator[str]:
        """The tracks, then the frames that they refer to."""
        for lane in self._lanes.all:
            self._close(lane, self._lanes.rest(lane))
            first, last = self._bounds[lane.number]
            head = {"type": "evented", "name": name_of(lane), "unit": "nanoseconds", "startValue": first, "endValue": max(first, last)}
            yield ("" if lane.number == 0 else ",") + "\n" + json.dumps(head, ensure_ascii=False)[:-1] + ', "events": ['
            with self._events[lane.number] as events:
                events.seek(1)  # behind the first comma
                while piece := events.read(_PIECE):
                    yield piece
            yield "]}"
        frames = [_frame(*key) for key in self._frames]
        yield f'\n], "shared": {{"frames": {json.dumps(frames, ensure_ascii=False)}}}}}\n'

    def _close(self, lane: Lane, ended: list[tuple[int, str]]) -> None:
        for end, span_id in ended:
            at = self._at(end)
            self._write(lane, "C", at, self._running.pop(span_id))
            first, last = self._bounds[lane.number]
            self._bounds[lane.number] = (first, max(last, at))

    def _event(self, placed: Placed, start_ns: int, frame: int) -> None:
        self._write(placed.lane, "O", self._at(start_ns), frame)

    def _write(self, lane: Lane, kind: str, at: int, frame: int) -> None:
        self._events[lane.number].write(f',{{"type":"{kind}","at":{at},"frame":{frame}}}')

    def _at(self, ns: int) -> int:
        assert self._trace is not None
        return max(0, ns - self._trace.start_ns)


def _frame(name: str, file: str, line: int) -> dict[str, Any]:
    return {"name": name, **({"file": file} if file else {}), **({"line": line} if line else {})}
