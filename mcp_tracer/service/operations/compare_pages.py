"""Pages of a comparison's part. A cursor holds both sides, so that "last" stays the run that it was."""

from __future__ import annotations

from typing import NamedTuple

from pydantic import Field

from mcp_tracer.model import cursor
from mcp_tracer.service.operation import Result


class ChangeRow(Result):
    """One difference. `before` and `after` are what each side had; span ids where a call shows it.

    `doubtful`: values that may differ by chance, as clocks and random numbers do. `follows`: from a difference that is told before it.
    """

    what: str
    file: str
    line: int
    before: str
    after: str
    trace: str = ""
    span_before: str | None = None
    span_after: str | None = None
    doubtful: bool = Field(default=False, exclude_if=lambda doubtful: not doubtful)
    follows: bool = Field(default=False, exclude_if=lambda follows: not follows)

    @property
    def key(self) -> str:
        """What tells it from others of its part."""
        return "\n".join((self.trace, self.file, str(self.line), self.what))


Rows = dict[str, list[ChangeRow]]


class Place(NamedTuple):
    """Where a part goes on: behind the row with the key `last`, which was followed by number `start`."""

    before: str
    after: str
    start: int
    last: str

    @classmethod
    def of(cls, encoded: str | None, section: str) -> Place | None:
        """What is in a cursor. Raises UserError for one of another list."""
        found = cursor.decode(encoded, f"compare {section}", str, str, int, str)
        return None if found is None else cls(*found)

    def first(self, rows: list[ChangeRow]) -> int:
        """The number of the next row: of a program that still runs there may be new ones before it."""
        known = [number for number, row in enumerate(rows) if row.key == self.last]
        return known[-1] + 1 if known else self.start


class Page(NamedTuple):
    """What is shown of each part, how much there is, and the cursor of the asked part's next rows."""

    shown: Rows
    totals: dict[str, int]
    cursor: str | None


def page_of(rows: Rows, section: str, limit: int, place: Place | None, sides: tuple[str, str]) -> Page:
    """A page of the asked part, or the first rows of all."""
    first = place.first(rows[section]) if place else 0
    shown = {name: found[first : first + limit] if section in (name, "all") else [] for name, found in rows.items()}
    totals = {name: len(found) for name, found in rows.items() if section in (name, "all")}
    if section == "all" or first + limit >= totals[section]:
        return Page(shown, totals, None)
    return Page(shown, totals, cursor.encode(f"compare {section}", *sides, first + limit, shown[section][-1].key))
