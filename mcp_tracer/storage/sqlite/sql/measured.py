"""Functions of SQLite one call of which may take minutes, which nothing can interrupt: here each call is weighed before it runs."""

from __future__ import annotations

import re
import sqlite3
import sys
from collections.abc import Callable
from functools import lru_cache, partial
from threading import Lock
from typing import Any, Final

LONGEST_VALUE: Final = 1_000_000
MOST_WORK: Final = 200_000_000
"""Bytes that one call may compare or write: some tenths of a second."""

_COMPARING: Final = {"replace": 3, "instr": 2, "trim": 2, "ltrim": 2, "rtrim": 2}
_PRINTING: Final = ("printf", "format")
_DIRECTIVE: Final = re.compile(r"%[^a-zA-Z%]*")
_lock = Lock()


class TooMuch(Exception):
    """A call that would take too long; `str()` says why."""


def install(db: sqlite3.Connection, check: Callable[[], None], refuse: Callable[[str], object]) -> None:
    """Put weighed functions in the place of SQLite's own. `check` raises where the query's time is over; `refuse` takes the reason."""

    def call(name: str, weigh: Callable[..., None], *given: Any) -> Any:
        check()
        try:
            weigh(name, *given)
            return _native(name, given)
        except (TooMuch, sqlite3.Error) as reason:  # SQLite only says that the function failed
            refuse(str(reason) if isinstance(reason, TooMuch) else f"SQLite says: {name}: {reason}.")
            raise

    for name, count in _COMPARING.items():
        db.create_function(name, count, partial(call, name, _weigh_comparing), deterministic=True)
    for name in _PRINTING:
        db.create_function(name, -1, partial(call, name, _weigh_printing), deterministic=True)


def _weigh_comparing(name: str, *given: Any) -> None:
    whole, *others = (_length(one) for one in given)
    if whole * max(others) > MOST_WORK:
        raise TooMuch(f"{name} of texts this long takes too long ({whole:,} and {max(others):,} characters): use a shorter second one.")


def _length(value: Any) -> int:
    return len(value) if isinstance(value, (str, bytes)) else 24


def _weigh_printing(name: str, *given: Any) -> None:
    directives = "".join(_DIRECTIVE.findall(str(given[0]))) if given else ""
    if "*" in directives:
        raise TooMuch(f"{name} takes no * here: write the width or precision itself.")
    if sum(int(digits[:9]) for digits in re.findall(r"\d+", directives)) > LONGEST_VALUE:
        raise _too_long(name)


def _too_long(name: str) -> TooMuch:
    return TooMuch(f"A value of {name} would be too long (at most {LONGEST_VALUE:,} characters).")


def _native(name: str, given: tuple[Any, ...]) -> Any:
    """What SQLite's own function gives."""
    try:
        with _lock:
            (made,) = _plain().execute(f"SELECT {name}({','.join('?' * len(given))})", given).fetchone()
    except sqlite3.DataError:
        raise _too_long(name) from None
    if _length(made) > LONGEST_VALUE:
        raise _too_long(name)
    return made


@lru_cache(maxsize=1)
def _plain() -> sqlite3.Connection:
    db = sqlite3.connect(":memory:", check_same_thread=False)
    limit_length(db)
    return db


def limit_length(db: sqlite3.Connection) -> None:
    """Values of bounded size, where Python can say so to SQLite."""
    if sys.version_info >= (3, 11):
        db.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LONGEST_VALUE)
