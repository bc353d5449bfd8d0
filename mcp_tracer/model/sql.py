"""SQL over what was recorded: the views that every store offers, a question, and its answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

Cell: TypeAlias = str | int | float | None
"""A value of a result; a blob is given as text."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a view: TEXT, INTEGER, REAL or JSON (text that `json_extract` and `->>` take)."""

    name: str
    type: str
    meaning: str


@dataclass(frozen=True, slots=True)
class View:
    """A view that can be asked for."""

    name: str
    meaning: str
    columns: tuple[Column, ...]


@dataclass(frozen=True, slots=True)
class Scope:
    """Which spans the views hold; absent parts don't restrict. Times are wall-clock ns, `end_ns` is not included."""

    run_id: str | None = None
    trace_id: str | None = None
    start_ns: int | None = None
    end_ns: int | None = None


@dataclass(frozen=True, slots=True)
class SqlQuery:
    """One SELECT over the views. `limit`: rows that are given; `timeout_s`: everything together."""

    sql: str
    scope: Scope = Scope()
    limit: int = 100
    timeout_s: float = 10.0


@dataclass(frozen=True, slots=True)
class SqlAnswer:
    """The first rows. `total`: how many there are, None where counting was given up. `spans_left_out`: older spans (and events) that were
    not looked at, because the store holds more than one query may load."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    total: int | None
    spans: int
    spans_left_out: int


def _columns(text: str) -> tuple[Column, ...]:
    """One column a line: name, type, meaning."""
    return tuple(Column(*line.split(None, 2)) for line in text.strip().splitlines())


VIEWS: Final = (
    View(
        "spans",
        "One row a recorded call.",
        _columns("""
            span_id TEXT 16 hex digits
            trace_id TEXT the trace that it belongs to
            parent_id TEXT span_id of its caller; NULL for a root
            run TEXT run id
            function TEXT qualified name, such as Store.save; of call sites the text of the callee
            file TEXT path in the project
            line INTEGER where the function begins, or the line of the call site
            kind TEXT function, method, coroutine, call, await, db, http-client, http-server, test, …
            start_time TEXT ISO 8601, UTC
            start_ns INTEGER nanoseconds since 1970
            duration_ms REAL milliseconds
            self_ms REAL milliseconds that no child covers
            depth INTEGER 0 for a root
            thread TEXT name of the thread
            error TEXT type of the exception that left it; NULL where it returned
            finished INTEGER 0 for a call that had not ended when it was last seen
            calls INTEGER how many calls this row stands for; 1 unless it was sampled
            params JSON object: parameter → value
            return_value JSON what it returned; NULL where it was not recorded
            error_message TEXT message of the exception
            attributes JSON object: OpenTelemetry attributes, such as db.query.text
        """),
    ),
    View(
        "errors",
        "The calls that an exception left: a part of spans.",
        _columns("""
            span_id TEXT the failed call
            trace_id TEXT its trace
            parent_id TEXT its caller
            run TEXT run id
            function TEXT qualified name
            file TEXT path in the project
            line INTEGER where the function begins
            start_time TEXT ISO 8601, UTC
            duration_ms REAL milliseconds
            depth INTEGER 0 for a root; the deepest of one trace is where the exception was born
            type TEXT of the exception, such as KeyError
            message TEXT of the exception
            raised_file TEXT file of the line that raised
            raised_line INTEGER line that raised
            params JSON object: parameter → value
        """),
    ),
    View(
        "statements",
        "SQL statements that the program sent: the spans of kind db.",
        _columns("""
            span_id TEXT the call
            parent_id TEXT the call that sent it
            trace_id TEXT its trace
            run TEXT run id
            system TEXT sqlite, postgresql, …
            statement TEXT the SQL text
            parameters JSON what was bound
            returned_rows INTEGER how many rows came back, where it is known
            start_time TEXT ISO 8601, UTC
            duration_ms REAL milliseconds
            error TEXT type of the exception
        """),
    ),
    View(
        "functions",
        "Statistics by run and function, made as recordings come in: quick for any number of spans, with calls that were only counted.",
        _columns("""
            run TEXT run id
            function TEXT qualified name
            file TEXT path in the project
            line INTEGER where its newest version begins; of call expressions with the same text in a file, one of their lines
            kind TEXT as in spans
            calls INTEGER how often it was called
            errors INTEGER how often an exception left it
            total_ms REAL all durations added up
            self_ms REAL all self times added up
            avg_ms REAL mean duration
            min_ms REAL shortest
            max_ms REAL longest
            p50_ms REAL median, within 4.5 %
            p95_ms REAL 95th percentile, within 4.5 %
            p99_ms REAL 99th percentile, within 4.5 %
        """),
    ),
    View(
        "hours",
        "The same by hour.",
        _columns("""
            hour TEXT ISO 8601, UTC: when the hour begins
            run TEXT run id
            function TEXT qualified name
            file TEXT path in the project
            kind TEXT as in spans
            calls INTEGER how often it was called
            errors INTEGER how often an exception left it
            total_ms REAL all durations added up
            self_ms REAL all self times added up
            max_ms REAL longest
            p95_ms REAL 95th percentile, within 4.5 %
        """),
    ),
    View(
        "traces",
        "One row a trace: a request, a test, or an outermost call.",
        _columns("""
            trace_id TEXT 32 hex digits
            run TEXT run id
            type TEXT http-request, test, call
            name TEXT request line, test id or function
            test_id TEXT of tests
            method TEXT of requests
            url TEXT of requests
            status_code INTEGER of requests
            start_time TEXT ISO 8601, UTC
            duration_ms REAL milliseconds
            spans INTEGER how many spans, without those that are still open
            errors INTEGER how many of them failed
        """),
    ),
    View(
        "runs",
        "One row an execution of a traced program.",
        _columns("""
            run TEXT 32 hex digits
            parent_run TEXT the run that started it
            command TEXT command line
            cwd TEXT folder
            language TEXT python, javascript
            version TEXT of the language
            pid INTEGER process id
            start_time TEXT ISO 8601, UTC
            duration_ms REAL NULL while it runs
            state TEXT running, ended, killed
            exit_code INTEGER NULL where it is not known
            git_commit TEXT of the project
            spans INTEGER recorded spans
            errors INTEGER failed ones
            dropped INTEGER spans that could not be written
            damaged INTEGER parts of the recording that could not be read
            expired INTEGER spans that retention deleted
        """),
    ),
    View(
        "events",
        "What happened inside spans at levels 4 and 5: lines, checkpoints, variables.",
        _columns("""
            span_id TEXT the call
            run TEXT run id
            number INTEGER order within the call
            kind TEXT line, checkpoint, variable
            file TEXT path in the project
            line INTEGER line number
            at_ns INTEGER nanoseconds since 1970
            variables JSON object: name → value
        """),
    ),
)
BY_NAME: Final = {view.name: view for view in VIEWS}
