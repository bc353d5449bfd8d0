"""What a query may do. SQLite itself asks here, before it runs anything; nothing is decided by looking at the text."""

from __future__ import annotations

import sqlite3
import sys
import time
from contextlib import closing
from functools import lru_cache
from threading import Event
from typing import Final

from mcp_tracer.model.errors import UserError
from mcp_tracer.model.sql import BY_NAME
from mcp_tracer.storage.sqlite.sql import measured

OPS_BETWEEN_LOOKS: Final = 250
LONGEST_SQL: Final = 20_000
MOST_COMPOUNDS: Final = 50
LONGEST_PATTERN: Final = 500

# Pure functions of their arguments. Left out: whatever reads files or code, what only makes large values, and json_patch, whose time
# grows with the square of the value's length.
_NAMES: Final = """
    abs avg acos acosh asin asinh atan atan2 atanh ceil ceiling char coalesce concat concat_ws cos cosh count cume_dist current_date
    current_time current_timestamp date datetime degrees dense_rank exp first_value floor format glob group_concat hex ifnull iif
    instr json json_array json_array_length json_each json_extract json_group_array json_group_object json_insert json_object
    json_pretty json_quote json_remove json_replace json_set json_tree json_type json_valid -> ->> julianday lag last_value
    lead length like likelihood likely ln log log10 log2 lower ltrim max median min mod nth_value ntile nullif octet_length
    percent_rank percentile percentile_cont percentile_disc pi pow power printf quote radians random rank replace round row_number
    rtrim sign sin sinh sqlite_version sqrt string_agg substr substring subtype sum tan tanh time timediff total trim trunc typeof
    unhex unicode unixepoch unistr unistr_quote unlikely upper strftime
"""
FUNCTIONS: Final = frozenset(_NAMES.split())


@lru_cache(maxsize=1)
def available() -> frozenset[str]:
    """Those of the functions that this SQLite has, by its own list."""
    with closing(sqlite3.connect(":memory:")) as db:
        try:
            there = {str(name) for (name,) in db.execute("SELECT DISTINCT name FROM pragma_function_list")}
        except sqlite3.Error:  # built without its lists
            return FUNCTIONS
    return FUNCTIONS & there


TABLE_FUNCTIONS: Final = ("json_each", "json_tree")

_DENIED: Final = {
    sqlite3.SQLITE_ATTACH: "ATTACH",
    sqlite3.SQLITE_DETACH: "DETACH",
    sqlite3.SQLITE_PRAGMA: "PRAGMA",
    sqlite3.SQLITE_INSERT: "INSERT",
    sqlite3.SQLITE_UPDATE: "UPDATE",
    sqlite3.SQLITE_DELETE: "DELETE",
    sqlite3.SQLITE_TRANSACTION: "BEGIN, COMMIT and ROLLBACK",
    sqlite3.SQLITE_SAVEPOINT: "SAVEPOINT",
    sqlite3.SQLITE_ANALYZE: "ANALYZE",
    sqlite3.SQLITE_REINDEX: "REINDEX",
}


class Authorizer:
    """Answers what SQLite asks about a statement: views and pure functions are allowed, everything else is not.

    `used` gathers view → columns; `reason` says why the first thing was refused. `own` are functions that our views call.
    """

    def __init__(self, own: frozenset[str] = frozenset()) -> None:
        self.used: dict[str, set[str]] = {}
        self.reason = ""
        self._own = own

    def __call__(self, action: int, first: str | None, second: str | None, database: str | None, inner: str | None) -> int:
        """SQLITE_OK or SQLITE_DENY, for one thing that a statement does."""
        if action in (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_RECURSIVE):
            return sqlite3.SQLITE_OK
        if action == sqlite3.SQLITE_READ:
            return self._read(first or "", second or "")
        if action == sqlite3.SQLITE_FUNCTION:
            return self._function(second or "")
        what = "This" if (first or "").startswith("sqlite_") else _DENIED.get(action, "This")
        verb = "are" if " and " in what else "is"
        return self.refuse(f"{what} {verb} not allowed: query_sql reads the views, with one SELECT. {known_views()}")

    def _read(self, table: str, column: str) -> int:
        """Views, and the names that a statement gives itself. Nothing else is there: virtual tables cannot be opened any more."""
        if table.startswith(("sqlite_", "pragma_")):
            return self.refuse(f"{table} cannot be read. {known_views()}")
        if table in BY_NAME:
            self.used.setdefault(table, set()).add(column)
        return sqlite3.SQLITE_OK

    def _function(self, name: str) -> int:
        if name.lower() in FUNCTIONS or name in self._own:
            return sqlite3.SQLITE_OK
        return self.refuse(f"The function {name} is not available: SQLite's aggregate, window, text, math, date and JSON functions are.")

    def refuse(self, reason: str) -> int:
        """Keep why something is not done."""
        self.reason = self.reason or reason
        return sqlite3.SQLITE_DENY


class Patience:
    """How long a query may take. `given_up` is set by a caller that no longer waits; any thread may set it."""

    def __init__(self, seconds: float, given_up: Event) -> None:
        self.seconds = seconds
        self._ends = time.monotonic() + seconds
        self._given_up = given_up

    def is_over(self) -> bool:
        """Whether the work must stop."""
        return self._given_up.is_set() or time.monotonic() > self._ends

    def check(self) -> None:
        """Raise UserError where it must."""
        if self.is_over():
            raise UserError(
                f"The query took more than {self.seconds:g} s: name a `run`, a `trace` or `start` and `end` so that fewer spans are looked "
                "at, leave params, return_value and attributes out where all rows are sorted or compared by them, ask `functions` or "
                "`hours` instead of spans, or raise `timeout` (at most 60)."
            )


def known_views() -> str:
    """The sentence that lists the views."""
    return f"The views are {', '.join(BY_NAME)}."


def opened(patience: Patience) -> sqlite3.Connection:
    """A private, empty database, that grows into a temporary file rather than into memory. `restrict` it when its tables are filled."""
    db = sqlite3.connect("", isolation_level=None, check_same_thread=False)
    db.set_progress_handler(patience.is_over, OPS_BETWEEN_LOOKS)
    return db


def restrict(db: sqlite3.Connection, authorizer: Authorizer, patience: Patience) -> None:
    """From here on only what the authorizer allows, with statements and values of bounded size."""
    for name in TABLE_FUNCTIONS:  # opened now: opening a virtual table is among what is refused
        db.execute(f"SELECT 1 FROM {name}('[]')").fetchone()
    db.execute("PRAGMA query_only=ON")
    measured.install(db, patience.check, authorizer.refuse)
    measured.limit_length(db)
    if sys.version_info >= (3, 11):
        db.setlimit(sqlite3.SQLITE_LIMIT_SQL_LENGTH, LONGEST_SQL)
        db.setlimit(sqlite3.SQLITE_LIMIT_COMPOUND_SELECT, MOST_COMPOUNDS)
        db.setlimit(sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH, LONGEST_PATTERN)
        db.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
    db.set_authorizer(authorizer)
