"""What was recorded, as the store gives it back: runs, traces, spans, events. Times are wall-clock nanoseconds since the Unix epoch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from mcp_tracer.model.values import Value

KINDS: Final = (
    *("function", "method", "lambda", "generator", "coroutine", "async-generator", "module"),
    *("call", "await", "db", "http-client", "http-server", "test"),
)
"""What a span is of: a function of the project, a call expression, a statement or request of a library, a request served, a test."""


@dataclass(frozen=True, slots=True)
class Run:
    """One execution of a traced program. `end_ns` is None while it runs; `state`: running, ended, killed (vanished without a run end).

    `stopped`: why tracing ended before the program did; `dropped` spans are missing then. `damaged`: parts of its recording that could not
    be read, up to 1,365 records each. `may_lack`: calls of it may be in a part of the store that is damaged and left out of all answers.
    `expired`: spans that retention deleted; the last of what went with them ended at `expired_until_ns`.
    """

    run_id: str
    parent_run_id: str | None
    argv: tuple[str, ...]
    cwd: str
    language: str
    version: str
    pid: int
    start_ns: int
    end_ns: int | None
    state: str
    exit_code: int | None
    git_commit: str | None
    spans: int
    errors: int
    dropped: int
    faults: int
    runtime: str = ""
    stopped: str | None = None
    damaged: int = 0
    expired: int = 0
    expired_until_ns: int = 0
    may_lack: bool = False


@dataclass(frozen=True, slots=True)
class TraceSummary:
    """The spans that share a `traceId`. `name` is the root's: a request line, a test id, or a function."""

    trace_id: str
    run_id: str
    type: str
    name: str
    start_ns: int
    end_ns: int
    spans: int
    errors: int
    attributes: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class RaisedError:
    """An exception as it left a span. `stack` rows are (file, line, function), innermost last."""

    type: str
    message: str
    stack: tuple[tuple[str, int, str], ...] = ()
    cause: RaisedError | None = None


@dataclass(frozen=True, slots=True)
class Values:
    """What a span captured. `params` and `returned` are None where nothing was captured. `late`: parameters as they were when it failed."""

    params: Mapping[str, Value] | None = None
    returned: Value | None = None
    has_return: bool = False
    error: RaisedError | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict[str, Any])
    suspended_ns: int | None = None
    resumes: int = 0
    late: bool = False


@dataclass(frozen=True, slots=True)
class Span:
    """One timed call. `key` orders spans by arrival and pages through lists; `error` is the exception's type name.

    `self_ns` is the duration not covered by children (overlaps counted once) nor suspended. `finished` is False for a span that was
    still open when it was last seen. `count` > 1 says that this span stands for so many calls; `left_out` that values or events of it
    were left out by a limit; `estimated` that its duration is what calls of its function take on average.
    """

    key: int
    span_id: str
    trace_id: str
    parent_span_id: str | None
    run_id: str
    function: str
    file: str
    line: int
    kind: str
    start_ns: int
    duration_ns: int
    self_ns: int
    depth: int
    thread: str
    error: str | None = None
    finished: bool = True
    count: int = 1
    values: Values | None = None
    left_out: bool = False
    estimated: bool = False

    @property
    def end_ns(self) -> int:
        """When the span ended (start plus duration)."""
        return self.start_ns + self.duration_ns


@dataclass(frozen=True, slots=True)
class Event:
    """Something inside a span: kind `line`, `checkpoint` or `variable`, at a line and column, with the values taken there."""

    span_id: str
    number: int
    at_ns: int
    kind: str
    line: int
    values: Mapping[str, Value] = field(default_factory=dict[str, Value])
    column: int = 0


@dataclass(frozen=True, slots=True)
class CallPath:
    """All calls of one function below one path of callers; `above` is the caller's index among the paths, -1 for none. Times in ns."""

    above: int
    file: str
    function: str
    line: int
    kind: str
    calls: int
    errors: int
    total_ns: int
    self_ns: int


@dataclass(frozen=True, slots=True)
class FunctionStats:
    """Exact counts and totals of a function (function '': of a file); percentiles from a sketch, error at most 4.5 %. Nanoseconds."""

    file: str
    function: str
    line: int
    kind: str
    calls: int
    errors: int
    total_ns: int
    self_ns: int
    min_ns: int
    max_ns: int
    p50_ns: int
    p95_ns: int
    p99_ns: int
    estimated: int = 0  # calls among them whose times are estimates
