"""What the operations that list spans have in common: asking the store, and the text of a list."""

from __future__ import annotations

from dataclasses import replace

from pydantic import PrivateAttr

from mcp_tracer.analysis.text import brief_legend, left_out, span_line
from mcp_tracer.model.errors import UserError
from mcp_tracer.model.query import Page, SpanQuery
from mcp_tracer.model.span import KINDS, Span
from mcp_tracer.service.context import Tools
from mcp_tracer.service.operation import Result
from mcp_tracer.service.operations.views import SpanView, span_view


class SpansResult(Result):
    """Spans of a list. `total` is None where counting would cost more than the page.

    `note` explains an empty list. `lines` are the spans as text.
    """

    spans: list[SpanView]
    total: int | None
    cursor: str | None
    note: str = ""
    _lines: list[str] = PrivateAttr(default_factory=list[str])
    _legend: list[str] = PrivateAttr(default_factory=list[str])

    @property
    def lines(self) -> list[str]:
        """The rows for a reader, in the same order."""
        return self._lines

    @property
    def legend(self) -> list[str]:
        """What a mark on rows means, where one has it."""
        return self._legend

    @classmethod
    def of(cls, page: Page[Span]) -> SpansResult:
        """The result for a page of the store."""
        made = cls(spans=[span_view(span) for span in page.rows], total=page.total, cursor=page.cursor)
        made._lines = [f"{span_line(span)} #{span.span_id} trace {span.trace_id}" for span in page.rows]
        made._legend = brief_legend(page.rows)
        return made


def known_kind(kind: str | None) -> str | None:
    """The kind; raises UserError for one that no span has."""
    if kind is not None and kind not in KINDS:
        raise UserError(f"kind {kind!r} is unknown: use {', '.join(KINDS)}.")
    return kind


async def find(tools: Tools, query: SpanQuery) -> SpansResult:
    """Take what has been written meanwhile, resolve `last` and short run ids, and search."""
    await tools.catch_up()
    if query.run_id:
        query = replace(query, run_id=(await tools.store.run(query.run_id)).run_id)
    if query.trace_id:
        query = replace(query, trace_id=(await tools.store.trace(query.trace_id)).trace_id)
    return SpansResult.of(await tools.store.search(query))


def render_spans(result: SpansResult, nothing: str) -> str:
    """One line a span, grouped by nothing: the order is the answer."""
    if not result.spans:
        return nothing
    same = len({span.trace_id for span in result.spans}) == 1 and len(result.spans) > 1
    head = [f"all in trace {result.spans[0].trace_id}:"] if same else []
    lines = [line.rsplit(" trace ", 1)[0] for line in result.lines] if same else result.lines
    more = left_out(len(lines), result.total, f'cursor="{result.cursor}" gives the next.') if result.cursor else []
    return "\n".join([*head, *lines, *result.legend, *more])
