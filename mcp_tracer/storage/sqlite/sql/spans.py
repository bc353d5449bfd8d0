"""Spans as a table of a query's private database: only the columns that it asks for, and of the newest spans where there are too many."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from mcp_tracer.model import spool
from mcp_tracer.model.sql import BY_NAME, Scope
from mcp_tracer.storage.sqlite import indexes
from mcp_tracer.storage.sqlite.columns import Array
from mcp_tracer.storage.sqlite.names import Names
from mcp_tracer.storage.sqlite.payloads import ORDINAL_BITS
from mcp_tracer.storage.sqlite.snapshot import OPEN_FRAME, Segment, Snapshot
from mcp_tracer.storage.sqlite.spans import SpanMaker, span_id
from mcp_tracer.storage.sqlite.sql.guard import Patience

MOST_SPANS: Final = 1_000_000
_TIME: Final = "strftime('%Y-%m-%dT%H:%M:%fZ', start_ns / 1e9, 'unixepoch')"

# A column of the table `span_row` -> the frame columns that it is made of.
_STORED: Final[dict[str, tuple[str, ...]]] = {
    "place": (), "fn": ("fn",), "span_id": ("src", "seq"), "trace_id": ("trace",), "parent_id": ("src", "parent", "trace", "seq"),
    "run": ("src",), "function": ("fn",), "file": ("fn",), "line": ("fn",), "kind": ("fn",), "start_ns": ("start",), "dur": ("dur",),
    "self": ("self",), "depth": ("depth",), "thread": ("thread",), "error": ("err",), "finished": ("flags",), "calls": ("count",),
}  # fmt: skip


def _value(what: str) -> tuple[str, tuple[str, ...]]:
    return f"span_value(place, fn, '{what}')", ("place", "fn")


def _as_is(*names: str) -> dict[str, tuple[str, tuple[str, ...]]]:
    return {name: (name, (name,)) for name in names}


_COMMON: Final = {
    **_as_is("span_id", "trace_id", "parent_id", "run"),
    "start_time": (_TIME, ("start_ns",)),
    "duration_ms": ("dur / 1e6", ("dur",)),
}
# View -> its columns as expressions over `span_row`, and what they need of it.
EXPRESSIONS: Final[dict[str, dict[str, tuple[str, tuple[str, ...]]]]] = {
    "spans": {
        **_COMMON,
        **_as_is("function", "file", "line", "kind", "start_ns", "depth", "thread", "error", "finished", "calls"),
        "self_ms": ("self / 1e6", ("self",)),
        **{name: _value(name) for name in ("params", "return_value", "error_message", "attributes")},
    },
    "errors": {
        **_COMMON,
        **_as_is("function", "file", "line", "depth"),
        "type": ("error", ("error",)),
        "message": _value("error_message"),
        **{name: _value(name) for name in ("raised_file", "raised_line", "params")},
    },
    "statements": {
        **_COMMON,
        **_as_is("error"),
        "system": _value("db.system.name"),
        "statement": _value("db.query.text"),
        "parameters": _value("db.query.parameters"),
        "returned_rows": _value("db.response.returned_rows"),
    },
}
_CONDITIONS: Final = {"spans": "1", "errors": "error IS NOT NULL", "statements": "kind = 'db'"}
_ALWAYS: Final = {"spans": (), "errors": ("error",), "statements": ("kind",)}


@dataclass(frozen=True, slots=True)
class Loaded:
    """How many rows a query may see, and how many older ones were left out."""

    rows: int = 0
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class _Chosen:
    """Which spans are wanted. `functions` is a mask of function ids, None for all."""

    scope: Scope
    sources: Array | None
    functions: Array | None
    only_errors: bool


def load(db: sqlite3.Connection, snapshot: Snapshot, scope: Scope, used: dict[str, set[str]], patience: Patience) -> Loaded:
    """Make the views `spans`, `errors` and `statements`, as far as they are used, with the spans of the scope."""
    views = [view for view in EXPRESSIONS if view in used]
    if not views:
        return Loaded()
    needed = {base for view in views for column in used[view] - {""} for base in EXPRESSIONS[view][column][1]}
    needed |= {name for view in views for name in _ALWAYS[view]}
    names = [name for name in _STORED if name in needed] or ["depth"]
    db.execute(f"CREATE TABLE span_row({', '.join(names)})")
    loaded = _fill(db, snapshot, _chosen(snapshot, scope, views), names, patience)
    for view in views:
        columns = ", ".join(_column(view, column.name, names) for column in BY_NAME[view].columns)
        db.execute(f"CREATE VIEW {view} AS SELECT {columns} FROM span_row WHERE {_CONDITIONS[view]}")
    return loaded


def _column(view: str, name: str, loaded: Sequence[str]) -> str:
    """A column of a view; NULL where the query does not read it, so that it was not loaded."""
    expression, needs = EXPRESSIONS[view][name]
    return f"{expression if set(needs) <= set(loaded) else 'NULL'} AS {name}"


def _chosen(snapshot: Snapshot, scope: Scope, views: Sequence[str]) -> _Chosen:
    sources = None if scope.run_id is None else np.array(snapshot.names.sources_of(scope.run_id), np.int64)
    statements = [one.id for one in snapshot.names.functions if one.kind == "db"]
    only_statements = views == ["statements"]
    return _Chosen(scope, sources, snapshot.names.mask(statements) if only_statements else None, views == ["errors"])


def _fill(db: sqlite3.Connection, snapshot: Snapshot, chosen: _Chosen, names: Sequence[str], patience: Patience) -> Loaded:
    maker, frame_columns = _RowMaker(snapshot, names), {column for name in names for column in _STORED[name]}
    wanted, left_out = _frames(snapshot, chosen)
    insert, rows = f"INSERT INTO span_row VALUES({','.join('?' * len(names))})", 0
    db.execute("BEGIN")
    for index, frame in wanted:
        patience.check()
        columns, offsets = _read(snapshot, index, frame, chosen, frame_columns)
        if len(offsets):
            db.executemany(insert, maker.rows(index, frame, columns, offsets))
            rows += len(offsets)
    db.execute("COMMIT")
    return Loaded(rows, left_out)


def _frames(snapshot: Snapshot, chosen: _Chosen) -> tuple[list[tuple[int, int]], int]:
    """(segment, frame) of the newest frames that may hold what is wanted, oldest first; and how many spans are in those left out."""
    found: list[tuple[int, int]] = []
    room, left_out = MOST_SPANS, 0
    for index in range(len(snapshot.segments) - 1, -1, -1):
        there = _candidates(snapshot.segments[index], chosen)
        sizes = there["nerr" if chosen.only_errors else "n"]
        for frame, size in zip(there["id"][::-1].tolist(), sizes[::-1].tolist(), strict=True):
            room -= size
            if room < 0:
                left_out += size
            else:
                found.append((index, frame))
    found.reverse()
    if snapshot.segments:
        found.append((len(snapshot.segments) - 1, OPEN_FRAME))
    return found, left_out


def _candidates(segment: Segment, chosen: _Chosen) -> Array:
    """The directory's rows of frames that may hold what is wanted."""
    there, scope = segment.directory(), chosen.scope
    keep = np.ones(len(there), np.bool_)
    if scope.start_ns is not None:
        keep &= there["max_start"] >= scope.start_ns
    if scope.end_ns is not None:
        keep &= there["min_start"] < scope.end_ns
    if chosen.only_errors:
        keep &= there["nerr"] > 0
    for ids in _indexed(segment, chosen):
        keep &= np.isin(there["id"], ids)
    return there[keep]


def _indexed(segment: Segment, chosen: _Chosen) -> Iterator[Array]:
    if chosen.sources is not None:
        yield indexes.frames_of_sources(segment, chosen.sources.tolist())
    if chosen.scope.trace_id is not None:
        trace = _trace(segment, chosen.scope.trace_id)
        yield indexes.frames_of_traces(segment, [] if trace is None else [trace])
    if chosen.functions is not None:
        found = indexes.frames_of_functions(segment, chosen.functions)
        if found is not None:
            yield found


def _trace(segment: Segment, trace_id: str) -> int | None:
    row = segment.db.execute("SELECT id FROM trace WHERE trace_id=?", (bytes.fromhex(trace_id),)).fetchone()
    return None if row is None else int(row[0])


def _read(snapshot: Snapshot, index: int, frame: int, chosen: _Chosen, wanted: set[str]) -> tuple[dict[str, Array], Array]:
    """The wanted columns of a frame, and the offsets of the spans that are wanted."""
    scope, segment = chosen.scope, snapshot.segments[index]
    conditions = {"src": chosen.sources is not None, "trace": scope.trace_id is not None, "fn": chosen.functions is not None,
                  "start": scope.start_ns is not None or scope.end_ns is not None, "err": chosen.only_errors}  # fmt: skip
    names = wanted | {name for name, is_needed in conditions.items() if is_needed} or {"depth"}
    columns = snapshot.open_spans().columns if frame == OPEN_FRAME else segment.read(frame, sorted(names))
    keep = np.ones(len(next(iter(columns.values()))), np.bool_)
    if chosen.sources is not None:
        keep &= np.isin(columns["src"], chosen.sources)
    if scope.trace_id is not None:
        keep &= columns["trace"] == (_trace(segment, scope.trace_id) or 0)
    if scope.start_ns is not None:
        keep &= columns["start"] >= scope.start_ns
    if scope.end_ns is not None:
        keep &= columns["start"] < scope.end_ns
    if chosen.functions is not None:
        keep &= chosen.functions[columns["fn"].astype(np.int64)]
    if chosen.only_errors:
        keep &= columns["err"] > 0
    return columns, np.flatnonzero(keep)


class _RowMaker:
    """Rows of `span_row` from frames' columns."""

    def __init__(self, snapshot: Snapshot, names: Sequence[str]) -> None:
        self._snapshot, self._names = snapshot, names
        self._spans = SpanMaker(snapshot, False)
        known: Names = snapshot.names
        self._texts = {
            "function": _objects(one.name for one in known.functions),
            "file": _objects(one.file for one in known.functions),
            "line": _objects(one.line for one in known.functions),
            "kind": _objects(one.kind for one in known.functions),
            "thread": _objects(known.threads),
            "error": _objects([None, *known.errors[1:]]),
        }

    def rows(self, index: int, frame: int, columns: dict[str, Array], offsets: Array) -> Iterable[tuple[Any, ...]]:
        """The rows at these offsets of a frame."""
        part = {name: column[offsets] for name, column in columns.items()}
        return zip(*(self._column(name, index, frame, part, offsets) for name in self._names), strict=True)

    def _column(self, name: str, index: int, frame: int, part: dict[str, Array], offsets: Array) -> list[Any]:
        stored = _STORED[name]
        if name == "place":
            places: Array = -offsets - 1 if frame == OPEN_FRAME else offsets.astype(np.int64) + frame + (index << ORDINAL_BITS)
            return places.tolist()
        if name in self._texts:
            return self._texts[name][part[stored[0]].astype(np.int64)].tolist()
        if name == "finished":
            return ((part["flags"].astype(np.int64) & spool.FLAG_OPEN) == 0).astype(np.int64).tolist()
        if len(stored) == 1 and name not in ("run", "trace_id"):
            return part[stored[0]].tolist()
        return list(self._ids(name, index, *(part[column].tolist() for column in stored)))

    def _ids(self, name: str, index: int, *columns: list[int]) -> Iterable[str | None]:
        source = self._snapshot.names.source
        if name == "run":
            return [source(one).run_id for one in columns[0]]
        if name == "trace_id":
            return [self._spans.trace_id(index, one) for one in columns[0]]
        if name == "span_id":
            return [span_id(source(one), seq) for one, seq in zip(*columns, strict=True)]
        return [
            span_id(source(one), parent) if parent else self._spans.remote_parent(index, trace, one, seq)
            for one, parent, trace, seq in zip(*columns, strict=True)
        ]


def _objects(items: Iterable[Any]) -> Array:
    listed = list(items)
    made = np.empty(len(listed), object)
    made[:] = listed
    return made
