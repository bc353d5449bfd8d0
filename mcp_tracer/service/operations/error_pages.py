"""Pages of failed calls that tear no error apart: each has all calls that its errors passed through, and no error of a page before."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import replace
from typing import Protocol

from mcp_tracer.model.query import Page, SpanQuery
from mcp_tracer.model.span import Span
from mcp_tracer.storage.port import SpanStore

NEAREST = 500
"""So many of the last failed calls within a failed call are looked at for what it came from."""

Identity = tuple[object, ...]
_ROOTS = ("test", "http-server")


class _Error(Protocol):
    """An exception as a call ended with it; without a stack where only its type was recorded (level 1, call expressions)."""

    @property
    def type(self) -> str: ...

    @property
    def message(self) -> str: ...

    @property
    def stack(self) -> Sequence[tuple[str, int, str]]: ...


def identity_of(trace_id: str, span_id: str, error: _Error | None) -> Identity:
    """The same for all calls that one exception left; one of which only the type was recorded is alone."""
    return (trace_id, error.type, error.message, error.stack[-1]) if error and error.stack else (span_id,)


def is_same_error(one: Identity, other: Identity) -> bool:
    """Whether a call failed with the exception of one that it made, which failed with the same type."""
    return one == other or min(len(one), len(other)) == 1


def _identity(span: Span) -> Identity:
    return identity_of(span.trace_id, span.span_id, span.values.error if span.values else None)


def is_bare_root(kind: str, error: _Error | None) -> bool:
    """Whether what failed is a request or test without an exception of its own."""
    return kind in _ROOTS and not (error and error.stack)


def _is_bare_root(span: Span) -> bool:
    return span.error is not None and is_bare_root(span.kind, span.values.error if span.values else None)


def _came_from(caller: Span, called: Span) -> bool:
    if called.error is None or called.parent_span_id != caller.span_id:
        return False
    return _is_bare_root(caller) or (caller.error == called.error and is_same_error(_identity(caller), _identity(called)))


async def failed_calls(store: SpanStore, query: SpanQuery) -> Page[Span]:
    """The next failed calls that match, of errors that no page before told, with all calls that these errors passed through."""
    while True:
        page = await store.search(query)
        rows = page.rows if query.cursor is None else await _untold(store, query, page.rows)
        if rows or page.cursor is None or page.cut:
            break
        query = replace(query, cursor=page.cursor)
    is_filtered = bool(query.function or query.file or query.text or query.error_type)
    if query.cursor is None and page.cursor is None and not is_filtered:
        return page
    rows += await _passed_through(store, rows, are_newest=query.cursor is None and not is_filtered)
    is_all = query.cursor is None and not is_filtered and page.total is not None and len(rows) >= page.total
    return replace(page, rows=rows, cursor=None if is_all else page.cursor)


async def _untold(store: SpanStore, query: SpanQuery, rows: tuple[Span, ...]) -> tuple[Span, ...]:
    """The rows whose error has no call in the pages before. What a call came from stands before it."""
    told: dict[str, bool] = {}
    for row in rows:
        below = next((one for one in rows if one.span_id in told and _came_from(row, one)), None)
        told[row.span_id] = told[below.span_id] if below else await _is_told(store, query, row, told)
    return tuple(row for row in rows if not told[row.span_id])


async def _is_told(store: SpanStore, query: SpanQuery, row: Span, here: Container[str]) -> bool:
    """Whether a page before has what the row came from."""
    kind = None if _is_bare_root(row) else row.error
    times = {"start_ns": row.start_ns, "end_ns": row.end_ns}
    inside = replace(query, trace_id=row.trace_id, error_type=kind, cursor=None, limit=NEAREST, seconds=None, **times)
    return any(_came_from(row, one) for one in (await store.search(inside)).rows if one.span_id not in here)


async def _passed_through(store: SpanStore, rows: tuple[Span, ...], are_newest: bool) -> tuple[Span, ...]:
    """The callers that the rows' errors left too and that are not among the rows, a level at a time.

    `are_newest`: all newer failed calls are among the rows.
    """
    known = {row.span_id for row in rows}
    found: list[Span] = []
    level = rows
    while level:
        below: dict[str, Span] = {}
        for row in level:  # newest first
            if row.parent_span_id and row.parent_span_id not in known:
                below.setdefault(row.parent_span_id, row)
        above = await store.spans([*below]) if below else ()
        pairs = [(one, below[one.span_id]) for one in above if _came_from(one, below[one.span_id])]
        level = tuple([one for one, row in pairs if are_newest or not await _failed_later(store, one, row)])
        known |= {one.span_id for one in level}
        found += level
    return tuple(found)


async def _failed_later(store: SpanStore, caller: Span, called: Span) -> bool:
    """Whether the caller came through one failing call and failed with a later one."""
    kind = None if _is_bare_root(caller) else called.error
    inside = SpanQuery(
        has_error=True, trace_id=caller.trace_id, error_type=kind, start_ns=called.start_ns, end_ns=caller.end_ns, limit=NEAREST
    )
    return any(_came_from(caller, one) for one in (await store.search(inside)).rows if one.span_id != called.span_id)
