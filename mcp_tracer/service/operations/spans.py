"""What the operations that list spans have in common: asking the store, and the text of a list."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pydantic import Field, PrivateAttr

from mcp_tracer.analysis.text import brief_legend, duration, iso, left_out, span_line
from mcp_tracer.model.errors import UserError
from mcp_tracer.model.query import Page, SpanQuery
from mcp_tracer.model.span import KINDS, Span
from mcp_tracer.service.context import Tools
from mcp_tracer.service.operation import Result
from mcp_tracer.service.operations.views import SpanView, span_view


def seconds_field() -> Any:
    """The parameter of every list that says how long to look."""
    return Field(default=2, gt=0, le=60, description="How long to look at most, about; the cursor goes on from there.")


class SpansResult(Result):
    """Spans of a list. `total` is None where counting would cost more than the page.

    `note` explains an empty list. `lines` are the spans as text. Where the time was over first, `complete` is false, `looked` says up to
    where everything was looked at, and the cursor goes on from there.
    """

    spans: list[SpanView]
    total: int | None
    cursor: str | None
    note: str = ""
    complete: bool = True
    looked: str = ""
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
    def of(cls, page: Page[Span], query: SpanQuery) -> SpansResult:
        """The result for a page of the store."""
        looked = _looked(page, query) if page.cut else ""
        made = cls(
            spans=[span_view(span) for span in page.rows], total=page.total, cursor=page.cursor, complete=not page.cut, looked=looked
        )
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
    return SpansResult.of(await tools.store.search(query), query)


def _looked(page: Page[Span], query: SpanQuery) -> str:
    """What of the store was looked at while there was time."""
    if page.reached_ns is None:
        return "not all calls"
    if query.order == "duration":
        return f"the calls {'slower' if query.descending else 'faster'} than {duration(page.reached_ns)}"
    return f"the calls that started {'after' if query.descending else 'before'} {iso(page.reached_ns)}"


def unseen(result: SpansResult, seconds: float) -> list[str]:
    """The line that says what a list lacks because its time was over; none where it lacks nothing."""
    if result.complete:
        return []
    said = f"In {seconds:g} s only {result.looked} were looked at"
    return [f'{said}: cursor="{result.cursor}" goes on, or narrow it with run, file, function or a longer text, or raise `seconds`.']


def render_spans(result: SpansResult, nothing: str, seconds: float) -> str:
    """One line a span, grouped by nothing: the order is the answer."""
    if not result.spans:
        return nothing if result.complete else "\n".join(["No span matches so far.", *unseen(result, seconds)])
    same = len({span.trace_id for span in result.spans}) == 1 and len(result.spans) > 1
    head = [f"all in trace {result.spans[0].trace_id}:"] if same else []
    lines = [line.rsplit(" trace ", 1)[0] for line in result.lines] if same else result.lines
    more = left_out(len(lines), result.total, f'cursor="{result.cursor}" gives the next.') if result.cursor else []
    more = more if result.complete else unseen(result, seconds)
    return "\n".join([*head, *lines, *result.legend, *more])
