"""`compare`: what is different between two runs, two traces or two groups of runs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from pydantic import Field

from mcp_tracer.analysis.comparison import (
    Counts,
    Key,
    Times,
    call_changes,
    counts_of,
    counts_of_spans,
    error_changes,
    result_changes,
    time_changes,
)
from mcp_tracer.analysis.divergence import Divergence, divergences, sampled_functions
from mcp_tracer.analysis.tree import SITES
from mcp_tracer.model.errors import UserError
from mcp_tracer.model.query import SpanQuery
from mcp_tracer.model.span import FunctionStats, Span, TraceSummary
from mcp_tracer.service.context import Call, Tools
from mcp_tracer.service.operation import READ, READING, Command, Operation, Params, Route
from mcp_tracer.service.operations.compare_pages import Place, page_of
from mcp_tracer.service.operations.compare_views import CompareResult, rows_of, told
from mcp_tracer.service.operations.sides import MOST_FAILED, Side, failed, pairs_of, sampled, side_of, stats_of
from mcp_tracer.service.operations.traces import fetch
from mcp_tracer.service.operations.views import asked

MOST_PAIRS = 12
PAIRS_S = 4.0
CANDIDATES = 25


class CompareParams(Params):
    """Parameters of `compare`."""

    before: str = Field(default="previous", description="A run (id, previous, last-failed), runs with commas, commit:SHA or trace:ID.")
    after: str = Field(default="last", description="The other side, in the same words.")
    test: str | None = Field(default=None, description="Only this test's trace in each run: its id, or a part of it.")
    file: str | None = Field(default=None, description="File path or glob.")
    function: str | None = Field(default=None, description="Function name or glob.")
    section: Literal["all", "divergence", "calls", "errors", "results", "times"] = Field(default="all", description="Only this part.")
    limit: int = Field(default=8, ge=1, le=200, description="How many rows of each part.")
    cursor: str | None = Field(default=None, description="With a section: continue after the answer that gave this cursor.")


@dataclass(slots=True)
class Material:
    """What both sides are compared by. `whole` is False where times and results come from samples."""

    counts: tuple[dict[Key, Counts], dict[Key, Counts]]
    spans: tuple[tuple[Span, ...], tuple[Span, ...]]
    failed: tuple[tuple[Span, ...], tuple[Span, ...]]
    sizes: tuple[int, int] = (1, 1)
    whole: bool = True
    parted: list[tuple[TraceSummary, Divergence]] = field(default_factory=list[tuple[TraceSummary, Divergence]])
    paired: tuple[int, int] = (0, 0)


async def run(call: Call[CompareParams]) -> CompareResult:
    """Resolve the sides, gather, compare, cut to the page."""
    tools, params = call.tools, call.params
    await tools.catch_up()
    place = _place(params)
    words, test = ((place.before, place.after), None) if place else ((params.before, params.after), params.test)
    before, after = [await side_of(tools, one, test) for one in words]
    if before.identity == after.identity:
        raise UserError(f"both sides are {after.title}: name two, such as before=previous and after=last.")
    if (before.trace is None) != (after.trace is None):
        raise UserError("one side is a trace and the other a run: name two traces or two runs.")
    material = await (_of_runs if after.trace is None else _of_traces)(tools, before, after, params)
    times = time_changes(*material.spans)
    rows = rows_of(
        material.parted,
        call_changes(*material.counts, material.sizes),
        error_changes(*material.failed, material.sizes),
        result_changes(*material.spans),
        times,
    )
    page = page_of(rows, params.section, params.limit, place, (before.identity, after.identity))
    return CompareResult.of((before.title, after.title), page, _notes(material, times, after))


def _place(params: CompareParams) -> Place | None:
    if params.cursor is not None and params.section == "all":
        raise UserError("the cursor doesn't belong to this list: repeat the question with its section, and without a cursor.")
    return Place.of(params.cursor, params.section)


async def _of_traces(tools: Tools, before: Side, after: Side, params: CompareParams) -> Material:
    assert before.trace is not None and after.trace is not None
    spans = await _both(tools, before.trace, after.trace)
    kept = tuple(tuple(span for span in side if _fits(span, params)) for side in spans)
    counts = (counts_of_spans(kept[0]), counts_of_spans(kept[1]))
    parted = [(after.trace, one) for one in divergences(*spans)]
    return Material(counts, (kept[0], kept[1]), (kept[0], kept[1]), parted=parted, paired=(1, 1))


def _fits(span: Span, params: CompareParams) -> bool:
    from fnmatch import fnmatchcase

    in_file = params.file is None or fnmatchcase(span.file, params.file) or fnmatchcase(span.file, f"*/{params.file}")
    names = (span.function, span.function.rpartition(".")[2])
    return in_file and (params.function is None or any(fnmatchcase(name, params.function) for name in names))


async def _both(tools: Tools, before: TraceSummary, after: TraceSummary) -> tuple[tuple[Span, ...], tuple[Span, ...]]:
    """The spans of two traces, both as deep as both were fetched."""
    ours, theirs = await fetch(tools, before.trace_id), await fetch(tools, after.trace_id)
    depth = min((one.depth for one in (ours, theirs) if one.depth is not None), default=None)
    if depth is None:
        return ours.spans, theirs.spans
    return tuple(one for one in ours.spans if one.depth <= depth), tuple(one for one in theirs.spans if one.depth <= depth)


async def _of_runs(tools: Tools, before: Side, after: Side, params: CompareParams) -> Material:
    store, base = tools.store, SpanQuery(file=params.file, function=params.function)
    stats = (await stats_of(store, before, params.file, params.function), await stats_of(store, after, params.file, params.function))
    candidates = _candidates(*stats)
    ours, all_ours = await sampled(store, before, base, candidates)
    theirs, all_theirs = await sampled(store, after, base, candidates)
    made = Material(
        counts=(counts_of(stats[0]), counts_of(stats[1])),
        spans=(ours, theirs),
        failed=(await failed(store, before, base), await failed(store, after, base)),
        sizes=(len(before.runs), len(after.runs)),
        whole=all_ours and all_theirs,
    )
    if params.section in ("all", "divergence"):
        await _part(tools, before, after, made)
    return made


def _candidates(before: list[FunctionStats], after: list[FunctionStats]) -> list[tuple[str, str]]:
    """Functions of large runs that are worth sampling: those whose own time a call changed most in all."""
    means: dict[tuple[str, str], list[tuple[float, int]]] = {}
    for side in (before, after):
        for one in side:
            if one.kind not in SITES and one.calls:
                means.setdefault((one.file, one.function), []).append((one.self_ns / one.calls, one.calls))
    weights = {name: abs(rows[-1][0] - rows[0][0]) * rows[-1][1] for name, rows in means.items() if len(rows) > 1}
    return sorted(weights, key=lambda name: -weights[name])[:CANDIDATES]


async def _part(tools: Tools, before: Side, after: Side, made: Material) -> None:
    """Where the traces of the same name part: of those with other errors first, as many as the time allows."""
    pairs = await pairs_of(tools.store, before, after)
    deadline, looked = time.monotonic() + PAIRS_S, 0
    for ours, theirs in pairs[:MOST_PAIRS]:
        if time.monotonic() > deadline:
            break
        looked += 1
        made.parted += [(theirs, one) for one in divergences(*await _both(tools, ours, theirs), most=2)]
    made.paired = (looked, len(pairs))


def _notes(made: Material, times: Times, after: Side) -> list[str]:
    """What a reader must know to trust the answer."""
    notes: list[str] = []
    if made.sizes != (1, 1):
        notes.append("Several runs on a side: numbers of calls and errors are a run's on average.")
    notes += _other_levels(*made.spans)
    if made.paired[0] < made.paired[1]:
        notes.append(f"{made.paired[0]} of {made.paired[1]} pairs of traces were followed: name one with test, or trace:ID on both sides.")
    if not made.whole:
        notes.append("Large runs: times and results come from the newest calls and samples; numbers of calls are exact.")
    hot = sorted({function for function, _, _ in sampled_functions(*made.spans)})
    if hot:
        shown = ", ".join(hot[:5]) + (" …" if len(hot) > 5 else "")
        notes.append(f"Not every call of {shown} was recorded (overhead budget): the differences in order of execution pass them over.")
    if any(len(side) >= MOST_FAILED for side in made.failed):
        notes.append(f"Many failures: of each run the newest {MOST_FAILED} are compared.")
    if abs(times.drift - 1) >= 0.1:
        factor = times.drift if times.drift > 1 else 1 / times.drift
        which = "slower" if times.drift > 1 else "faster"
        notes.append(f"Everything was {factor:.2g}× {which} (the machine, or the level of tracing): that is taken out of the times.")
    if not times.changed:
        rare = f", {times.too_few} had too few calls to tell" if times.too_few else ""
        notes.append(f"Times: no significant change among {times.tested} functions{rare}.")
    return notes


def _other_levels(before: Sequence[Span], after: Sequence[Span]) -> Iterator[str]:
    """What only one side recorded because it was traced at a higher level."""
    recorded: dict[str, Callable[[Span], bool]] = {
        "parameters": lambda span: span.values is not None and span.values.params is not None,
        "call expressions": lambda span: span.kind in SITES,
    }
    for what, is_there in recorded.items():
        ours, theirs = any(map(is_there, before)), any(map(is_there, after))
        if before and after and ours != theirs:
            yield f"Only the {'before' if ours else 'after'} side recorded {what} (a higher level of tracing): they are not compared."


def render(result: CompareResult, params: CompareParams) -> str:
    """The sides, then a part at a time."""
    return told(result, params.section)


COMPARE = Operation(
    name="compare",
    summary="Compare two runs, traces or commits: where they first diverge, other calls, errors, results for equal arguments, and times.",
    params=CompareParams,
    result=CompareResult,
    permission=READ,
    hints=READING,
    run=run,
    render=render,
    deeds=asked("compared"),
    routes=(Route("GET", "compare"),),
    command=Command(("compare",)),
)
