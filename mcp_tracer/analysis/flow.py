"""One trace as tree, flame graph (aggregated by call path) or timeline."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from mcp_tracer.analysis.text import duration, label, place
from mcp_tracer.analysis.tree import SITES, Node, build
from mcp_tracer.model.span import CallPath, Span


@dataclass(slots=True)
class Frame:
    """All calls of one function under one call path; what it calls of itself, directly, is its own. Times in ns.

    `total_ns` counts the outermost calls alone: calls inside calls of the same frame are within their time already.
    """

    name: str
    file: str
    line: int
    calls: int = 0
    total_ns: int = 0
    self_ns: int = 0
    errors: int = 0
    site: bool = False
    estimated: bool = False
    children: dict[tuple[str, str], Frame] = field(default_factory=dict[tuple[str, str], "Frame"])
    above: Frame | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Bar:
    """One span on the time axis; `offset_ns` from the trace's start."""

    span: Span
    offset_ns: int


def flame_graph(spans: Iterable[Span]) -> Frame:
    """The frames of a trace below one root frame that stands for the whole."""
    whole = Frame("all", "", 0)
    stack: list[tuple[Node, Frame, frozenset[int]]] = [(root, whole, frozenset()) for root in build(spans)]
    while stack:
        node, above, running = stack.pop()
        frame = _frame_below(above, node.span, _name(node.span))
        _add(frame, node.span, outermost=id(frame) not in running)
        inside = running | {id(frame)}
        stack.extend((child, frame, inside) for child in node.children)
    whole.total_ns = sum(frame.total_ns for frame in whole.children.values())
    whole.calls = sum(frame.calls for frame in whole.children.values())
    return whole


def flame_graph_of_paths(paths: Sequence[CallPath]) -> Frame:
    """The same of paths that the store has added up. Statements are not told apart: paths hold no values."""
    whole = Frame("all", "", 0)
    made: list[tuple[Frame, frozenset[int]]] = []
    for path in paths:
        above, running = made[path.above] if path.above >= 0 else (whole, frozenset[int]())
        frame = _frame_below(above, path, f"{path.kind} {path.function}" if path.kind in SITES else path.function)
        frame.calls += path.calls
        frame.total_ns += path.total_ns if id(frame) not in running else 0
        frame.self_ns += path.self_ns
        frame.errors += path.errors
        made.append((frame, running | {id(frame)}))
    whole.total_ns = sum(frame.total_ns for frame in whole.children.values())
    whole.calls = sum(frame.calls for frame in whole.children.values())
    return whole


def _name(span: Span) -> str:
    return label(span) if span.kind == "db" else f"{span.kind} {span.function}" if span.kind in SITES else span.function


def _frame_below(above: Frame, one: Span | CallPath, name: str) -> Frame:
    """The frame for `one` under `above`; where a function calls itself, also through a call expression, its own."""
    for frame in (above, above.above if above.site else None):
        if frame is not None and not frame.site and (frame.name, frame.file) == (name, one.file):
            return frame
    return above.children.setdefault((name, one.file), Frame(name, one.file, one.line, site=one.kind in SITES, above=above))


def _add(frame: Frame, span: Span, *, outermost: bool) -> None:
    frame.calls += span.count
    frame.total_ns += span.duration_ns * span.count if outermost else 0
    frame.self_ns += span.self_ns * span.count
    frame.errors += span.error is not None
    frame.estimated |= span.estimated


def timeline(spans: Sequence[Span]) -> list[Bar]:
    """The spans by start time, with their offset from the first one's start."""
    if not spans:
        return []
    origin = min(span.start_ns for span in spans)
    return [Bar(span, span.start_ns - origin) for span in sorted(spans, key=lambda span: (span.start_ns, span.depth))]


def draw_timeline(bars: Sequence[Bar], width: int = 40, lines: int = 60) -> list[str]:
    """Offset, duration and a bar a span, in order of start."""
    if not bars:
        return []
    whole = max(1, *(bar.offset_ns + bar.span.duration_ns for bar in bars))
    drawn = [_draw_bar(bar, whole, width) for bar in bars[:lines]]
    return drawn + ([_more(len(bars) - lines)] if len(bars) > lines else [])


def _more(count: int) -> str:
    return f"… {count:,} more spans: raise max_lines (at most 1000), set max_depth, or ask get_trace for one subtree with span_id."


def _draw_bar(bar: Bar, whole: int, width: int) -> str:
    start = min(width - 1, bar.offset_ns * width // whole)
    length = max(1, min(width - start, round(bar.span.duration_ns * width / whole)))
    picture = "·" * start + "█" * length + "·" * (width - start - length)
    failed = " ✗" if bar.span.error else ""
    indent = "  " * bar.span.depth
    took = duration(bar.span.duration_ns)
    return f"{picture} +{duration(bar.offset_ns)} {indent}{label(bar.span)} {took}{failed} {place(bar.span)}".rstrip()
