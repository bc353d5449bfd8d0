"""Spans as `Calls`, in the order in which they arrive: what is called before its caller."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mcp_tracer.model.calls import ROW, Callee, Calls
from mcp_tracer.model.span import Span, Values


def calls_of(spans: Sequence[Span]) -> Calls:
    """The columns of some spans."""
    ordered = sorted(spans, key=lambda span: (span.end_ns, -span.depth, span.key))
    functions = list(dict.fromkeys(Callee(span.file, span.function, span.line, span.kind) for span in ordered))
    errors = ["", *sorted({span.error for span in ordered if span.error})]
    traces, runs = list(dict.fromkeys(span.trace_id for span in ordered)), list(dict.fromkeys(span.run_id for span in ordered))
    rows = np.zeros(len(ordered), ROW)
    for at, span in enumerate(ordered):
        callee = Callee(span.file, span.function, span.line, span.kind)
        rows[at] = (
            int(span.span_id, 16), int(span.parent_span_id or "0", 16), traces.index(span.trace_id), runs.index(span.run_id), span.start_ns,
            span.duration_ns, span.self_ns, functions.index(callee), errors.index(span.error or ""), span.depth, at,
        )  # fmt: skip

    def values(chosen: Sequence[int]) -> list[Values | None]:
        return [ordered[row].values for row in chosen]

    return Calls(rows, functions, errors, dict(enumerate(runs)), values)
