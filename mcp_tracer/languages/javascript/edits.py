"""Collects insertions in the order in which the tree is walked, and puts those of one place into the right order."""

from __future__ import annotations

from mcp_tracer.languages.javascript.markers import wrap
from mcp_tracer.model.plan import Insertion


class Edits:
    """Insertions by byte offset. Where several meet, closers come first, the innermost foremost; then openers, the outermost foremost.

    Callers register an outer node before the nodes inside it.
    """

    def __init__(self, source: bytes) -> None:
        self._source = source
        self._entries: list[tuple[int, int, int, str]] = []

    def open(self, at: int, text: str) -> None:
        """Insert `text` in front of what starts at `at`."""
        self._entries.append((at, 1, len(self._entries), text))

    def close(self, at: int, text: str) -> None:
        """Insert `text` behind what ends at `at`."""
        self._entries.append((at, 0, -len(self._entries), text))

    def wrap(self, start: int, before: str, end: int, after: str) -> None:
        """Put `before` and `after` around the bytes from `start` to `end`."""
        if start == end:
            self.open(start, before + after)
            return
        self.open(start, before)
        self.close(end, after)

    def header(self, at: int, text: str) -> None:
        """Insert `text` at `at` in front of every other opener there, although it is known last."""
        self._entries.append((at, 1, -1, text))

    def insertions(self) -> tuple[Insertion, ...]:
        """One insertion a place, sorted."""
        texts: dict[int, list[str]] = {}
        for at, _, _, text in sorted(self._entries):
            texts.setdefault(at, []).append(text)
        return tuple(Insertion(at, wrap("".join(parts), self._source[at - 1 : at])) for at, parts in texts.items())
