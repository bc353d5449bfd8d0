"""`inspect_span`: one call over its source."""

from __future__ import annotations

from dataclasses import dataclass, replace

from pydantic import Field

from mcp_tracer.analysis.annotated import annotated, runs_of, said_calls
from mcp_tracer.analysis.inspection import Inspection, bodies, extent_of, history, inspect, names_in
from mcp_tracer.analysis.text import brief_legend, label, span_line
from mcp_tracer.analysis.tree import SITES
from mcp_tracer.model.errors import NotFound, TracerError, UserError
from mcp_tracer.model.plan import FunctionInfo, sha256
from mcp_tracer.model.span import Event, Span
from mcp_tracer.model.values import preview
from mcp_tracer.model.words import did_you_mean
from mcp_tracer.service.context import Call, Tools
from mcp_tracer.service.operation import READ, READING, Command, Operation, Params, Route
from mcp_tracer.service.operations import counted
from mcp_tracer.service.operations.inspect_views import Change, InspectResult
from mcp_tracer.service.operations.views import asked

MOST_EVENTS = 10_000
MOST_BELOW = 5_000
MOST_LINES = 1_000_000
LONG_VALUE = 200


class InspectParams(Params):
    """Parameters of `inspect_span`."""

    span_id: str = Field(description="Span id, from a search or a trace.")
    lines: str | None = Field(default=None, description='Only these lines, such as "40-80".')
    variable: str | None = Field(default=None, description="Every value that this one name took, in order, instead of the source.")
    cursor: str | None = Field(default=None, description="With `variable`: continue after the answer that gave this cursor.")
    max_tokens: int = Field(default=1500, ge=200, le=20000, description="About how long the answer may be.")


@dataclass(frozen=True, slots=True)
class _Source:
    state: str
    digest: str | None
    lines: tuple[str, ...] | None
    extent: tuple[int, int]
    others: frozenset[int] = frozenset()


async def run(call: Call[InspectParams]) -> InspectResult:
    """Fetch the span, its events, what it called, and its source; lay them over each other."""
    tools, params = call.tools, call.params
    await tools.catch_up()
    span = await tools.store.span(params.span_id)
    events = await tools.store.events(span.span_id, MOST_EVENTS)
    source = await _source_of(tools, span)
    if params.variable is not None:
        _check_name(params.variable, events)
    below = await _below(tools, span)
    made = inspect(span, events, below, source.lines, _chosen(params.lines, source.extent), source.others)
    if params.lines is not None:
        made = replace(made, elsewhere=tuple(one for one in made.elsewhere if not one.line))
    changes = history(events, params.variable) if params.variable is not None else []
    page, cursor = _page(changes, params)
    note = await counted.of_run(tools, span.run_id, span.start_ns)
    return InspectResult.of(
        made,
        page,
        caller=await _caller(tools, span),
        source=source.state,
        source_hash=source.digest,
        history_total=len(changes),
        cursor=cursor,
        notes=[*_notes(made, source, events, below), *([note] if note else [])],
    )


def _page(changes: list[Change], params: InspectParams) -> tuple[list[Change], str | None]:
    """The values after the cursor, as many as the budget may hold."""
    if params.cursor is not None and not params.cursor.isdecimal():
        raise UserError("the cursor doesn't belong to this list: repeat the question without a cursor.")
    rest = [change for change in changes if change[0] > int(params.cursor or 0)]
    page = rest[: max(10, params.max_tokens // 12)]
    return page, str(page[-1][0]) if len(page) < len(rest) else None


def _check_name(name: str, events: tuple[Event, ...]) -> None:
    known = names_in(events)
    if name not in known:
        there = f" There are: {', '.join(list(known)[:20])}." if known else " None was recorded: that takes level 4 or 5."
        raise NotFound(f"no value of {name!r} was recorded in this call.{did_you_mean(name, known, most=3)}{there}")


def _chosen(lines: str | None, extent: tuple[int, int]) -> tuple[int, int]:
    if lines is None:
        return extent
    first, _, last = lines.replace("–", "-").partition("-")
    if not first.strip().isdecimal() or not (last.strip() or "0").isdecimal():
        raise UserError(f'lines = {lines!r}: write the first and the last line, such as "40-80".')
    low, high = max(1, int(first)), int(last or first)
    if high < low or high < extent[0] or low > extent[1]:
        raise UserError(f"lines = {lines!r} shows nothing: the call lies in lines {extent[0]}-{extent[1]}.")
    return low, high


async def _source_of(tools: Tools, span: Span) -> _Source:
    """The version that ran: a copy, or the file if it is still that one. Of several versions, one that has the function at its line."""
    versions = await tools.store.source_hashes(span.span_id)
    kept = [(digest, text) for digest in versions if (text := tools.workspace.sources.get(digest)) is not None]
    present = tools.workspace.sources.present(span.file) if span.file and not kept else None
    if present is not None and sha256(present) in versions:
        kept = [(sha256(present), present)]
    for digest, text in sorted(kept, key=lambda one: not _has_function(tools, span, one[1])):
        return _laid_out(tools, span, digest, text)
    return _Source("unknown", versions[0] if versions else None, None, (1, MOST_LINES))


def _laid_out(tools: Tools, span: Span, digest: str, text: bytes) -> _Source:
    functions, lines = _functions(tools, span, text), _lines(text)
    others = bodies(functions) if span.kind == "module" else frozenset[int]()
    return _Source("recorded", digest, lines, extent_of(span, functions, len(lines)), others)


def _lines(text: bytes) -> tuple[str, ...]:
    lines = text.decode("utf-8", "replace").removeprefix("\ufeff").split("\n")
    return tuple(lines[:-1] if lines[-1] == "" else lines)


def _has_function(tools: Tools, span: Span, text: bytes) -> bool:
    return any((one.name, one.line) == (span.function, span.line) for one in _functions(tools, span, text))


def _functions(tools: Tools, span: Span, text: bytes) -> tuple[FunctionInfo, ...]:
    """The functions of a text; none where it cannot be parsed, then the call's extent is a guess."""
    try:
        return tools.workspace.language_of(span.file).functions(text, span.file)
    except TracerError:
        return ()


async def _caller(tools: Tools, span: Span) -> str:
    """Who called it, and from which line where that was recorded."""
    if span.parent_span_id is None:
        return "called by nothing that was traced"
    try:
        above = await tools.store.span(span.parent_span_id)
        site = above if above.kind in SITES and above.parent_span_id else None
        caller = await tools.store.span(site.parent_span_id) if site and site.parent_span_id else above
    except NotFound:
        return f"called by #{span.parent_span_id}, which was not recorded"
    at = f" at {site.file}:{site.line}" if site else ""
    return f"called by {label(caller)}{at} #{caller.span_id}"


async def _below(tools: Tools, span: Span) -> tuple[Span, ...]:
    """What the call called, and what its call expressions called: two levels."""
    page = await tools.store.trace_spans(span.trace_id, max_depth=span.depth + 2, under=span.span_id, limit=MOST_BELOW)
    return tuple(one for one in page.rows if one.span_id != span.span_id)


def _notes(made: Inspection, source: _Source, events: tuple[Event, ...], below: tuple[Span, ...]) -> list[str]:
    """What a reader must know: doubts about the source, what was not recorded, what was left out."""
    span, notes = made.span, list[str]()
    if source.state == "unknown":
        gone = ": the text that ran was not kept, and the file is another by now" if source.digest else ""
        notes.append(f"The source of {span.file or span.function} is not known{gone}.")
    if not events and (source.lines or source.digest) and span.kind not in SITES:
        notes.append("No lines or variables were recorded: instrument this function at level 5 and run again to see them.")
    elif not made.has_lines and made.has_values:
        notes.append("Recorded at level 4: values, but not how often lines ran (level 5).")
    if len(events) >= MOST_EVENTS:
        notes.append(f"Some of what happened was left out by a limit of the recording ({len(events):,} events were kept).")
    else:
        notes += brief_legend([span])
    if len(below) >= MOST_BELOW:
        notes.append(f"Only the first {MOST_BELOW:,} calls are counted: get_trace with span_id shows more.")
    return notes


def render(result: InspectResult, params: InspectParams) -> str:
    """The call on a line, then its source with what happened, or one name's values."""
    made = result.inspection
    head = f"{span_line(made.span, LONG_VALUE)} #{made.span.span_id} trace {made.span.trace_id}"
    if params.variable is not None:
        return "\n".join([head, *_told_history(result, params)])
    source = {"recorded": f"source as it ran ({(result.source_hash or '')[:12]})", "unknown": "no source"}
    legend = "; ×n: how often a line ran" if made.has_lines else ""
    elsewhere = ["calls: " + "; ".join(said_calls(one, 40) for one in made.elsewhere[:10])] if made.elsewhere else []
    budget = params.max_tokens - len(head) // 3
    return "\n".join(
        [head, f"{result.caller}; {source[result.source]}{legend}", *result.notes, *annotated(made, budget), *elsewhere, *_next(made)]
    )


def _next(made: Inspection) -> list[str]:
    """The call that most likely comes next."""
    called = [*(one for line in made.lines for one in line.called), *made.elsewhere]
    failed = [span for one in called for span in one.failed if span.kind not in SITES]
    if failed:
        return [f'Next: inspect_span span_id="{failed[0].span_id}", the call that failed.']
    many = next((one for line in made.lines for one in line.taken if len(runs_of(one.values)) > 4), None)
    return [f'variable="{many.name}" lists all its values.'] if many else []


def _told_history(result: InspectResult, params: InspectParams) -> list[str]:
    lines = [f"{params.variable}: {result.history_total} values (line value)"]
    for line, value in ((line, value) for _, line, value in result.changes):
        lines.append(f"{line} {preview(value, LONG_VALUE)}")
    if result.cursor:
        lines.append(f'{len(result.changes)} shown of {result.history_total}; cursor="{result.cursor}" gives the next.')
    return lines


INSPECT_SPAN = Operation(
    name="inspect_span",
    summary="Show one call over its source as it ran: how often each line ran, the values that names took, calls and the exception there.",
    params=InspectParams,
    result=InspectResult,
    permission=READ,
    hints=READING,
    run=run,
    render=render,
    deeds=asked("inspected_span"),
    routes=(Route("GET", "span/{spanId}"),),
    command=Command(("inspect",), argument="span_id"),
)
