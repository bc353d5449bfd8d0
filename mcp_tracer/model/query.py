"""Questions to a store and the shape of its lists."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some rows of a list. `total` is exact, or None where counting costs more than the page; `cursor` fetches the next page.

    `cut`: the question's time was over before everything was seen; these are all rows up to there, and `cursor` goes on from there.
    `reached_ns` is then the start time, or for a list by duration the duration, up to which everything was seen.
    """

    rows: tuple[T, ...]
    cursor: str | None = None
    total: int | None = None
    cut: bool = False
    reached_ns: int | None = None


@dataclass(frozen=True, slots=True)
class Scan(Generic[T]):
    """What a scan with limits found. `complete` is False where it ended before it had seen everything."""

    rows: tuple[T, ...]
    complete: bool


@dataclass(frozen=True, slots=True)
class SpanQuery:
    """What to search spans by; absent parts don't restrict. Newest first unless `order` says `duration` (slowest first).

    `text` is a case-insensitive substring of function names, parameters, returns, error messages or SQL, `named` (of a search) one of
    function names or files. `file` and `function` are globs (a function also matches by its last name: `save` finds `Store.save`).
    `sites`: with call expressions. Times are wall-clock ns, durations ns. `seconds`: how long to look at most, about; the page is cut
    then.
    `counted`: the page's total is exact, unless `text` restricts, even where counting costs more than the page.
    """

    text: str | None = None
    file: str | None = None
    function: str | None = None
    named: str | None = None
    kind: str | None = None
    sites: bool = True
    min_duration_ns: int | None = None
    max_duration_ns: int | None = None
    has_error: bool | None = None
    error_type: str | None = None
    start_ns: int | None = None
    end_ns: int | None = None
    run_id: str | None = None
    trace_id: str | None = None
    test_id: str | None = None
    order: str = "time"
    descending: bool = True
    limit: int = 20
    cursor: str | None = None
    values: bool = True
    seconds: float | None = None
    counted: bool = False
