"""How a comparison looks: rows of five parts, on the wire and as text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from pydantic import Field

from mcp_tracer.analysis.comparison import CallChange, ResultChange
from mcp_tracer.analysis.difference import Divergence
from mcp_tracer.analysis.failures import ErrorChange
from mcp_tracer.analysis.text import arguments, duration, label, message, outcome
from mcp_tracer.analysis.times import TimeChange, Times
from mcp_tracer.model.span import Span, TraceSummary
from mcp_tracer.service.operation import Result
from mcp_tracer.service.operations.compare_pages import ChangeRow, Page, Rows

SIDES = ("before", "after")
SECTIONS = ("divergence", "errors", "results", "calls", "times")
TITLES = {
    "divergence": "First differences in order of execution, before | after",
    "errors": "Errors",
    "results": "Same arguments, other result",
    "calls": "Calls",
    "times": "Times (median a call, own time unless it says total; significant)",
}

Lacking = tuple[bool, bool]
"""Whether the recordings of each side lack calls."""


class CompareResult(Result):
    """The differences by part, `totals` of what was asked for, and what a reader must know. `cursor` goes on with the asked section.

    `lacking`: the sides (before, after) of which calls are missing: what they seem not to have done, they may have done.
    """

    before: str
    after: str
    divergence: list[ChangeRow]
    errors: list[ChangeRow]
    results: list[ChangeRow]
    calls: list[ChangeRow]
    times: list[ChangeRow]
    totals: dict[str, int]
    cursor: str | None
    notes: list[str]
    lacking: list[str] = Field(default_factory=list[str], exclude_if=lambda sides: not sides)

    @classmethod
    def of(cls, titles: tuple[str, str], page: Page, notes: list[str], lacking: Lacking) -> CompareResult:
        """The result with what is shown of each part."""
        shown: Any = page.shown
        sides = [side for side, lacks in zip(SIDES, lacking, strict=True) if lacks]
        return cls(before=titles[0], after=titles[1], **shown, totals=page.totals, cursor=page.cursor, notes=notes, lacking=sides)

    def rows(self, section: str) -> list[ChangeRow]:
        """The rows of a part that are shown."""
        return {"divergence": self.divergence, "errors": self.errors, "results": self.results, "calls": self.calls, "times": self.times}[
            section
        ]


def rows_of(
    parted: Sequence[tuple[TraceSummary, Divergence]],
    calls: Sequence[CallChange],
    errors: Sequence[ErrorChange],
    results: Sequence[ResultChange],
    times: Times,
    lacking: Lacking = (False, False),
) -> Rows:
    """All differences as rows."""
    return {
        "divergence": [_parted(trace, one, lacking) for trace, one in parted],
        "errors": [_error(one, lacking) for one in errors],
        "results": [_result(one) for one in results],
        "calls": [_call(one, lacking) for one in calls],
        "times": [_time(one) for one in times.changed],
    }


def _parted(trace: TraceSummary, one: Divergence, lacking: Lacking) -> ChangeRow:
    span = one.span_after or one.span_before
    sides = " and ".join(side for side, lacks in zip(SIDES, lacking, strict=True) if lacks)
    structure = f"structure (calls of {sides} may be missing)" if sides else "structure"
    what = {"structure": structure, "return": f"{_name(span)} gave", "exception": f"{_name(span)} ended with"}
    return ChangeRow(
        what=what.get(one.kind, f"{_name(span)} got {one.name} ="),
        doubtful=not one.is_sure,
        follows=one.follows,
        file=span.file if span else "",
        line=span.line if span else 0,
        before=one.before,
        after=one.after,
        trace=str(trace.attributes.get("testId") or trace.name),
        span_before=one.span_before.span_id if one.span_before else None,
        span_after=one.span_after.span_id if one.span_after else None,
    )


def _name(span: Span | None) -> str:
    return label(span) if span else ""


def _call(one: CallChange, lacking: Lacking) -> ChangeRow:
    before, after = (_times(*side, "not called") for side in zip((one.before, one.after), lacking, strict=True))
    return ChangeRow(what=one.key[1], file=one.key[0], line=one.line, before=before, after=after)


def _times(number: float, lacks: bool, nothing: str) -> str:
    """A number of calls; of a side of which calls are missing, there may have been more."""
    if number:
        return f"×{number:,.6g} or more" if lacks else f"×{number:,.6g}"
    return "none recorded (calls may be missing)" if lacks else nothing


def _error(one: ErrorChange, lacking: Lacking) -> ChangeRow:
    span = one.example
    said = f" ({message(span)[:120]})" if message(span) and not one.other else ""
    before, after = _times(one.before, lacking[0], "none"), _times(one.after, lacking[1], "none")
    return ChangeRow(
        what=f"{one.type} in {one.function}{said}",
        file=one.file,
        line=span.line,
        before=f"{before}, {_failed(one.other)}" if one.other else before,
        after=f"{after}, {_failed(span)}" if one.other else after,
        span_before=one.other.span_id if one.other else None if one.after else span.span_id,
        span_after=span.span_id if one.after else None,
    )


def _failed(span: Span) -> str:
    """One of several failures: the call, and what it said."""
    return f"{arguments(span.values, 40) or 'one'}: {message(span)[:120] or 'no message'}"


def _result(one: ResultChange) -> ChangeRow:
    return ChangeRow(
        what=f"{label(one.after)}{arguments(one.after.values, 40)}",
        file=one.after.file,
        line=one.after.line,
        before=outcome(one.before),
        after=outcome(one.after),
        span_before=one.before.span_id,
        span_after=one.after.span_id,
    )


def _time(one: TimeChange) -> ChangeRow:
    certain = "beyond 95 % of the other's" if one.p is None else f"p={one.p:.1g}"
    cause = f", from {one.cause}" if one.cause else ""
    after = f"{duration(round(one.after_ns))}{cause} ({certain}, {one.calls[0]} and {one.calls[1]} calls)"
    what = one.key[1] + (f" within {one.within}" if one.within else "") + (" total" if one.total else "")
    return ChangeRow(what=what, file=one.key[0], line=0, before=duration(round(one.before_ns)), after=after)


def told(result: CompareResult, section: str) -> str:
    """The sides, then each part with its rows, what was left out, and the next call."""
    lines = [f"before: {result.before}", f"after:  {result.after}"]
    for name in SECTIONS if section == "all" else (section,):
        lines += _section(result, name, section)
    if section != "all":
        lines.append('Only this part was compared: section="all" gives every part.')
    elif not any(result.totals.values()):
        lines.append("No difference was found in what both sides recorded.")
    return "\n".join([*lines, *result.notes, *_next(result)])


def _section(result: CompareResult, name: str, asked: str) -> Iterator[str]:
    rows, total = result.rows(name), result.totals[name]
    if not rows:
        if asked == name:
            yield f"{TITLES[name]}: no difference."
        return
    yield f"{TITLES[name]} ({total}):"
    for row in rows:
        yield "  " + _row(row)
    if len(rows) < total:
        how = f'cursor="{result.cursor}" gives the next' if result.cursor else f'section="{name}" shows all'
        yield f"  {len(rows)} shown of {total}; {how}." if asked != name or result.cursor else f"  the last {len(rows)} of {total}."


def _row(row: ChangeRow) -> str:
    place = f" {row.file}:{row.line}" if row.file and row.line else f" {row.file}" if row.file else ""
    ids = [f"before #{row.span_before}" if row.span_before else "", f"after #{row.span_after}" if row.span_after else ""]
    trace = f"[{row.trace}] " if row.trace else ""
    doubt = " (may be chance)" if row.doubtful else " (follows from earlier)" if row.follows else ""
    return " ".join(part for part in (f"{trace}{row.what}: {row.before} | {row.after}{doubt}{place}", *ids) if part)


def _next(result: CompareResult) -> list[str]:
    """The first call that went otherwise is where to look."""
    rows = [row for name in SECTIONS for row in result.rows(name) if row.span_after]
    named = min(rows, key=lambda row: (row.doubtful, row.follows), default=None)
    return [f'Next: inspect_span span_id="{named.span_after}".'] if named else []
