"""The two sides of a comparison: which runs and traces a caller's words mean, and what the store holds of them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from mcp_tracer.analysis.text import counted
from mcp_tracer.model.errors import NotFound, UserError
from mcp_tracer.model.query import SpanQuery
from mcp_tracer.model.span import FunctionStats, Run, Span, TraceSummary
from mcp_tracer.model.words import RUNS, word
from mcp_tracer.service.context import Tools
from mcp_tracer.storage.port import SpanStore

MOST_RUNS = 10
MOST_SPANS = 6_000
SAMPLE = 200
MOST_FAILED = 500
MOST_TRACES = 200
LISTED_RUNS = 200


@dataclass(frozen=True, slots=True)
class Side:
    """One side: whole runs, or one trace. `words` are the caller's."""

    words: str
    runs: tuple[Run, ...] = ()
    trace: TraceSummary | None = None

    @property
    def title(self) -> str:
        """What a reader sees."""
        if self.trace is not None:
            return f"trace {self.trace.trace_id} {self.trace.type} {self.trace.name}".strip()
        first = self.runs[0]
        more = f" and {counted(len(self.runs) - 1, 'more run')}" if len(self.runs) > 1 else ""
        ended = first.state if first.exit_code is None else f"exit {first.exit_code}"
        commit = f", commit {first.git_commit[:10]}" if first.git_commit else ""
        return f"run {first.run_id}{more} ({' '.join(first.argv)[:80]}, {ended}{commit})"

    @property
    def spans(self) -> int:
        """How many spans there are."""
        return self.trace.spans if self.trace is not None else sum(run.spans for run in self.runs)

    @property
    def identity(self) -> str:
        """What the other side must not be; as words it names the same side whatever is recorded later."""
        return f"trace:{self.trace.trace_id}" if self.trace is not None else f"run:{','.join(sorted(run.run_id for run in self.runs))}"


async def side_of(tools: Tools, words: str, test: str | None) -> Side:
    """Runs (`last`, an id, several with commas, `commit:…`), or a trace (`trace:…`, or with `test` that test's in the run)."""
    kind, _, rest = words.strip().partition(":")
    if kind == "trace" and rest:
        return Side(words, trace=await tools.store.trace(rest.strip()))
    if kind == "commit" and rest:
        runs = await _runs_of_commit(tools.store, rest.strip())
    else:
        names = [name.strip().lower() for name in words.removeprefix("run:").split(",") if name.strip()]
        if len(names) == 1 and word(names[0], RUNS) is None and test is None and kind != "run":
            return await _run_or_trace(tools.store, words, names[0])
        runs = tuple({run.run_id: run for run in [await tools.store.run(name) for name in names]}.values())
    if not runs:
        raise UserError("name two sides: run ids, last, previous, last-failed, trace:ID or commit:SHA.")
    return Side(words, runs) if test is None else Side(words, trace=await _trace_of_test(tools.store, runs[0], test))


async def _run_or_trace(store: SpanStore, words: str, name: str) -> Side:
    try:
        return Side(words, (await store.run(name),))
    except NotFound as no_run:
        try:
            return Side(words, trace=await store.trace(name))
        except NotFound:
            raise no_run from None


async def _runs_of_commit(store: SpanStore, commit: str) -> tuple[Run, ...]:
    """The newest runs at a commit; those that another run started belong to that one."""
    page = await store.runs(LISTED_RUNS)
    found = [run for run in page.rows if run.git_commit and run.git_commit.startswith(commit.lower()) and run.parent_run_id is None]
    if not found:
        known = list(dict.fromkeys(run.git_commit[:10] for run in page.rows if run.git_commit))
        there = f"the newest runs are at {', '.join(known[:5])}." if known else "no run was made in a git repository."
        raise NotFound(f"no run of the newest {LISTED_RUNS} was at commit {commit!r}: {there}")
    return tuple(found[:MOST_RUNS])


async def _trace_of_test(store: SpanStore, run: Run, test: str) -> TraceSummary:
    page = await store.search(SpanQuery(test_id=test, run_id=run.run_id, limit=1, values=False))
    found = await store.trace(page.rows[0].trace_id) if page.rows else None
    if found is not None and found.attributes.get("testId") == test:
        return found
    traces = (await store.traces(run.run_id, MOST_TRACES)).rows
    named = [trace for trace in traces if test in str(trace.attributes.get("testId", ""))]
    if len(named) == 1:
        return named[0]
    known = [str(trace.attributes["testId"]) for trace in named or traces if "testId" in trace.attributes]
    there = f"there are {', '.join(known[:5])}{' …' if len(known) > 5 else ''}." if known else "it recorded no tests."
    raise NotFound(f"run {run.run_id} has not exactly one trace of test {test!r}: {there}")


async def stats_of(store: SpanStore, side: Side, file: str | None, function: str | None) -> list[FunctionStats]:
    """Statistics of the functions of all runs."""
    return [one for run in side.runs for one in await store.function_stats(file, function or "*", run.run_id)]


async def failed(store: SpanStore, side: Side, base: SpanQuery) -> tuple[Span, ...]:
    """Spans that failed, of each run the newest."""
    query = replace(base, has_error=True, limit=MOST_FAILED)
    found: list[Span] = []
    for run in side.runs:
        found += (await store.search(replace(query, run_id=run.run_id))).rows
    return tuple(found)


async def sampled(store: SpanStore, side: Side, base: SpanQuery, functions: list[tuple[str, str]]) -> tuple[tuple[Span, ...], bool]:
    """(spans, whether that is all of them): all of small runs; of large ones the newest, and some of each of the `functions`."""
    whole = side.spans <= MOST_SPANS
    found: dict[str, Span] = {}
    for run in side.runs:
        query = replace(base, run_id=run.run_id, limit=MOST_SPANS if whole else MOST_SPANS // 3)
        found |= {span.span_id: span for span in (await store.search(query)).rows}
        for file, function in [] if whole else functions:
            page = await store.search(replace(query, file=file, function=function, limit=SAMPLE))
            found |= {span.span_id: span for span in page.rows}
    return tuple(found.values()), whole
