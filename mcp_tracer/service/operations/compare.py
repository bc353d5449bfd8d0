"""`compare`: what is different between two runs, two traces or two groups of runs."""

from __future__ import annotations

import time
from collections import Counter
from typing import Literal

from pydantic import Field

from mcp_tracer.analysis.comparison import call_changes, counts_of, counts_of_spans, key_of, result_changes
from mcp_tracer.analysis.divergence import divergences, unsteady
from mcp_tracer.analysis.failures import error_changes
from mcp_tracer.analysis.times import NO_TIMES, time_changes
from mcp_tracer.analysis.tree import SITES
from mcp_tracer.model.errors import NotFound, UserError
from mcp_tracer.model.query import SpanQuery
from mcp_tracer.model.span import FunctionStats, Span, TraceSummary
from mcp_tracer.service.context import Call, Tools
from mcp_tracer.service.operation import READ, READING, Command, Operation, Params, Route
from mcp_tracer.service.operations.compare_notes import Material, notes_of, other_levels
from mcp_tracer.service.operations.compare_pages import Place, page_of
from mcp_tracer.service.operations.compare_views import CompareResult, rows_of, told
from mcp_tracer.service.operations.counted import lacking
from mcp_tracer.service.operations.levels import levels_of
from mcp_tracer.service.operations.pairing import pairs_of
from mcp_tracer.service.operations.recorded import shares
from mcp_tracer.service.operations.sides import Side, failed, sampled, side_of, stats_of
from mcp_tracer.service.operations.similar import near
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


async def run(call: Call[CompareParams]) -> CompareResult:
    """Resolve the sides, gather, compare, cut to the page."""
    tools, params = call.tools, call.params
    await tools.catch_up()
    place = _place(params)
    words, test = ((place.before, place.after), None) if place else ((params.before, params.after), params.test)
    before, after = [await side_of(tools, one, test) for one in words]
    if before.identity == after.identity:
        raise UserError(f"both sides are {after.title}: name two, such as before=previous and after=last.")
    twice = [run.run_id for run in before.runs if run in after.runs]
    if twice:
        raise UserError(f"run {twice[0]} is on both sides: leave it out of one, so that each side has runs of its own.")
    if (before.trace is None) != (after.trace is None):
        raise UserError("one side is a trace and the other a run: name two traces or two runs.")
    material = await (_of_runs if after.trace is None else _of_traces)(tools, before, after, params)
    missing = await _missing(tools, before), await _missing(tools, after)
    if not any((*material.counts, *material.spans)):
        await _nothing_of(tools, (before, after), params, missing[0] + missing[1])
    levels = await levels_of(tools.store, before), await levels_of(tools.store, after)
    times = time_changes(*material.spans, material.rare, material.stats) if levels[0] == levels[1] or not all(levels) else NO_TIMES
    rows = rows_of(
        material.parted,
        call_changes(*material.counts, material.sizes),
        error_changes(*material.failed, material.sizes, material.counts),
        result_changes(*material.spans, material.shares),
        times,
        (bool(missing[0]), bool(missing[1])),
    )
    page = page_of(rows, params.section, params.limit, place, (before.identity, after.identity))
    notes = [*dict.fromkeys(missing[0] + missing[1]), *notes_of(material, times, params.section), *other_levels(*levels)]
    return CompareResult.of((before.title, after.title), page, notes, (bool(missing[0]), bool(missing[1])))


async def _missing(tools: Tools, side: Side) -> list[str]:
    """What the recordings of a side lack: it looks like calls that were not made. Ask last: reading is what finds damage."""
    ids, since_ns = ([side.trace.run_id], side.trace.start_ns) if side.trace else ([run.run_id for run in side.runs], 0)
    return [said for run_id in ids if (said := lacking(await tools.store.run(run_id), since_ns))]


async def _nothing_of(tools: Tools, sides: tuple[Side, Side], params: CompareParams, missing: list[str]) -> None:
    """Raises NotFound where the sides have calls, and none of what was asked for."""
    stats = [one for side in sides for one in await _all_stats(tools, side)]
    given = [(kind, name) for kind, name in (("function", params.function), ("file", params.file)) if name]
    if not given or not stats:
        return
    hints = "".join(near(kind, name, {one.function if kind == "function" else one.file for one in stats} - {name}) for kind, name in given)
    asked_for = " of ".join(f"{kind} {name!r}" for kind, name in given)
    raise NotFound(" ".join([f"neither side has calls of {asked_for}.{hints}", *dict.fromkeys(missing)]))


async def _all_stats(tools: Tools, side: Side) -> list[FunctionStats]:
    runs = [await tools.store.run(side.trace.run_id)] if side.trace else side.runs
    return await stats_of(tools.store, Side(side.words, tuple(runs)), None, None)


def _place(params: CompareParams) -> Place | None:
    if params.cursor is not None and params.section == "all":
        raise UserError("the cursor doesn't belong to this list: repeat the question with its section, and without a cursor.")
    return Place.of(params.cursor, params.section)


async def _of_traces(tools: Tools, before: Side, after: Side, params: CompareParams) -> Material:
    assert before.trace is not None and after.trace is not None
    spans = await _both(tools, before.trace, after.trace)
    runs = [await tools.store.run(run_id) for run_id in dict.fromkeys(span.run_id for side in spans for span in side)]
    partly = await shares(tools.store, runs)
    ours, theirs = (tuple(span for span in side if _fits(span, params)) for side in spans)
    counts = [{one: each for one, each in counts_of_spans(side).items() if one not in partly} for side in (ours, theirs)]
    parted = [(after.trace, one) for one in divergences(*spans, partly=partly) if any(_fits(span, params) for span in one.spans)]
    there = {key_of(span) for span in ours + theirs}
    known = {one: share for one, share in partly.items() if one in there}
    return Material(
        (counts[0], counts[1]),
        (ours, theirs),
        (ours, theirs),
        shares=known,
        parted=parted,
        paired=(1, 1),
        cut=bool(params.file or params.function),
    )


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
        stats=stats,
        shares=await shares(store, {run.run_id: run for run in before.runs + after.runs}.values()),
        sizes=(len(before.runs), len(after.runs)),
        whole=all_ours and all_theirs,
        cut=bool(params.file or params.function),
    )
    if params.section in ("all", "divergence"):
        await _part(tools, before, after, made)
        made.parted = [pair for pair in made.parted if any(_fits(span, params) for span in pair[1].spans)]
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
    pairs = await pairs_of(tools.store, before.runs[0], after.runs[0], made.shares)
    deadline, looked = time.monotonic() + PAIRS_S, 0
    known = unsteady(made.spans, made.counts[0].keys() | made.counts[1].keys())
    names = Counter((theirs.type, theirs.name, theirs.attributes.get("testId")) for _, theirs in pairs)
    for ours, theirs in pairs[:MOST_PAIRS]:
        if time.monotonic() > deadline:
            break
        looked += 1
        is_same = names[theirs.type, theirs.name, theirs.attributes.get("testId")] == 1
        found = divergences(*await _both(tools, ours, theirs), partly=made.shares, known=known, is_same=is_same)
        made.parted += [(theirs, one) for one in found]
    made.parted.sort(key=lambda pair: pair[1].rank)
    made.paired = (looked, len(pairs))


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
