"""An inspected call as text for a reader with a small window: the source with what happened beside each line, within a budget."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mcp_tracer.analysis.inspection import Called, Inspection, Line, Taken, numbers_of
from mcp_tracer.analysis.text import duration, failure
from mcp_tracer.model.values import Value, preview

CHARACTERS_A_TOKEN = 3.5
SHOWN_VALUES = 4


@dataclass(frozen=True, slots=True)
class _View:
    """What one attempt shows: so many silent lines around each that says something, values of so many characters."""

    around: int
    value: int


_ATTEMPTS = (_View(10_000, 60), _View(6, 60), _View(3, 60), _View(1, 40), _View(1, 24), _View(0, 24), _View(0, 12))


def annotated(inspection: Inspection, budget_tokens: int) -> list[str]:
    """The lines of the function; as much is left out as the budget demands, silent lines first, and it is said where."""
    limit = int(budget_tokens * CHARACTERS_A_TOKEN)
    lines: list[str] = []
    for view in _ATTEMPTS:
        lines = _Teller(inspection, view).lines()
        if sum(len(line) + 1 for line in lines) <= limit:
            return lines
    return _cut(inspection, lines, limit)


def _cut(inspection: Inspection, lines: list[str], limit: int) -> list[str]:
    """The part around the failure, or from the start, with how to ask for the rest."""
    failed = next((index for index, line in enumerate(lines) if " ✗ " in line), None)
    start = 0 if failed is None else max(0, failed - 8)
    kept: list[str] = []
    for line in lines[start:]:
        limit -= len(line) + 1
        if limit < 0:
            break
        kept.append(line)
    first, last = inspection.lines[0].number, inspection.lines[-1].number
    return [*kept, f'… {len(lines) - len(kept)} more lines: ask for a part of {first}–{last} with lines="{first}-{first + 40}".']


class _Teller:
    """One attempt."""

    def __init__(self, inspection: Inspection, view: _View) -> None:
        self._inspection, self._view = inspection, view
        self._width = len(str(inspection.lines[-1].number)) if inspection.lines else 1
        self._indent = _common_indent([line.text for line in inspection.lines])
        counts = [f"×{line.hits}" for line in inspection.lines if line.hits]
        self._hits = max(map(len, counts), default=0) if inspection.has_lines else 0

    def lines(self) -> list[str]:
        """The source, with gaps said."""
        shown = self._shown()
        made: list[str] = []
        before = self._inspection.lines[0].number - 1 if self._inspection.lines else 0
        for line in self._inspection.lines:
            if line.number in shown:
                made += [*_gap(before + 1, line.number - 1), self._line(line)]
                before = line.number
        return [*made, *_gap(before + 1, self._inspection.lines[-1].number if made else 0)]

    def _shown(self) -> set[int]:
        lines, around = self._inspection.lines, self._view.around
        if not lines:
            return set()
        loud = [lines[0].number, *(line.number for line in lines if line.says_something)]
        first, last = lines[0].number, lines[-1].number
        return {number for one in loud for number in range(max(first, one - around), min(last, one + around) + 1)}

    def _line(self, line: Line) -> str:
        count = f"×{line.hits}" if line.hits else ""
        head = f"{line.number:>{self._width}} {count:<{self._hits}}{' ' if self._hits else ''}"
        text = line.text[self._indent :].rstrip() if line.text.strip() else ""
        notes = "; ".join(self._notes(line))
        return (head + text + ("  <- " + notes if notes else "")).rstrip()

    def _notes(self, line: Line) -> Iterator[str]:
        if line.raised:
            yield failure(self._inspection.span)
        yield from (said_values(taken, self._view.value) for taken in line.taken)
        yield from (said_calls(one, self._view.value) for one in line.called)


def _gap(first: int, last: int) -> Iterator[str]:
    if first == last:
        yield f"… line {first}"
    elif first < last:
        yield f"… lines {first}–{last}"


def _common_indent(texts: Sequence[str]) -> int:
    return min((len(text) - len(text.lstrip()) for text in texts if text.strip()), default=0)


def said_values(taken: Taken, limit: int) -> str:
    """`cost=1.5, 1, 5`, or of many the first, the last, how many, and for numbers the range."""
    return f"{taken.name}={_several(taken.values, limit)}"


def _several(values: Sequence[Value], limit: int) -> str:
    runs = runs_of(values)
    if len(runs) <= SHOWN_VALUES:
        return ", ".join(preview(value, limit) + (f" (×{count})" if count > 1 else "") for value, count in runs)
    span = numbers_of(values)
    between = f", {preview(span[0])} to {preview(span[1])}" if span else ""
    return f"{preview(values[0], limit)}, {preview(values[1], limit)}, … {preview(values[-1], limit)} ({len(values)} values{between})"


def runs_of(values: Sequence[Value]) -> list[tuple[Value, int]]:
    """Equal neighbours as one, with their number."""
    runs: list[tuple[Value, int]] = []
    for value in values:
        if runs and type(runs[-1][0]) is type(value) and runs[-1][0] == value:
            runs[-1] = (value, runs[-1][1] + 1)
        else:
            runs.append((value, 1))
    return runs


def _types(called: Called) -> str:
    """The errors of the failed ones by type, the most frequent first, with their numbers where there are several."""
    found = Counter(span.error for span in called.failed).most_common()
    shown = [f"{name} ×{count}" if len(found) > 1 else str(name) for name, count in found[:SHOWN_VALUES]]
    return ", ".join([*shown, f"{len(found) - len(shown)} more types"] if len(found) > len(shown) else shown)


def said_calls(called: Called, limit: int) -> str:
    """`discount ×4 → 1.5, 1, 5, 2 #id`; of failed ones the error and the id of the first."""
    count = f" ×{len(called.spans)}" if len(called.spans) > 1 else ""
    returned = [span.values.returned for span in called.spans if span.values and span.values.has_return]
    gave = f" → {_several(returned, limit)}" if returned else ""
    named = next(iter([*called.failed, *called.spans]))
    failed = f" ✗ {_types(called)} ({len(called.failed)} of {len(called.spans)} failed)" if called.failed else ""
    slow = sum(span.duration_ns for span in called.spans)
    return f"{called.name}{count}{gave}{failed} {duration(slow)} #{named.span_id}"
