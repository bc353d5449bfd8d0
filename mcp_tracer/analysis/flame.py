"""A flame graph as text: what is too small to be seen is left out, unless it failed, and what was left out is said."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mcp_tracer.analysis.flow import Frame
from mcp_tracer.analysis.text import counted, duration

LEAST_SHARE = 0.002
"""A flame graph holds the paths with at least this share of the time, and those with a failed call: all, or of hundreds a choice."""
WIDTH = 20
BESIDE = "* side by side: the times of calls that ran at the same time are each added up."


@dataclass(frozen=True, slots=True)
class LeftOut:
    """How many paths a graph lacks (None: that is not known), the time that these took themselves, and how many calls failed there."""

    paths: int | None
    self_ns: int
    errors: int = 0


def prune(whole: Frame, share: float = LEAST_SHARE) -> LeftOut:
    """Take out the frames of less than `share` of the whole time at or below which nothing failed."""
    least, paths, self_ns = whole.total_ns * share, 0, 0
    failed = _with_failures(whole)
    for _, frame in preorder(whole):  # which goes on with the children that are left
        for key, child in list(frame.children.items()):
            if child.total_ns < least and id(child) not in failed:
                gone = [below for _, below in preorder(frame.children.pop(key))]
                paths, self_ns = paths + len(gone), self_ns + sum(one.self_ns for one in gone)
    return LeftOut(paths, self_ns)


def left_by_store(whole: Frame, errors: int) -> LeftOut:
    """What a store has left out of a graph: the time of the whole that no frame took, and the `errors` of the whole that none has."""
    frames = [frame for _, frame in preorder(whole)]
    self_ns, shown = sum(frame.self_ns for frame in frames), sum(frame.errors for frame in frames)
    return LeftOut(None, max(0, whole.total_ns - self_ns), max(0, errors - shown))


def _with_failures(whole: Frame) -> set[int]:
    """Frames at or below which a call failed."""
    found: set[int] = set()
    for _, frame in preorder(whole):
        at = frame if frame.errors else None
        while at is not None and id(at) not in found:
            found.add(id(at))
            at = at.above
    return found


def draw_flame_graph(whole: Frame, left: LeftOut, lines: int = 60) -> list[str]:
    """An indented flame graph: share of the whole, total, self, calls; then what it lacks and what its marks mean."""
    frames = list(preorder(whole))
    drawn = [_drawn(depth, frame, whole.total_ns) for depth, frame in frames[:lines]]
    if len(frames) > lines:
        drawn.append(f"… {counted(len(frames) - lines, 'more frame')}: raise max_lines to see the rest")
    drawn += _lacking(left, whole.total_ns)
    return [*drawn, BESIDE] if any(_share(frame, whole.total_ns) > 1 for _, frame in frames[:lines]) else drawn


def _lacking(left: LeftOut, whole_ns: int) -> list[str]:
    if not left.paths and (left.paths is not None or not left.self_ns):
        return []
    paths = "Paths" if left.paths is None else counted(left.paths, "path")
    share = left.self_ns / max(1, whole_ns)
    took = duration(left.self_ns) + (f" ({share:.1%})" if share >= 0.0005 else "")
    failed = f", with {counted(left.errors, 'more failed call')}: find_errors lists them" if left.errors else ""
    return [f"{paths} of less than {LEAST_SHARE:.1%} of the time left out: {took} in all{failed}."]


def _drawn(depth: int, frame: Frame, whole_ns: int) -> str:
    part, about = _share(frame, whole_ns), "≈" if frame.estimated else ""
    bar = "█" * min(WIDTH, max(1, round(part * WIDTH)))
    calls = f" ×{frame.calls}" if frame.calls > 1 else ""
    failed = f" ✗{frame.errors}" if frame.errors else ""
    times = f"{about}{duration(frame.total_ns)} (self {about}{duration(frame.self_ns)})"
    return f"{'  ' * depth}{part:.0%}{'*' if part > 1 else ''} {bar} {frame.name}{calls} {times}{failed} {frame.file}".rstrip()


def _share(frame: Frame, whole_ns: int) -> float:
    """Of the whole, which rounding to 100 % must not pass."""
    part = frame.total_ns / whole_ns if whole_ns else 0.0
    return 1.0 if 1 < part < 1.005 else part


def preorder(whole: Frame) -> Iterator[tuple[int, Frame]]:
    """Depth and frame, callers first, the costliest first."""
    stack = [(0, whole)]
    while stack:
        depth, frame = stack.pop()
        yield depth, frame
        below = sorted(frame.children.values(), key=lambda child: child.total_ns)
        stack.extend((depth + 1, child) for child in below)
