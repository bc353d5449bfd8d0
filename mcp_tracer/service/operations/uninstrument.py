"""`uninstrument`: take the probes out again, byte for byte."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from pydantic import Field

from mcp_tracer.model.errors import NotFound, TracerError, UserError
from mcp_tracer.model.level import Level
from mcp_tracer.model.plan import InstrumentRequest, sha256
from mcp_tracer.service.background import Steps, in_thread
from mcp_tracer.service.context import Call, Tools
from mcp_tracer.service.operation import UNINSTRUMENT, Command, Deed, Hints, Operation, PathParams, Prepared, Result, Route
from mcp_tracer.service.operations.selection import RECORDED_SINGLY, digest_of, first_lines, suffixes
from mcp_tracer.workspace.discovery import match
from mcp_tracer.workspace.manifest import Entry
from mcp_tracer.workspace.workspace import Restored

SHOWN_FILES = 30
SHOWN_OF_MANY = 5
SHOWN_FAILURES = 20


class UninstrumentParams(PathParams):
    """Parameters of `uninstrument`."""

    functions: list[str] = Field(default_factory=list, description="Only these functions of one file; the others stay traced.")
    all: bool = Field(default=False, description="Every instrumented file.")
    restore: bool = Field(default=True, description="Restore the original text. false: keep the file, switch its tracing off at run time.")


class RestoredFile(Result):
    """What happened to one file. `how`: backup, stripped (it was edited; the edit stays), unchanged, function, switched-off,
    missing, failed.
    """

    file: str
    how: str
    sha256: str | None = None
    functions: list[str] = Field(default_factory=list)
    problem: str | None = None


class UninstrumentResult(Result):
    """One row a file. `note`: what else went wrong though the files are as told."""

    files: list[RestoredFile]
    note: str | None = None


async def run(call: Call[UninstrumentParams]) -> UninstrumentResult:
    """Restore the files; one that fails leaves the others alone."""
    files, _ = await _found(call)
    result = await in_thread(lambda steps: _take_out(call, files, steps), call.progress)
    if len(result.files) == 1 and result.files[0].how == "failed":
        raise UserError(result.files[0].problem or "failed")
    return result


async def prepare(call: Call[UninstrumentParams]) -> Prepared | None:
    """What would be restored, bound to the files' present contents."""
    params, (files, parts) = call.params, await _found(call)
    what = f"functions {', '.join(params.functions)} of " if params.functions else ""
    names = ", ".join(files[:5]) + (f" and {len(files) - 5} more" if len(files) > 5 else "")
    digest = digest_of(["uninstrument", *params.functions, str(params.restore), *parts])
    return Prepared(digest, f"uninstrument {what}{names}", first_lines(files))


async def _found(call: Call[UninstrumentParams]) -> tuple[list[str], list[str]]:
    """(files, what each is now), found once: what a person approved is what is restored."""
    if "found" not in call.memo:
        call.memo["found"] = await in_thread(lambda steps: _look(call, steps), call.progress)
    return call.memo["found"]


def _look(call: Call[UninstrumentParams], steps: Steps) -> tuple[list[str], list[str]]:
    tools = call.tools
    files, known = _files(call), tools.workspace.instrumented()
    if not tools.settings().requires_approval:
        return files, []
    parts: list[str] = []
    for number, file in enumerate(files, 1):
        after = known[file].sha256_after if file in known else sha256(tools.workspace.original(file))
        parts.append(f"{file}:{tools.workspace.state(file)}:{after}")
        steps.report(number, 2 * len(files), f"looked at {file}")
    return files, parts


def _files(call: Call[UninstrumentParams]) -> list[str]:
    params, tools = call.params, call.tools
    instrumented = tools.workspace.instrumented()
    if params.all:
        return sorted({*instrumented, *tools.workspace.strays()})
    if not params.paths:
        raise UserError("name at least one file, folder or glob in `paths`, or set `all` to true.")
    gone = [path for path in params.paths if path in instrumented]
    others = [path for path in params.paths if path not in instrumented]
    found = match(tools.project, others, suffixes=suffixes(tools), exclude=(), languages=()) if others else []
    if params.functions and len(gone + found) != 1:
        raise UserError("`functions` needs exactly one file in `paths`.")
    return [*gone, *(file for file in found if file in instrumented or file in others)]


def _take_out(call: Call[UninstrumentParams], files: Sequence[str], steps: Steps) -> UninstrumentResult:
    if call.params.functions or not call.params.restore:
        return UninstrumentResult(files=[_change(call, file) for file in files])
    total = 2 * len(files)
    numbers = iter(range(len(files) + 1, total + 1))
    done = call.tools.workspace.restore_all(files, lambda file: steps.report(next(numbers), total, f"restored {file}"))
    rows = [_row(file, outcome) for file, outcome in zip(files, done.files, strict=True)]
    return UninstrumentResult(files=rows, note=done.note)


def _row(file: str, outcome: Restored | TracerError) -> RestoredFile:
    if isinstance(outcome, TracerError):
        return RestoredFile(file=file, how="failed", problem=str(outcome))
    kept = f"the file is gone; its original is kept in {outcome.backup}" if outcome.backup else None
    return RestoredFile(file=outcome.file, how=outcome.how, sha256=outcome.sha256, problem=kept)


def _change(call: Call[UninstrumentParams], file: str) -> RestoredFile:
    try:
        return _take_functions(call, file) if call.params.functions else _switch_off(call.tools, file)
    except TracerError as error:
        return RestoredFile(file=file, how="failed", problem=str(error))


def _switch_off(tools: Tools, file: str) -> RestoredFile:
    overrides = tools.overrides()
    overrides.set_file(file, enabled=False)
    overrides.save(tools.project.overrides_file)
    return RestoredFile(file=file, how="switched-off")


def _take_functions(call: Call[UninstrumentParams], file: str) -> RestoredFile:
    """Instrument the file again without the named functions; restore it if none is left."""
    tools, names = call.tools, call.params.functions
    entry = tools.workspace.instrumented().get(file)
    if entry is None:
        raise NotFound(f"{file} is not instrumented: `get_status` lists the files that are.")
    request = _without(entry, names, tuple(tools.settings().settings.exclude_functions))
    plan = tools.workspace.plan(request)
    if not plan.functions:
        restored = tools.workspace.restore(file)
        return RestoredFile(file=file, how=restored.how, sha256=restored.sha256, functions=names)
    written = tools.workspace.apply(plan, call.caller.name, {name: int(level) for name, level in request.functions.items()})
    return RestoredFile(file=file, how="function", sha256=written.sha256_after, functions=names)


def _without(entry: Entry, names: Sequence[str], excluded: tuple[str, ...]) -> InstrumentRequest:
    kept = {name: Level(level) for name, level in entry.functions.items() if name not in names}
    if entry.level:
        kept |= dict.fromkeys(names, Level.OFF)
    return InstrumentRequest(
        path=entry.file, level=Level(entry.level), functions=kept, exclude_functions=excluded, style=entry.style, mode=entry.mode
    )


def render(result: UninstrumentResult, params: UninstrumentParams) -> str:
    """Counts, failures with their reasons, and the files while they are few."""
    if not result.files:
        return "No file is instrumented; nothing to do."
    counts = Counter(row.how for row in result.files)
    lines = [", ".join(f"{count:,} {how}" for how, count in counts.most_common()) + "."]
    if result.note:
        lines.append(result.note)
    if len(result.files) <= SHOWN_FILES:
        return "\n".join([*lines, *(_line(row) for row in result.files)])
    failed = [row for row in result.files if row.how == "failed"]
    telling = [row for row in result.files if row.how in ("stripped", "missing")]
    lines += [_line(row) for row in [*failed[:SHOWN_FAILURES], *telling[:SHOWN_OF_MANY]]]
    lines += [f"… {len(failed) - SHOWN_FAILURES:,} more failed."] if len(failed) > SHOWN_FAILURES else []
    if failed:
        lines.append("`uninstrument all=true` tries again; `get_status` lists what is still instrumented.")
    elif set(counts) <= {"backup", "stripped", "on_load", "unchanged"}:
        lines.append("Every file is what it was, byte for byte" + (", with the edits made since." if counts["stripped"] else "."))
    return "\n".join(lines)


def _line(row: RestoredFile) -> str:
    names = f" functions {', '.join(row.functions)}" if row.functions else ""
    return f"{row.how}  {row.file}{names}" + (f": {row.problem}" if row.problem else f"  sha256 {row.sha256}" if row.sha256 else "")


def deeds(result: UninstrumentResult, params: UninstrumentParams) -> Sequence[Deed]:
    """One action a file; of many files, one action for all and one for each of the first failures."""
    rows = [row for row in result.files if row.how != "unchanged"]
    if len(rows) <= RECORDED_SINGLY:
        return [_deed(row) for row in rows]
    failed = [row for row in rows if row.how == "failed"]
    counts = Counter(row.how for row in rows)
    context = {"files": len(rows) - len(failed), "how": dict(counts), "first": [row.file for row in rows[:SHOWN_FAILURES]]}
    return [Deed("uninstrumented_files", context), *(_deed(row) for row in failed[:SHOWN_FAILURES])]


def _deed(row: RestoredFile) -> Deed:
    context = {"file": row.file, "how": row.how, "functions": row.functions}
    reason = {"reason": row.problem} if row.problem else {}
    return Deed("uninstrumented_file", context | reason, "failed" if row.how == "failed" else "success")


UNINSTRUMENT_FILES = Operation(
    name="uninstrument",
    summary="Take the tracing probes out of files (or some functions); files are byte-identical to before, edits made meanwhile stay.",
    params=UninstrumentParams,
    result=UninstrumentResult,
    permission=UNINSTRUMENT,
    hints=Hints(read_only=False, destructive=False, idempotent=True),
    run=run,
    render=render,
    deeds=deeds,
    prepare=prepare,
    incomplete=lambda result: any(row.how == "failed" for row in result.files),
    routes=(
        Route("POST", "uninstrument/file"),
        Route("POST", "uninstrument/function"),
        Route("POST", "uninstrument/all", fixed={"all": True}),
    ),
    command=Command(("uninstrument",), argument="paths"),
)
