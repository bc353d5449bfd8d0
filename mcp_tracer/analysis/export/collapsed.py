"""Collapsed stacks: one line a call path with its own time in ns, as flamegraph.pl, inferno and speedscope read them."""

from __future__ import annotations

from collections.abc import Iterator

from mcp_tracer.analysis.text import label
from mcp_tracer.model.span import Span, TraceSummary


class CollapsedStacks:
    """Adds up by call path; of each span only the number of its path is kept."""

    def __init__(self) -> None:
        self._paths: list[tuple[int, str]] = [(-1, "")]
        self._known: dict[tuple[int, str], int] = {}
        self._times: list[int] = [0]
        self._of_span: dict[int, int] = {}

    def begin(self, trace: TraceSummary) -> Iterator[str]:
        """Nothing."""
        yield from ()

    def add(self, span: Span) -> Iterator[str]:
        """Counts the span's own time; gives nothing yet."""
        above = self._of_span.get(int(span.parent_span_id, 16), 0) if span.parent_span_id else 0
        key = (above, _plain(f"{label(span)} ({span.file})" if span.file else label(span)))
        path = self._known.get(key)
        if path is None:
            path = self._known[key] = len(self._paths)
            self._paths.append(key)
            self._times.append(0)
        self._times[path] += span.self_ns * span.count
        self._of_span[int(span.span_id, 16)] = path
        yield from ()

    def end(self) -> Iterator[str]:
        """A line a path that took time."""
        self._of_span.clear()
        for path, time in enumerate(self._times):
            if time:
                yield f"{self._stack(path)} {time}\n"

    def _stack(self, path: int) -> str:
        names: list[str] = []
        while path > 0:
            path, name = self._paths[path]
            names.append(name)
        return ";".join(reversed(names))


def _plain(name: str) -> str:
    """A name without what the format itself uses."""
    return " ".join(name.replace(";", ":").split())
