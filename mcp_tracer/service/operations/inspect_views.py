"""How an inspected call looks on the wire."""

from __future__ import annotations

from typing import Any

from pydantic import PrivateAttr

from mcp_tracer.analysis.inspection import Called, Inspection, Line
from mcp_tracer.model.values import Value, jsonable
from mcp_tracer.service.operation import Result
from mcp_tracer.service.operations.views import SpanView, span_view

MOST_VALUES = 50

Change = tuple[int, int, Value]
"""(event number, line, value)."""


class TakenView(Result):
    """The values of one name at one line: how many, and the first ones."""

    name: str
    count: int
    values: list[Any]
    last: Any


class CalledView(Result):
    """Calls from one line (0: not known): of what, how many, how many failed, their span ids."""

    name: str
    line: int
    count: int
    errors: int
    span_ids: list[str]


class LineView(Result):
    """One line of source. `hits` is None where the level did not record lines."""

    number: int
    text: str
    hits: int | None
    raised: bool
    values: list[TakenView]
    calls: list[CalledView]


class ChangeView(Result):
    """A value that the asked name took, and at which line."""

    line: int
    value: Any


class InspectResult(Result):
    """A call over its source. `source`: `recorded` (as it ran) or `unknown`: lines are then those with facts, without text."""

    span: SpanView
    caller: str
    source: str
    source_hash: str | None
    lines: list[LineView]
    calls_elsewhere: list[CalledView]
    history: list[ChangeView]
    history_total: int
    cursor: str | None
    notes: list[str]
    _inspection: Inspection | None = PrivateAttr(default=None)
    _changes: list[Change] = PrivateAttr(default_factory=list[Change])

    @property
    def inspection(self) -> Inspection:
        """What the result was made of."""
        assert self._inspection is not None
        return self._inspection

    @property
    def changes(self) -> list[Change]:
        """The values of `history` as they were captured."""
        return self._changes

    @classmethod
    def of(cls, made: Inspection, changes: list[Change], **facts: Any) -> InspectResult:
        """The result, which keeps what it was made of for its text."""
        result = cls(
            span=span_view(made.span),
            lines=[_line_view(line) for line in made.lines],
            calls_elsewhere=[_called_view(one) for one in made.elsewhere],
            history=[ChangeView(line=line, value=jsonable(value)) for _, line, value in changes],
            **facts,
        )
        result._inspection, result._changes = made, changes
        return result


def _line_view(line: Line) -> LineView:
    taken = [
        TakenView(
            name=one.name,
            count=len(one.values),
            values=[jsonable(value) for value in one.values[:MOST_VALUES]],
            last=jsonable(one.values[-1]),
        )
        for one in line.taken
    ]
    return LineView(
        number=line.number,
        text=line.text,
        hits=line.hits,
        raised=line.raised,
        values=taken,
        calls=[_called_view(one) for one in line.called],
    )


def _called_view(called: Called) -> CalledView:
    ids = [span.span_id for span in called.spans[:MOST_VALUES]]
    return CalledView(name=called.name, line=called.line, count=len(called.spans), errors=len(called.failed), span_ids=ids)
