"""`instrument`: write probes into files, or into some of their functions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Literal

from pydantic import Field

from mcp_tracer.analysis.text import counted
from mcp_tracer.model.errors import TracerError, UserError
from mcp_tracer.model.level import Level
from mcp_tracer.service.background import Steps, in_thread
from mcp_tracer.service.context import Call, Tools
from mcp_tracer.service.operation import CHANGING, INSTRUMENT, Command, Deed, Operation, PathParams, Prepared, Result, Route
from mcp_tracer.service.operations.selection import RECORDED_SINGLY, Planned, Requests, digest_of, files_of, first_lines, plan_files
from mcp_tracer.workspace.forms import Forms
from mcp_tracer.workspace.workspace import Wanted

SHOWN_FILES = 30
SHOWN_OF_MANY = 5
SHOWN_FAILURES = 20
SHOWN_FUNCTIONS = 12


class InstrumentParams(PathParams):
    """Parameters of `instrument`."""

    functions: list[str] = Field(default_factory=list, description="Only these functions of one file, e.g. `Cart.total`. Empty: all.")
    all: bool = Field(default=False, description="Every executable file of the project instead of `paths`.")
    level: int | None = Field(
        default=None, description="1 time, 2 + values, 3 + calls and awaits, 4 + variables, 5 + every line. Default: settings."
    )
    mode: Literal["in_place", "on_load"] | None = Field(
        default=None,
        description="in_place: into the file, with a backup. on_load: the file stays; run the program with `mcp-tracer run`. "
        "Default: as the file is instrumented now, else TRACING_MODE.",
    )
    style: Literal["header", "explicit"] = Field(
        default="header",
        description="Python only. header: one insertion on an existing line. explicit: visible probes.",
    )
    exclude: list[str] = Field(default_factory=list, description="Globs to leave out, e.g. `*.test.ts`.")
    languages: list[str] = Field(default_factory=list, description="With `all`: only these languages.")
    force: bool = Field(default=False, description="Write again where nothing would change, and lower levels that are higher.")
    dry_run: bool = Field(default=False, description="Plan and report; write nothing.")


class InstrumentedFile(Result):
    """What happened to one file. `status`: instrumented, unchanged, planned (dry run), skipped, failed."""

    file: str
    language: str = ""
    status: str
    level: int = 0
    functions: list[str] = Field(default_factory=list)
    functions_wrapped: int = 0
    skipped: list[str] = Field(default_factory=list)
    problem: str | None = None


class InstrumentResult(Result):
    """One row a file, in the order of discovery."""

    mode: str
    files: list[InstrumentedFile]


async def run(call: Call[InstrumentParams]) -> InstrumentResult:
    """Plan every file, then write them all; a file that fails leaves the others alone."""
    planned = await _planned(call)
    rows = await in_thread(lambda steps: _carry_out(call, planned, steps), call.progress)
    if len(rows) == 1 and rows[0].status == "failed":
        raise UserError(rows[0].problem or "failed", code="invalid")
    return InstrumentResult(mode=_mode(call, planned), files=rows)


async def prepare(call: Call[InstrumentParams]) -> Prepared | None:
    """What would be written, bound to the plans' digests; None for a dry run."""
    if call.params.dry_run:
        return None
    plans = [item.plan for item in await _planned(call) if item.plan is not None and item.plan.insertions]
    files = ", ".join(plan.path for plan in plans[:5]) + (f" and {len(plans) - 5} more" if len(plans) > 5 else "")
    functions = sum(len(plan.functions) for plan in plans)
    details = [
        f"{plan.path}: level {plan.level:d}, {counted(len(plan.functions), 'function')}, {counted(len(plan.insertions), 'insertion')}"
        for plan in plans
    ]
    digest = digest_of(plan.digest for plan in plans)
    return Prepared(digest, f"instrument {files} ({counted(functions, 'function')})", first_lines(details))


async def _planned(call: Call[InstrumentParams]) -> list[Planned]:
    """The plans of this call, made once: what a person approved is what is written."""
    if "planned" not in call.memo:
        call.memo["planned"] = await in_thread(lambda steps: _plans(call, steps), call.progress)
    return call.memo["planned"]


def _plans(call: Call[InstrumentParams], steps: Steps) -> list[Planned]:
    params, tools = call.params, call.tools
    if params.level is not None and Level.of(params.level) is Level.OFF:
        raise UserError("level 0 means no instrumentation: call `uninstrument`, or `configure` to switch tracing off at run time.")
    files = files_of(tools, params.paths, params.all, params.exclude, params.languages)
    if params.functions and len(files) != 1:
        raise UserError(f"`functions` needs exactly one file in `paths`; {len(files)} were named.")
    known, requests = tools.workspace.instrumented(), Requests(tools)
    wanted = [
        requests.make(file, known.get(file), params.level, params.functions, params.style, params.mode, params.force) for file in files
    ]
    return plan_files(tools, wanted, known, steps)


def _mode(call: Call[InstrumentParams], planned: Sequence[Planned]) -> str:
    """How the files are instrumented; in a mixture, every way."""
    modes = {item.plan.mode for item in planned if item.plan is not None}
    return " and ".join(sorted(modes)) or call.params.mode or call.tools.settings().settings.mode


def _carry_out(call: Call[InstrumentParams], planned: Sequence[Planned], steps: Steps) -> list[InstrumentedFile]:
    """Write what is to be written, in one go. Raises Unavailable for a full disk, with no file changed."""
    total = 2 * len(planned)
    rows = [_row(item) for item in planned]
    wanted: dict[int, Wanted] = {}
    for number, (row, item) in enumerate(zip(rows, planned, strict=True)):
        if row.status == "planned" and item.plan is not None and not call.params.dry_run:
            if not call.params.force and _same(call.tools, item):
                row.status = "unchanged"
            else:
                wanted[number] = Wanted(item.plan, item.functions)
    done = iter(range(total - len(wanted) + 1, total + 1))
    outcomes = (
        call.tools.workspace.apply_all(
            list(wanted.values()), call.caller.name, lambda file: steps.report(next(done), total, f"written {file}")
        )
        if wanted
        else []
    )
    for number, outcome in zip(wanted, outcomes, strict=True):
        if isinstance(outcome, TracerError):
            rows[number].status, rows[number].problem = "failed", str(outcome)
        else:
            rows[number].status = "instrumented"
    return rows


def _row(item: Planned) -> InstrumentedFile:
    """What is known of a file before anything is written: failed, skipped, or planned."""
    plan = item.plan
    if plan is None:
        return InstrumentedFile(file=item.file, status="failed", problem=item.problem)
    row = InstrumentedFile(
        file=plan.path,
        language=plan.language,
        status="planned",
        level=int(max([plan.level, *plan.levels.values()])),
        functions=[function.name for function in plan.functions],
        functions_wrapped=len(plan.functions),
        skipped=[f"{skip.name or plan.path}:{skip.line}: {skip.reason}" for skip in plan.skipped],
    )
    if not plan.insertions:
        row.status = "skipped"
        row.problem = plan.skipped[0].reason if plan.skipped and len(plan.skipped) == 1 else "no function to trace"
    return row


def _same(tools: Tools, item: Planned) -> bool:
    entry, plan = item.before, item.plan
    if entry is None or plan is None or tools.workspace.state(item.file) != "instrumented":
        return False
    if entry.mode == "on_load" and not Forms(tools.project).of(entry).exists():
        return False  # somebody emptied the cache
    written = (entry.mode, entry.style, entry.level, dict(entry.functions), entry.sha256_before)
    return written == (plan.mode, plan.style, int(plan.level), dict(item.functions), plan.source_sha256)


def render(result: InstrumentResult, params: InstrumentParams) -> str:
    """Counts, failures with their reasons, and the files while they are few."""
    counts = Counter(row.status for row in result.files)
    functions = sum(row.functions_wrapped for row in result.files if row.status in ("instrumented", "planned", "unchanged"))
    said = ", ".join(f"{count:,} {status}" for status, count in counts.most_common()) or "no files"
    lines = [f"{said}; {counted(functions, 'function')} traced ({result.mode})."]
    if len(result.files) <= SHOWN_FILES:
        lines += [_line(row, params) for row in sorted(result.files, key=lambda row: row.status != "failed")]
    else:
        lines += _many(result.files, params)
    if counts["instrumented"]:
        how = "with `mcp-tracer run -- COMMAND`" if "on_load" in result.mode else "as usual"
        lines.append(f"Now run the program or its tests {how}, then ask `list_runs`, `search_traces` or `find_errors`.")
    return "\n".join(lines)


def _many(rows: Sequence[InstrumentedFile], params: InstrumentParams) -> list[str]:
    """For a small window: what failed, why others were skipped, and where the rest can be seen."""
    failed = [row for row in rows if row.status == "failed"]
    lines = [_line(row, params) for row in failed[:SHOWN_FAILURES]]
    if len(failed) > SHOWN_FAILURES:
        lines.append(f"… {len(failed) - SHOWN_FAILURES:,} more failed: instrument one folder to see its own.")
    reasons = Counter(row.problem for row in rows if row.status == "skipped")
    lines += [f"skipped  {counted(count, 'file')}: {reason}" for reason, count in reasons.most_common(5)]
    others = [row for row in rows if row.status not in ("failed", "skipped")]
    lines += [
        f"{row.status}  {row.file}  level {row.level}  {counted(row.functions_wrapped, 'function')}" for row in others[:SHOWN_OF_MANY]
    ]
    if len(others) > SHOWN_OF_MANY:
        lines.append(f"… {len(others) - SHOWN_OF_MANY:,} more; `get_status` lists what is instrumented, a folder in `paths` shows its own.")
    return lines


def _line(row: InstrumentedFile, params: InstrumentParams) -> str:
    if row.status in ("failed", "skipped"):
        problem = row.problem or ""
        return f"{row.status}  {problem}" if problem.startswith(row.file) else f"{row.status}  {row.file}: {problem}"
    names = ", ".join(row.functions[:SHOWN_FUNCTIONS])
    more = f", … {len(row.functions) - SHOWN_FUNCTIONS} more" if len(row.functions) > SHOWN_FUNCTIONS else ""
    left = f" | left alone: {'; '.join(row.skipped[:3])}" if row.skipped else ""
    higher = " (force=true lowers it)" if row.status == "unchanged" and params.level and row.level > params.level else ""
    return f"{row.status}  {row.file}  level {row.level}{higher}  {counted(row.functions_wrapped, 'function')}: {names}{more}{left}"


def deeds(result: InstrumentResult, params: InstrumentParams) -> Sequence[Deed]:
    """One action a file that was written or failed; of many files, one action for all and one for each of the first failures."""
    written = [row for row in result.files if row.status == "instrumented"]
    failed = [row for row in result.files if row.status == "failed"]
    if len(result.files) <= RECORDED_SINGLY:
        return [_deed(row, result, params) for row in result.files if row.status in ("instrumented", "failed")]
    context = {
        "files": len(written),
        "first": [row.file for row in written[:SHOWN_FAILURES]],
        "level": max((row.level for row in written), default=0),
        "functions_wrapped": sum(row.functions_wrapped for row in written),
        "failed": len(failed),
        "mode": result.mode,
    }
    return [Deed("instrumented_files", context), *(_deed(row, result, params) for row in failed[:SHOWN_FAILURES])]


def _deed(row: InstrumentedFile, result: InstrumentResult, params: InstrumentParams) -> Deed:
    context: dict[str, Any] = {
        "file": row.file,
        "level": row.level,
        "functions_wrapped": row.functions_wrapped,
        "functions": params.functions,
        "mode": result.mode,
    }
    reason = {"reason": row.problem} if row.problem else {}
    return Deed("instrumented_file", context | reason, "success" if row.status == "instrumented" else row.status)


INSTRUMENT_FILES = Operation(
    name="instrument",
    summary="Write tracing probes into files, or some functions of a file, at a level of 1 to 5; `uninstrument` reverses it exactly.",
    params=InstrumentParams,
    result=InstrumentResult,
    permission=INSTRUMENT,
    hints=CHANGING,
    run=run,
    render=render,
    deeds=deeds,
    prepare=prepare,
    incomplete=lambda result: any(row.status == "failed" for row in result.files),
    routes=(
        Route("POST", "instrument/file"),
        Route("POST", "instrument/function"),
        Route("POST", "instrument/all", fixed={"all": True}),
    ),
    command=Command(("instrument",), argument="paths"),
)
