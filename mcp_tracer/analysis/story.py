"""A trace as a debugger would tell it: skeleton first, within a budget of tokens, errors and the slowest path always kept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from mcp_tracer.analysis.chains import shortened
from mcp_tracer.analysis.fold_lines import folded, levels
from mcp_tracer.analysis.kept import Way, failing, slowest, ways_to_errors
from mcp_tracer.analysis.text import counted, duration, span_line
from mcp_tracer.analysis.tree import Fold, Node, Recursion, collapsed, fold, joined, walk

CHARACTERS_A_TOKEN = 3.5
DEEPEST = 64
SIBLINGS = 30
SLOWEST = "◀"
"""Behind the calls of the slowest path that have siblings."""


@dataclass(frozen=True, slots=True)
class Story:
    """The lines; what they leave out is said in them."""

    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _View:
    """What one attempt shows: down to `depth`, at most `siblings` beside each other, and always the span ids of `keep`.

    `tight`: calls that failed the same way are one line. `bare`: nothing is said of what is not shown. `slow`: the slowest path,
    marked where it has siblings. `opened`: below a fold stands what the call made that stands for it. `folds`: by the siblings' list,
    `texts`: by the node, both for all attempts that show the same trees.
    """

    keep: Way
    depth: int
    min_duration_ns: int
    siblings: int
    partial: bool
    tight: bool = False
    bare: bool = False
    slow: Way = frozenset()
    opened: bool = False
    folds: dict[int, list[Fold]] = field(default_factory=dict[int, list[Fold]])
    texts: dict[int, str] = field(default_factory=dict[int, str])

    def folded(self, siblings: Sequence[Node]) -> list[Fold]:
        """The siblings as lines."""
        if id(siblings) not in self.folds:
            self.folds[id(siblings)] = fold(siblings, failures=self.tight)
        return self.folds[id(siblings)]

    def text(self, node: Node) -> str:
        """The call on a line."""
        if id(node) not in self.texts:
            self.texts[id(node)] = span_line(node.span) + (f" called at line {node.site.line}" if node.site else "")
        return self.texts[id(node)]


def tell(
    roots: Sequence[Node],
    *,
    budget_tokens: int,
    max_depth: int | None = None,
    min_duration_ns: int = 0,
    partial: bool = False,
    slow: Way | None = None,
    sought: bool = False,
) -> Story:
    """Tell the trees as deep as the budget allows: a call expression and its call as one line, recursive calls too where they don't fit.

    `partial`: deeper spans exist that were not fetched, so counts are lower bounds. `slow`: the slowest path, where the trees may not
    tell it; `sought`: they hold only what was sought, and the ways to it, so a fold shows one of each.
    """
    roots = joined(roots)
    slow = slowest(roots) if slow is None else slow
    limit = int(budget_tokens * CHARACTERS_A_TOKEN)
    deepest = min(DEEPEST if max_depth is None else max_depth, max((_height(root) for root in roots), default=0))
    widest = _View(failing(roots) | slow, deepest, min_duration_ns, SIBLINGS, partial, slow=slow, opened=sought)
    story = _Teller(widest).tell(roots, limit)
    if _length(story) <= limit and not partial:
        return story
    roots = shortened(collapsed(roots))
    widest = replace(widest, keep=failing(roots) | slow, tight=True, folds={}, texts={})
    return _that_fits(roots, widest, limit) or _with_most_errors(roots, widest, limit)


def _that_fits(roots: Sequence[Node], widest: _View, limit: int) -> Story | None:
    """As wide as fits with a level below the roots, or else with nothing but what must be kept; then as deep as fits."""
    bare = _Teller(replace(widest, siblings=3, depth=0)).tell(roots, limit)
    if _length(bare) > limit:  # then nothing wider does
        return None
    least = min(1, widest.depth)
    for siblings in (SIBLINGS, 8, 3):
        view = replace(widest, siblings=siblings)
        story = _Teller(replace(view, depth=least)).tell(roots, limit)
        if _length(story) <= limit:
            return _deepest_that_fits(roots, view, limit, least, story)
    return bare


def _deepest_that_fits(roots: Sequence[Node], widest: _View, limit: int, low: int, best: Story) -> Story:
    """`best` is the story down to `low`, which fits."""
    high = widest.depth
    while low < high:
        middle = (low + high + 1) // 2
        story = _Teller(replace(widest, depth=middle)).tell(roots, limit)
        if _length(story) <= limit:
            low, best = middle, story
        else:
            high = middle - 1
    return best


def _with_most_errors(roots: Sequence[Node], widest: _View, limit: int) -> Story:
    """Not even the ways to all errors fit: as many of them as do, one of each kind first."""
    ways = ways_to_errors(roots)
    view = replace(widest, depth=0, siblings=3)
    low, high = 0, len(ways)
    while low < high:
        middle = (low + high + 1) // 2
        kept = Way().union(*ways[:middle])
        if _length(_Teller(replace(view, keep=kept)).tell(roots, limit)) <= limit:
            low = middle
        else:
            high = middle - 1
    kept = Way().union(*ways[:low])
    for keep in (kept | widest.slow, kept) if low or not ways else ():
        story = _that_fits(roots, replace(widest, keep=keep), limit)
        if story is not None:
            return story
    first = ways[0] if ways else widest.slow
    return _cut(_Teller(replace(view, keep=first, bare=True, siblings=0)).tell(roots), limit)


def _height(root: Node) -> int:
    return max(node.span.depth for node in walk(root)) - root.span.depth


def _length(story: Story) -> int:
    return sum(len(line) + 1 for line in story.lines)


def _cut(story: Story, limit: int) -> Story:
    """The first and the last lines, which say where it began and where it ended, and that this is not all."""
    rest = "… only {} of the way to one call fits: ask for a subtree with span_id, or raise max_tokens."
    limit -= len(rest) + 8
    first, last = 0, len(story.lines)
    while first < last:
        takes_last = last > len(story.lines) - first
        limit -= len(story.lines[last - 1 if takes_last else first]) + 1
        if limit < 0:
            break
        first, last = (first, last - 1) if takes_last else (first + 1, last)
    shown = counted(len(story.lines) - (last - first), "line")
    return Story((*story.lines[:first], rest.format(shown), *story.lines[last:]))


class _Teller:
    """One attempt."""

    def __init__(self, view: _View) -> None:
        self._view = view
        self._lines: list[str] = []
        self._slow: set[int] = set()
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
            shown = self._shown(item)
            if len(item.nodes) == 1 or shown.fails or self._view.opened or shown.span.span_id in self._view.slow:
                stack.extend(reversed([*self._level(shown.children, depth + 1, shown)]))
        return Story(tuple(self._lines))

    def _level(self, siblings: Sequence[Node], depth: int, above: Node | None) -> Iterator[tuple[int, Fold | str]]:
        folds = self._view.folded(siblings)
        chosen = [item for item in folds if self._wanted(item, depth)]
        if len(chosen) > self._view.siblings:
            chosen = self._slowest(chosen)
        kept = {id(item) for item in chosen}
        self._slow |= {id(item) for item in folds if len(folds) > 1 and _is_on(self._view.slow, item)}
        hidden: list[Node] = []
        for item in folds:
            if id(item) in kept:
                yield from [(depth, levels(item.first.left_out))] if item.first.left_out else []
                yield depth, item
            else:
                hidden += item.nodes
        if hidden and not self._view.bare:
            yield depth, self._hidden(hidden, above)

    def _shown(self, item: Fold) -> Node:
        """The call that stands for all: the first that failed so, or the one on the slowest path."""
        return item.first if item.first.fails else next((node for node in item.nodes if node.span.span_id in self._view.slow), item.first)

    def _wanted(self, item: Fold, depth: int) -> bool:
        is_long = max(node.span.duration_ns for node in item.nodes) >= self._view.min_duration_ns
        return _is_on(self._view.keep, item) or (depth <= self._view.depth and is_long)

    def _slowest(self, folds: list[Fold]) -> list[Fold]:
        """What must be kept, and the slowest of the others."""
        kept = {id(item) for item in folds if _is_on(self._view.keep, item)}
        others = sorted((item for item in folds if id(item) not in kept), key=lambda item: -item.total_ns)
        chosen = kept | {id(item) for item in others[: max(0, self._view.siblings - len(kept))]}
        return [item for item in folds if id(item) in chosen]

    def _hidden(self, nodes: Sequence[Node], above: Node | None) -> str:
        spans = sum(node.size for node in nodes)
        names = ", ".join(list(dict.fromkeys(node.span.function for node in nodes))[:3])
        time = duration(sum(node.span.duration_ns for node in nodes))
        parent = above.span.span_id if above else nodes[0].span.parent_span_id
        where = f"; span_id={parent} shows them" if parent else ""
        number = f"{spans}+ spans" if self._view.partial else counted(spans, "span")
        failed = sum(below.span.error is not None for node in nodes if node.fails for below in walk(node))
        return f"… {number} not shown ({names}; {f'{failed:,} failed; ' if failed else ''}{time}{where})"

    def _line(self, depth: int, item: Fold) -> None:
        node = self._shown(item)
        text = self._view.text(node)
        if node.recursion is not None:
            text += f" [{self._recursion(node.recursion)}]"
        if len(item.nodes) > 1:
            text = folded(item, node, text, next((one for one in item.nodes if one.span.span_id in self._view.slow), None))
        if node.span.error or len(item.nodes) > 1 or depth == 0 or node.recursion is not None:
            text += f" #{node.span.span_id}"
        if id(item) in self._slow:
            text += f" {SLOWEST}"
        self._tell("  " * depth + text)

    def _tell(self, line: str) -> None:
        self._lines.append(line)
        self._length += len(line) + 1

    def _recursion(self, recursion: Recursion) -> str:
        if self._view.partial:
            return f"recursive: ×{recursion.calls:,}+ (depth ≥ {recursion.levels})"
        return f"recursive: ×{recursion.calls:,} (depth ≤ {recursion.levels}), self {duration(recursion.self_ns)}"


def _is_on(way: Way, item: Fold) -> bool:
    return any(node.span.span_id in way for node in item.nodes)
