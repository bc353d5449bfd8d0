"""Traces in the formats of other tools. Each format takes the spans one after the other, so that a large trace does not fill memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, Protocol

from mcp_tracer.analysis.export.chrome import ChromeTrace
from mcp_tracer.analysis.export.collapsed import CollapsedStacks
from mcp_tracer.analysis.export.html import HtmlPage
from mcp_tracer.analysis.export.mermaid import MermaidSequence
from mcp_tracer.analysis.export.otlp import OtlpJson
from mcp_tracer.analysis.export.speedscope import Speedscope
from mcp_tracer.model.span import Span, TraceSummary


class Exporter(Protocol):
    """One export: `begin`, `add` every span by start time (parents before children), `end`. What they give, joined, is the file."""

    def begin(self, trace: TraceSummary) -> Iterator[str]:
        """What stands before the spans."""
        ...

    def add(self, span: Span) -> Iterator[str]:
        """What one span adds; a format may keep it back."""
        ...

    def end(self) -> Iterator[str]:
        """What stands behind them."""
        ...


EXPORTERS: Final[dict[str, tuple[str, Callable[[], Exporter]]]] = {
    "chrome": (".json", ChromeTrace),
    "speedscope": (".speedscope.json", Speedscope),
    "collapsed": (".txt", CollapsedStacks),
    "otlp": (".otlp.json", OtlpJson),
    "mermaid": (".mmd", MermaidSequence),
    "html": (".html", HtmlPage),
}
"""Format -> its file's ending, and how to begin."""
