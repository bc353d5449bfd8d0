"""Pages of failed calls that tear no error apart: each has all calls that its errors passed through, and no error of a page before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from mcp_tracer.model.query import Page, SpanQuery
from mcp_tracer.model.span import Span
from mcp_tracer.storage.port import SpanStore

NEAREST = 500
"""So many failed calls of a trace are looked at for one of the same error that an earlier page had."""

Identity = tuple[object, ...]


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


def _is_bare_root(span: Span) -> bool:
    """Whether it is a request or test that failed without an exception of its own."""
    return span.error is not None and span.kind in ("test", "http-server") and len(_identity(span)) == 1


def _came_from(caller: Span, called: Span) -> bool:
    if called.error is None or called.parent_span_id != caller.span_id:
        return False
    return _is_bare_root(caller) or (caller.error == called.error and is_same_error(_identity(caller), _identity(called)))


async def failed_calls(store: SpanStore, query: SpanQuery) -> Page[Span]:
    """The next failed calls that match, of errors that no page before told, with all calls that these errors passed through."""
    while True:
        page = await store.search(query)
        rows = page.rows if query.cursor is None else await _untold(store, query, page.rows)
        if rows or page.cursor is None:
            break
        query = replace(query, cursor=page.cursor)
    is_filtered = bool(query.function or query.file or query.text or query.error_type)
    if query.cursor is None and page.cursor is None and not is_filtered:
        return page
    rows += await _passed_through(store, rows)
    is_all = query.cursor is None and not is_filtered and page.total is not None and len(rows) >= page.total
    return replace(page, rows=rows, cursor=None if is_all else page.cursor)


async def _untold(store: SpanStore, query: SpanQuery, rows: tuple[Span, ...]) -> tuple[Span, ...]:
    """The rows whose error has no call in the pages before."""
    newest: dict[Identity, Span] = {}
    for row in rows:
        newest.setdefault(_identity(row), row)
    here = {row.span_id for row in rows}
    told = {one for one, row in newest.items() if await _is_told(store, query, row, here)}
    return tuple(row for row in rows if _identity(row) not in told)


async def _is_told(store: SpanStore, query: SpanQuery, row: Span, here: set[str]) -> bool:
    after = replace(query, trace_id=row.trace_id, start_ns=row.start_ns, descending=False, cursor=None, limit=NEAREST)
    others = [one for one in (await store.search(after)).rows if one.span_id not in here]
    return any(_came_from(row, one) or _identity(one) == _identity(row) for one in others)


async def _passed_through(store: SpanStore, rows: tuple[Span, ...]) -> tuple[Span, ...]:
    """The callers that the rows' errors left too and that are not among the rows, a level at a time."""
    known = {row.span_id for row in rows}
    found: list[Span] = []
    level = rows
    while level:
        below = {row.parent_span_id: row for row in level if row.parent_span_id and row.parent_span_id not in known}
        above = await store.spans([*below]) if below else ()
        level = tuple(one for one in above if _came_from(one, below[one.span_id]))
        known |= {one.span_id for one in level}
        found += level
    return tuple(found)
