"""Spans as a tree, with repeated siblings folded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from mcp_tracer.model.span import Span

FOLD_FROM = 3


@dataclass(slots=True)
class Node:
    """A span with its children by start time. `size` counts the spans below and itself; `fails` says that an error lies at or below it."""

    span: Span
    children: list[Node] = field(default_factory=list["Node"])
    size: int = 1
    fails: bool = False


@dataclass(frozen=True, slots=True)
class Fold:
    """Neighbouring siblings that did the same thing: shown as one line. A single node is a fold of one."""

    nodes: tuple[Node, ...]

    @property
    def first(self) -> Node:
        """The node that stands for all."""
        return self.nodes[0]

    @property
    def total_ns(self) -> int:
        """The sum of the durations."""
        return sum(node.span.duration_ns for node in self.nodes)


def build(spans: Iterable[Span]) -> list[Node]:
    """Roots in order of start. A span whose parent is not among the spans is a root."""
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
    return roots


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


def fold(siblings: Sequence[Node]) -> list[Fold]:
    """Join runs of at least three neighbours with the same function, outcome and shape; one that failed is never folded."""
    folds: list[Fold] = []
    run: list[Node] = []
    for node in siblings:
        if run and _alike(run[0], node):
            run.append(node)
            continue
        folds += _closed(run)
        run = [node]
    return folds + _closed(run)


def _closed(run: list[Node]) -> list[Fold]:
    if len(run) >= FOLD_FROM:
        return [Fold(tuple(run))]
    return [Fold((node,)) for node in run]


def _alike(first: Node, second: Node) -> bool:
    if first.fails or second.fails:
        return False
    return _shape(first) == _shape(second)


def _shape(node: Node) -> tuple[object, ...]:
    span = node.span
    statement = span.values.attributes.get("db.query.text") if span.values else None
    below = tuple(dict.fromkeys(child.span.function for child in node.children))
    return (span.function, span.file, span.kind, statement, span.finished, below)


def slowest_path(root: Node) -> set[str]:
    """Span ids from the root down through the longest child each time."""
    path = {root.span.span_id}
    node = root
    while node.children:
        node = max(node.children, key=lambda child: child.span.duration_ns)
        path.add(node.span.span_id)
    return path
