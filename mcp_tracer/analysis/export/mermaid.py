"""A Mermaid sequence diagram: who called whom, in order. A picture for people, so only the outer calls of a large trace are drawn."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping
from typing import Any, Final

from mcp_tracer.analysis.text import arguments, counted, duration, label, outcome
from mcp_tracer.analysis.tree import Fold, Node, build, fold
from mcp_tracer.model.span import Span, TraceSummary

MOST_CALLS: Final = 150
_TEXT: Final = 100
_CODES: Final = {"#": "#35;", ";": "#59;", "<": "#lt;", ">": "#gt;", "%": "#37;", "{": "#123;", "}": "#125;", "\\": "#92;"}


class MermaidSequence:
    """Keeps the calls nearest to the root: of equal depth the earlier ones. A caller is always nearer than what it calls."""

    def __init__(self) -> None:
        self._kept: list[tuple[int, int, Span]] = []
        self._seen = 0
        self._actors: dict[str, str] = {}
        self._title = ""

    def begin(self, trace: TraceSummary) -> Iterator[str]:
        """Nothing yet: the participants stand first, and are known last."""
        self._title = f"{trace.type} {trace.name}".strip()
        yield from ()

    def add(self, span: Span) -> Iterator[str]:
        """Keeps the span if it is among the outermost."""
        self._seen += 1
        entry = (-span.depth, -self._seen, span)
        if len(self._kept) < MOST_CALLS:
            heapq.heappush(self._kept, entry)
        else:
            heapq.heappushpop(self._kept, entry)
        yield from ()

    def end(self) -> Iterator[str]:
        """The diagram."""
        spans = [span for _, _, span in self._kept]
        lines = [*self._level(build(spans), "caller")]
        yield f"sequenceDiagram\n  title {_escaped(self._title)}\n  participant caller\n"
        for name, actor in self._actors.items():
            yield f"  participant {actor} as {_escaped(name)}\n"
        for line in lines:
            yield f"  {line}\n"
        missing = self._seen - len(spans)
        if missing:
            yield f"  Note over caller: {counted(missing, 'call')} not drawn: later ones, or further in; loops may have more turns\n"

    def _level(self, siblings: list[Node], above: str) -> Iterator[str]:
        """Lines of siblings and everything below. Repeated calls are a loop. The stack holds folds to draw, and lines that follow them."""
        stack: list[tuple[Fold, str] | str] = [(item, above) for item in reversed(fold(siblings, most_turns=1))]
        while stack:
            item = stack.pop()
            if isinstance(item, str):
                yield item
                continue
            repeated, caller = item
            span = repeated.first.span
            actor = self._actor(span)
            after = [f"{actor}-{'x' if span.error else '-'}{'' if span.error else '>>'}{caller}: {_answer(span)}"]
            if len(repeated.nodes) > 1:
                yield f"loop {len(repeated.nodes)} times, together {duration(repeated.total_ns)}"
                after.append("end")
            yield f"{caller}->>{actor}: {_escaped(_call(span))}"
            stack += [*reversed(after), *((below, actor) for below in reversed(fold(repeated.first.children, most_turns=1)))]

    def _actor(self, span: Span) -> str:
        attributes: Mapping[str, Any] = span.values.attributes if span.values else {}
        name = str(attributes.get("db.system.name") or attributes.get("server.address") or span.file or span.kind)
        return self._actors.setdefault(name, f"p{len(self._actors) + 1}")


def _call(span: Span) -> str:
    named = label(span)
    return named + (arguments(span.values, 30) if named == span.function else "")


def _answer(span: Span) -> str:
    return _escaped(f"{duration(span.duration_ns)} {outcome(span, 40)}".strip())


def _escaped(text: str) -> str:
    """One line without what Mermaid reads as its own syntax."""
    short = " ".join(text.split())
    short = short if len(short) <= _TEXT else short[: _TEXT - 1] + "…"
    return "".join(_CODES.get(char, char) for char in short) or "-"
