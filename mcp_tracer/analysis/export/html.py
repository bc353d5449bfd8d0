"""A page that stands alone: the call tree, to open and close. It loads nothing, and shows recorded data as text, never as markup."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator
from html import escape
from importlib.resources import files
from typing import Final

from mcp_tracer.analysis.text import arguments, clock, counted, duration, label, outcome, place
from mcp_tracer.model.json_text import json_text
from mcp_tracer.model.span import Span, TraceSummary

VALUE_LIMIT: Final = 400
_IN_SCRIPT: Final = {ord("<"): "\\u003c", ord(">"): "\\u003e", ord("&"): "\\u0026", 0x2028: "\\u2028", 0x2029: "\\u2029"}


class HtmlPage:
    """The spans are JSON lines in a data block; the page's script, fixed and allowed by its hash alone, makes the tree of them."""

    def __init__(self) -> None:
        self._foot = ""

    def begin(self, trace: TraceSummary) -> Iterator[str]:
        """The head, and the beginning of the data."""
        failed = f", {trace.errors:,} failed" if trace.errors else ""
        took = duration(max(0, trace.end_ns - trace.start_ns))
        about = f"trace {trace.trace_id}, run {trace.run_id}, {clock(trace.start_ns)}, {took}, {counted(trace.spans, 'span')}{failed}"
        script, style = _part("page.js"), _part("page.css")
        parts = {"title": escape(" ".join(f"{trace.type} {trace.name}".split())), "about": escape(about), "script": script, "style": style,
                 "script hash": _hash(script), "style hash": _hash(style)}  # fmt: skip
        page = re.sub(r"\{(script hash|style hash|title|about|script|style)\}", lambda match: parts[match[1]], _part("page.html"))
        head, _, self._foot = page.partition("{spans}")
        yield f"{head}[{trace.start_ns}"

    def add(self, span: Span) -> Iterator[str]:
        """One line of data: id, parent, name, parameters, outcome, place, offset, duration, own time, failed, calls, stack."""
        error = span.values.error if span.values else None
        stack = [f"{file}:{line} {function}" for file, line, function in error.stack] if error else []
        named = label(span)
        row = [
            span.span_id, span.parent_span_id, named, arguments(span.values, VALUE_LIMIT), outcome(span, VALUE_LIMIT), place(span),
            span.start_ns, span.duration_ns, span.self_ns, int(span.error is not None), span.count, stack,
        ]  # fmt: skip
        yield ",\n" + json_text(row).translate(_IN_SCRIPT)

    def end(self) -> Iterator[str]:
        """The end of the data, and the script."""
        yield f"\n]{self._foot}"


def _part(name: str) -> str:
    return files("mcp_tracer.analysis.export").joinpath(name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
