"""A trace as a debugger would tell it: skeleton first, within a budget of tokens, errors and the slowest path always kept."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from mcp_tracer.analysis.text import counted, duration, span_line
from mcp_tracer.analysis.tree import Fold, Node, Recursion, collapsed, fold, joined, slowest_path, walk

CHARACTERS_A_TOKEN = 3.5
DEEPEST = 64
SIBLINGS = 30


@dataclass(frozen=True, slots=True)
class Story:
    """The lines; what they leave out is said in them."""

    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _View:
    """What one attempt shows: down to `depth`, at most `siblings` beside each other, and always the span ids of `keep`."""

    keep: frozenset[str]
    depth: int
    min_duration_ns: int
    siblings: int
    partial: bool


def tell(
    roots: Sequence[Node], *, budget_tokens: int, max_depth: int | None = None, min_duration_ns: int = 0, partial: bool = False
) -> Story:
    """Tell the trees as deep as the budget allows: a call expression and its call as one line, recursive calls too where they don't fit.

    `partial`: deeper spans exist that were not fetched, so counts are lower bounds.
    """
    roots = joined(roots)
    limit = int(budget_tokens * CHARACTERS_A_TOKEN)
    deepest = min(DEEPEST if max_depth is None else max_depth, max((_height(root) for root in roots), default=0))
    widest = _View(frozenset(_must_keep(roots)), deepest, min_duration_ns, SIBLINGS, partial)
    story = _Teller(widest).tell(roots, limit)
    if _length(story) <= limit and not partial:
        return story
    roots = collapsed(roots)
    widest = replace(widest, keep=frozenset(_must_keep(roots)))
    for siblings in (SIBLINGS, 8, 3):
        story = _deepest_that_fits(roots, replace(widest, siblings=siblings), limit)
        if _length(story) <= limit:
            return story
    return _cut(story, limit)


def _deepest_that_fits(roots: Sequence[Node], widest: _View, limit: int) -> Story:
    low, high = 0, widest.depth
    best = _Teller(replace(widest, depth=0)).tell(roots)
    while low < high:
        middle = (low + high + 1) // 2
        story = _Teller(replace(widest, depth=middle)).tell(roots, limit)
        if _length(story) <= limit:
            low, best = middle, story
        else:
            high = middle - 1
    return best


def _height(root: Node) -> int:
    return max(node.span.depth for node in walk(root)) - root.span.depth


def _length(story: Story) -> int:
    return sum(len(line) + 1 for line in story.lines)


def _cut(story: Story, limit: int) -> Story:
    kept: list[str] = []
    for line in story.lines:
        limit -= len(line) + 1
        if limit < 0:
            break
        kept.append(line)
    missing = len(story.lines) - len(kept)
    return Story((*kept, f"… {missing} more lines: ask for one subtree with span_id, or raise max_tokens."))


def _must_keep(roots: Sequence[Node]) -> set[str]:
    """The first errors' paths and the slowest path of the longest root."""
    keep: set[str] = set()
    if roots:
        keep |= slowest_path(max(roots, key=lambda root: root.span.duration_ns))
    for root in roots:
        keep |= {node.span.span_id for node in walk(root) if node.fails}
    return keep


class _Teller:
    """One attempt."""

    def __init__(self, view: _View) -> None:
        self._view = view
        self._lines: list[str] = []
        self._length = 0

    def tell(self, roots: Sequence[Node], limit: int | None = None) -> Story:
        """Preorder, iteratively. With a limit it stops a line after: what is too long needs no end."""
        stack: list[tuple[int, Fold | str]] = [*reversed([*self._level(roots, 0, None)])]
        while stack and (limit is None or self._length <= limit):
            depth, item = stack.pop()
            if isinstance(item, str):
                self._tell("  " * depth + item)
                continue
            self._line(depth, item)
            stack.extend(reversed([*self._level(item.first.children, depth + 1, item.first)]) if len(item.nodes) == 1 else ())
        return Story(tuple(self._lines))

    def _level(self, siblings: Sequence[Node], depth: int, above: Node | None) -> Iterable[tuple[int, Fold | str]]:
        folds = fold(siblings)
        chosen = [item for item in folds if self._wanted(item, depth)]
        if len(chosen) > self._view.siblings:
            chosen = self._slowest(chosen)
        kept = {id(item) for item in chosen}
        hidden: list[Node] = []
        for item in folds:
            if id(item) in kept:
                yield depth, item
            else:
                hidden += item.nodes
        if hidden:
            yield depth, self._hidden(hidden, above)

    def _wanted(self, item: Fold, depth: int) -> bool:
        if any(node.span.span_id in self._view.keep for node in item.nodes):
            return True
        return depth <= self._view.depth and max(node.span.duration_ns for node in item.nodes) >= self._view.min_duration_ns

    def _slowest(self, folds: list[Fold]) -> list[Fold]:
        ranked = sorted(folds, key=lambda item: (not item.first.fails, item.first.span.span_id not in self._view.keep, -item.total_ns))
        chosen = {id(item) for item in ranked[: self._view.siblings]}
        return [item for item in folds if id(item) in chosen]

    def _hidden(self, nodes: Sequence[Node], above: Node | None) -> str:
        spans = sum(node.size for node in nodes)
        names = ", ".join(list(dict.fromkeys(node.span.function for node in nodes))[:3])
        time = duration(sum(node.span.duration_ns for node in nodes))
        parent = above.span.span_id if above else nodes[0].span.parent_span_id
        where = f"; span_id={parent} shows them" if parent else ""
        number = f"{spans}+ spans" if self._view.partial else counted(spans, "span")
        return f"… {number} not shown ({names}; {time}{where})"

    def _line(self, depth: int, item: Fold) -> None:
        node = item.first
        text = span_line(node.span) + (f" called at line {node.site.line}" if node.site else "")
        if node.recursion is not None:
            text += f" [{self._recursion(node.recursion)}]"
        if len(item.nodes) > 1:
            text = _folded(item, text)
        if node.span.error or len(item.nodes) > 1 or depth == 0 or node.recursion is not None:
            text += f" #{node.span.span_id}"
        self._tell("  " * depth + text)

    def _tell(self, line: str) -> None:
        self._lines.append(line)
        self._length += len(line) + 1

    def _recursion(self, recursion: Recursion) -> str:
        if self._view.partial:
            return f"recursive: ×{recursion.calls:,}+ (depth ≥ {recursion.levels})"
        return f"recursive: ×{recursion.calls:,} (depth ≤ {recursion.levels}), self {duration(recursion.self_ns)}"


def _folded(item: Fold, text: str) -> str:
    durations = [node.span.duration_ns for node in item.nodes]
    below = f", each with {item.first.size - 1} below" if item.first.size > 1 else ""
    between = f"{duration(min(durations))}–{duration(max(durations))}"
    calls = sum(node.span.count for node in item.nodes)
    sampled = f", recorded of {calls:,} calls" if calls > len(item.nodes) else ""
    return f"×{len(item.nodes)} {text} [{between}, together {duration(sum(durations))}{sampled}{below}]"
