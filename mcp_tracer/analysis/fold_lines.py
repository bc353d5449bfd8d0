"""How a story's lines for many calls look: siblings that did the same, and levels left out."""

from __future__ import annotations

from mcp_tracer.analysis.text import counted, duration
from mcp_tracer.analysis.tree import Fold, Levels, Node


def levels(left_out: Levels) -> str:
    """The line of levels of a recursion that failed."""
    where = "raise max_tokens to see them"
    return f"… {left_out.count} more levels of {' → '.join(left_out.functions)} ({counted(left_out.spans, 'span')}; {where}) …"


def folded(item: Fold, shown: Node, text: str, slow: Node | None) -> str:
    """The line of a fold: `text` is that of the call that stands for it, `slow` the one of them on the slowest path."""
    durations = [node.span.duration_ns for node in item.nodes]
    below = f", each with {item.first.size - 1} below" if item.first.size > 1 else ""
    between = f"{duration(min(durations))}–{duration(max(durations))}"
    calls = sum(node.span.count for node in item.nodes)
    sampled = f", recorded of {calls:,} calls" if calls > len(item.nodes) else ""
    turns = f", in turns of {item.turns} calls" if item.turns > 1 else ""
    which = (
        "each failed so, the first is shown; "
        if shown.fails
        else "the slowest is shown; "
        if shown is slow and min(durations) < max(durations)
        else ""
    )
    longest = f", #{slow.span.span_id} the slowest" if slow is not None and slow is not shown else ""
    return f"×{len(item.nodes)} {text} [{which}{between}, together {duration(sum(durations))}{sampled}{below}{turns}{longest}]"
