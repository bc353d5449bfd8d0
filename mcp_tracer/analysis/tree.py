"""Spans as a tree, with repeated siblings and recursive calls folded."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from mcp_tracer.model.span import Span

FOLD_FROM, MOST_TURNS = 3, 3
RECURSION_FROM_CALLS, RECURSION_FROM_LEVELS = 8, 3
SITES = ("call", "await")
"""Kinds of spans that level 3 adds between a caller and what it calls."""


@dataclass(frozen=True, slots=True)
class Recursion:
    """Calls of one function that it made itself, directly, with the outermost one: their number, how deep they nest, their own time."""

    calls: int
    levels: int
    self_ns: int


@dataclass(frozen=True, slots=True)
class Levels:
    """Calls left out between a call and the one that is shown below it: how many levels, of which functions, how many spans in all."""

    count: int
    functions: tuple[str, ...]
    spans: int


@dataclass(slots=True)
class Node:
    """A span with its children by start time. `size` counts the spans below and itself; `fails` says that an error lies at or below it.

    With `recursion`, it stands for all those calls, and `children` are what they called besides. With `site`, it stands for that call
    expression too. With `left_out`, levels between it and its caller were left out.
    """

    span: Span
    children: list[Node] = field(default_factory=list["Node"])
    size: int = 1
    fails: bool = False
    recursion: Recursion | None = None
    site: Span | None = None
    left_out: Levels | None = None


@dataclass(frozen=True, slots=True)
class Fold:
    """Neighbouring siblings that did the same thing: shown as one line. A single node is a fold of one.

    With `turns` above 1, they took turns with those of the folds beside it, so many in all.
    """

    nodes: tuple[Node, ...]
    turns: int = 1

    @property
    def first(self) -> Node:
        """The node that stands for all."""
        return self.nodes[0]

    @property
    def total_ns(self) -> int:
        """The sum of the durations."""
        return sum(node.span.duration_ns for node in self.nodes)


def build(spans: Iterable[Span]) -> list[Node]:
    """Roots in order of start. A span whose parent is not among the spans is a root, and the first of such as are each other's parents."""
    nodes = {span.span_id: Node(span) for span in sorted(spans, key=lambda span: (span.start_ns, span.depth, span.key))}
    roots: list[Node] = []
    for node in nodes.values():
        parent = nodes.get(node.span.parent_span_id or "")
        if parent is None or parent is node:
            roots.append(node)
        else:
            parent.children.append(node)
    for root in roots:
        _measure(root)
    if sum(root.size for root in roots) < len(nodes):
        roots = sorted([*roots, *_cut_loose(nodes, roots)], key=_place)
    return roots


def _place(node: Node) -> tuple[int, int, int]:
    return node.span.start_ns, node.span.depth, node.span.key


def _cut_loose(nodes: Mapping[str, Node], roots: Iterable[Node]) -> Iterator[Node]:
    """Of each circle of spans, the earliest with all below it. No true recording has one, and no answer may lose spans over it."""
    seen = {node.span.span_id for root in roots for node in walk(root)}
    for node in nodes.values():
        if node.span.span_id in seen:
            continue
        way: dict[str, Node] = {}
        while node.span.span_id not in way:
            way[node.span.span_id] = node
            node = nodes[node.span.parent_span_id or ""]
        passed = list(way)
        circle = (way[one] for one in passed[passed.index(node.span.span_id) :])
        first = min(circle, key=_place)
        above = nodes[first.span.parent_span_id or ""]
        above.children = [child for child in above.children if child is not first]
        _measure(first)
        seen.update(one.span.span_id for one in walk(first))
        yield first


def _measure(root: Node) -> None:
    for node in reversed(list(walk(root))):
        node.size = 1 + sum(child.size for child in node.children)
        node.fails = node.span.error is not None or any(child.fails for child in node.children)


def walk(root: Node) -> Iterator[Node]:
    """The node and everything below, parents first. Iterative: traces may be thousands of calls deep."""
    stack = [root]
    while stack:
        node = stack.pop()
        yield node
        stack.extend(reversed(node.children))


def remade(roots: Iterable[Node], each: Callable[[Node], Node]) -> list[Node]:
    """The trees with what `each` makes of every node, from the roots down. It must give a new node: its children are replaced in turn."""
    made = [each(root) for root in roots]
    stack = [*made]
    while stack:
        node = stack.pop()
        node.children = [each(child) for child in node.children]
        stack.extend(node.children)
    return made


def joined(roots: Iterable[Node]) -> list[Node]:
    """The trees with each call expression and the call that it made, where it made no other, as one node."""
    return remade(roots, _joined)


def _joined(node: Node) -> Node:
    if node.span.kind in SITES and len(node.children) == 1:
        (called,) = node.children
        if called.span.kind == "function" and _last_name(called.span) == _last_name(node.span):
            return Node(called.span, called.children, node.size, node.fails, site=node.span)
    return Node(node.span, node.children, node.size, node.fails)


def _last_name(span: Span) -> str:
    return span.function.rpartition(".")[2]


def collapsed(roots: Iterable[Node]) -> list[Node]:
    """The trees with each larger recursion (a function that calls itself, directly) as one node; where something fails it stays."""
    return remade(roots, _collapsed)


def _collapsed(top: Node) -> Node:
    calls = levels = self_ns = 0
    others: list[Node] = []
    stack = [] if top.fails or top.span.kind in SITES else [(top, 1)]
    while stack:
        node, level = stack.pop()
        calls, levels, self_ns = calls + node.span.count, max(levels, level), self_ns + node.span.self_ns * node.span.count
        for child in _through_sites(node.children, top):
            if same_function(child.span, top.span):
                stack.append((child, level + 1))
            else:
                others.append(child)
    if calls < RECURSION_FROM_CALLS or levels < RECURSION_FROM_LEVELS:
        return Node(top.span, top.children, top.size, top.fails, site=top.site)
    others.sort(key=lambda node: node.span.start_ns)
    return Node(top.span, others, top.size, False, Recursion(calls, levels, self_ns), top.site)


def _through_sites(children: Iterable[Node], top: Node) -> Iterator[Node]:
    """The children; of a call expression that calls the function itself, that call."""
    for child in children:
        if child.span.kind in SITES and any(same_function(below.span, top.span) for below in child.children):
            yield from child.children
        else:
            yield child


def same_function(one: Span, other: Span) -> bool:
    """Whether both are calls of the same function."""
    return (one.function, one.file, one.kind) == (other.function, other.file, other.kind)


def fold(siblings: Sequence[Node], failures: bool = False, most_turns: int = MOST_TURNS) -> list[Fold]:
    """Join runs of at least three neighbours with the same function, outcome and shape, also where up to `most_turns` such take turns.

    One that failed is only folded with `failures`, and with those that failed the same way.
    """
    keys = [_likeness(node, failures) for node in siblings]
    folds: list[Fold] = []
    at = 0
    while at < len(keys):
        period, times = next((found for found in _repeats(keys, at, most_turns) if found[1] >= FOLD_FROM), (1, 1))
        folds += [Fold(tuple(siblings[at + turn : at + period * times : period]), period) for turn in range(period)]
        at += period * times
    return folds


def _repeats(keys: Sequence[object], first: int, most_turns: int) -> Iterator[tuple[int, int]]:
    """(how many take turns, how often) for what begins at `first`."""
    for period in range(1, most_turns + 1):
        at = first + period
        while at < len(keys) and keys[at] == keys[at - period]:
            at += 1
        yield period, (at - first) // period


def _likeness(node: Node, failures: bool) -> object:
    """Equal for nodes that may be one line; for one that must stand alone, equal to nothing else."""
    if not node.fails:
        return _shape(node)
    way = _failure(node) if failures and node.span.error else None
    return object() if way is None else (_shape(node), way)


def _failure(node: Node) -> tuple[tuple[str, str | None], ...] | None:
    """The calls that one exception left, from the outermost; None where more than one failed below a call."""
    way: list[tuple[str, str | None]] = []
    failing = [node]
    while len(failing) == 1:
        way.append((failing[0].span.function, failing[0].span.error))
        failing = [child for child in failing[0].children if child.fails]
    return None if failing else tuple(way)


def _shape(node: Node) -> tuple[object, ...]:
    span = node.span
    statement = span.values.attributes.get("db.query.text") if span.values else None
    below = tuple(dict.fromkeys(child.span.function for child in node.children))
    return (span.function, span.file, span.kind, statement, span.finished, below, node.recursion is None)


def slowest_path(root: Node) -> set[str]:
    """Span ids from the root down through the longest child each time."""
    path = {root.span.span_id}
    node = root
    while node.children:
        node = max(node.children, key=lambda child: child.span.duration_ns)
        path.add(node.span.span_id)
    return path
