"""One query: find out what it reads, load that, run it within its limits."""

from __future__ import annotations

import math
import re
import sqlite3
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from threading import Event
from typing import Any, Final

from mcp_tracer.model.errors import UserError
from mcp_tracer.model.sql import BY_NAME, VIEWS, Cell, SqlAnswer, SqlQuery, View
from mcp_tracer.model.words import did_you_mean
from mcp_tracer.storage.sqlite.snapshot import Snapshot
from mcp_tracer.storage.sqlite.sql import guard, measured, spans, tables
from mcp_tracer.storage.sqlite.sql.guard import Authorizer, Patience, known_views
from mcp_tracer.storage.sqlite.sql.values import SpanValues

LONGEST_CELL: Final = 20_000
MOST_BYTES: Final = 2_000_000
MOST_COUNTED: Final = 20_000
_OWN: Final = frozenset(("span_value",))


def answer(snapshot: Snapshot, query: SqlQuery, given_up: Event) -> SqlAnswer:
    """The first rows of a SELECT over the documented views. Raises UserError, which names what is wrong and what there is."""
    patience = Patience(query.timeout_s, given_up)
    used = _examined(query.sql, patience)
    values = SpanValues(snapshot, patience)
    with closing(guard.opened(patience)) as db:
        db.create_function("span_value", 3, values, deterministic=True)
        with _ended(patience):
            loaded = [module.load(db, snapshot, query.scope, used, patience) for module in (spans, tables)]
        authorizer = Authorizer(_OWN)
        guard.restrict(db, authorizer, patience)
        with _explained(authorizer, patience, query.sql, values):
            names, rows, total = _rows(db, query)
    return SqlAnswer(names, rows, total, sum(one.rows for one in loaded), sum(one.left_out for one in loaded))


def _examined(sql: str, patience: Patience) -> dict[str, set[str]]:
    """View -> columns that a statement reads, from SQLite itself: it is prepared on empty tables with the views' names."""
    authorizer = Authorizer()
    with closing(guard.opened(patience)) as db, _explained(authorizer, patience, sql):
        for view in VIEWS:
            db.execute(f"CREATE TABLE {view.name}({', '.join(column.name for column in view.columns)})")
        roots = {row[0]: BY_NAME[row[1]] for row in db.execute("SELECT rootpage, name FROM sqlite_master")}
        guard.restrict(db, authorizer, patience)
        used, cursors = authorizer.used, dict[int, View]()
        # The authorizer is not told of columns that only USING names: the program that SQLite made of the statement shows them.
        for _, operation, first, second, *_ in db.execute(f"EXPLAIN {sql}"):
            if operation == "OpenRead" and second in roots:
                cursors[first] = roots[second]
            elif operation == "Column" and first in cursors:
                used.setdefault(cursors[first].name, set()).add(cursors[first].columns[int(second)].name)
    return used


def _rows(db: sqlite3.Connection, query: SqlQuery) -> tuple[tuple[str, ...], tuple[tuple[Cell, ...], ...], int | None]:
    """Columns, the first rows as far as they fit, and how many there are, if counting ends soon."""
    cursor = db.execute(query.sql)
    if not cursor.description:
        raise UserError(f"The statement gives no rows: send one SELECT. {known_views()}")
    names = tuple(str(column[0]) for column in cursor.description)
    rows: list[tuple[Cell, ...]] = []
    room = MOST_BYTES
    while len(rows) < query.limit and room > 0:
        row = cursor.fetchone()
        if row is None:
            return names, tuple(rows), len(rows)
        rows.append(tuple(_cell(value) for value in row))
        room -= sum(len(value) if isinstance(value, str) else 8 for value in rows[-1])
    more = sum(1 for _ in _up_to(cursor, MOST_COUNTED))
    return names, tuple(rows), len(rows) + more if more < MOST_COUNTED else None


def _up_to(cursor: Iterator[Any], most: int) -> Iterator[Any]:
    for _, row in zip(range(most), cursor, strict=False):
        yield row


def _cell(value: Any) -> Cell:
    if isinstance(value, bytes):
        return f"blob({len(value)})"
    if isinstance(value, str) and len(value) > LONGEST_CELL:
        return f"{value[:LONGEST_CELL]}…{len(value):,}"
    return repr(value) if isinstance(value, float) and math.isinf(value) else value  # JSON has no infinity


@contextmanager
def _ended(patience: Patience) -> Generator[None]:
    """SQLite's error where the time is over as the sentence that says so; others are the store's."""
    try:
        yield
    except sqlite3.Error:
        patience.check()
        raise


@contextmanager
def _explained(authorizer: Authorizer, patience: Patience, sql: str, values: SpanValues | None = None) -> Generator[None]:
    """SQLite's errors as sentences that name the fix; where values cannot be read, what was wrong with them."""
    try:
        yield
    except (sqlite3.Error, sqlite3.Warning) as error:
        patience.check()
        if values is not None and values.failure is not None:
            raise values.failure from None
        raise UserError(authorizer.reason or _sentence(str(error), sql)) from None


def _sentence(message: str, sql: str) -> str:
    name = re.fullmatch(r"no such (table|column|function): (?:\w+\.)?(\S+).*", message)
    if name and name[1] == "table":
        return f"There is no view {name[2]}.{_near(name[2], BY_NAME)} {known_views()}"
    if name and name[1] == "column":
        return _no_column(name[2], [view for view in VIEWS if re.search(rf"\b{view.name}\b", sql)] or [BY_NAME["spans"]])
    if name:
        return _no_function(name[2])
    if "one statement" in message:
        return "Only one statement at a time: send one SELECT."
    if "bindings" in message:
        return "The statement has a parameter (?, :name): write the value itself."
    if "too big" in message or "too long" in message or "too large" in message:
        return f"A value or the statement is too long (at most {measured.LONGEST_VALUE:,} and {guard.LONGEST_SQL:,} characters)."
    return f"SQLite says: {message}. {known_views()}"


def _no_function(name: str) -> str:
    """A near name of those that are there; of one that only other versions of SQLite have, the version."""
    if name.lower() in guard.FUNCTIONS:
        percentiles = " The view functions has p50_ms and p95_ms." if name.lower().startswith(("median", "percentile")) else ""
        return f"This SQLite ({sqlite3.sqlite_version}) has no function {name}.{percentiles}"
    return f"There is no function {name}.{_near(name, guard.available())}"


def _no_column(name: str, views: Sequence[View]) -> str:
    """What the views in question have, and a near name."""
    known = [column.name for view in views for column in view.columns]
    return " ".join((
        f"There is no column {name}.{_near(name, known)}",
        *(f"{view.name} has {', '.join(column.name for column in view.columns)}." for view in views),
    ))  # fmt: skip


def _near(name: str, known: Iterable[str]) -> str:
    return did_you_mean(name, known, cutoff=0.5)
