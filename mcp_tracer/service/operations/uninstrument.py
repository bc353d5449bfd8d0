"""`uninstrument`: take the probes out again, byte for byte."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from pydantic import Field

from mcp_tracer.model.errors import NotFound, TracerError, UserError
from mcp_tracer.model.level import Level
from mcp_tracer.model.plan import InstrumentRequest, sha256
from mcp_tracer.service.context import Call, Tools
from mcp_tracer.service.operation import UNINSTRUMENT, Command, Deed, Hints, Operation, PathParams, Prepared, Result, Route
from mcp_tracer.service.operations.selection import digest_of, suffixes
from mcp_tracer.workspace.discovery import match
from mcp_tracer.workspace.manifest import Entry


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
    """One row a file."""

    files: list[RestoredFile]


async def run(call: Call[UninstrumentParams]) -> UninstrumentResult:
    """Restore each file; one that fails leaves the others alone."""
    files = _files(call)
    rows: list[RestoredFile] = []
    for number, file in enumerate(files, 1):
        rows.append(_take_out(call, file))
        await call.progress(number, len(files), file)
    if len(rows) == 1 and rows[0].how == "failed":
        raise UserError(rows[0].problem or "failed")
    return UninstrumentResult(files=rows)


async def prepare(call: Call[UninstrumentParams]) -> Prepared | None:
    """What would be restored, bound to the files' present contents."""
    tools, params = call.tools, call.params
    files, known = _files(call), tools.workspace.instrumented()
    parts = [
        f"{file}:{tools.workspace.state(file)}:{known[file].sha256_after if file in known else sha256(tools.workspace.original(file))}"
        for file in files
    ]
    what = f"functions {', '.join(params.functions)} of " if params.functions else ""
    names = ", ".join(files[:5]) + (f" and {len(files) - 5} more" if len(files) > 5 else "")
    return Prepared(
        digest_of(["uninstrument", *params.functions, str(params.restore), *parts]), f"uninstrument {what}{names}", "\n".join(files)
    )


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


def _take_out(call: Call[UninstrumentParams], file: str) -> RestoredFile:
    try:
        if call.params.functions:
            return _take_functions(call, file)
        if not call.params.restore:
            return _switch_off(call.tools, file)
        restored = call.tools.workspace.restore(file, call.caller.name)
        return RestoredFile(file=restored.file, how=restored.how, sha256=restored.sha256)
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
        restored = tools.workspace.restore(file, call.caller.name)
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
    """One line a file."""
    if not result.files:
        return "No file is instrumented; nothing to do."
    counts = Counter(row.how for row in result.files)
    lines = [", ".join(f"{count} {how}" for how, count in counts.items()) + "."]
    for row in result.files[:60]:
        names = f" functions {', '.join(row.functions)}" if row.functions else ""
        lines.append(
            f"{row.how}  {row.file}{names}" + (f": {row.problem}" if row.problem else f"  sha256 {row.sha256}" if row.sha256 else "")
        )
    if len(result.files) > 60:
        lines.append(f"… {len(result.files) - 60} more files.")
    return "\n".join(lines)


def deeds(result: UninstrumentResult, params: UninstrumentParams) -> Sequence[Deed]:
    """One action a file."""
    return [
        Deed(
            "uninstrumented_file",
            {"file": row.file, "how": row.how, "functions": row.functions} | ({"reason": row.problem} if row.problem else {}),
            "failed" if row.how == "failed" else "success",
        )
        for row in result.files
        if row.how != "unchanged"
    ]


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
