"""`export_trace`: a trace as a file for another tool."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Literal

from pydantic import Field

from mcp_tracer.analysis.export import EXPORTERS, Exporter
from mcp_tracer.model.errors import Unavailable, UserError
from mcp_tracer.model.span import TraceSummary
from mcp_tracer.service.context import Call, Tools
from mcp_tracer.service.operation import Command, Hints, Operation, Params, Permission, Result, Route
from mcp_tracer.service.operations.get_trace import heading
from mcp_tracer.service.operations.views import asked
from mcp_tracer.workspace.project import Project

PAGE = 20_000
OPENS_WITH = {
    "chrome": "open it in ui.perfetto.dev or chrome://tracing",
    "speedscope": "open it in speedscope.app, or with `npx speedscope FILE`",
    "collapsed": "feed it to flamegraph.pl, inferno or speedscope",
    "otlp": "send it with `curl -H 'Content-Type: application/json' -d @FILE COLLECTOR/v1/traces`",
    "mermaid": "paste it into a markdown page as a mermaid block",
    "html": "open it in a browser",
}
WRITES_EXPORTS = Permission(flags=(), changes=True)


class ExportParams(Params):
    """Parameters of `export_trace`."""

    trace_id: str = Field(default="last", description="Trace id (or its start), or last, last-failed.")
    format: Literal["chrome", "speedscope", "collapsed", "otlp", "mermaid", "html"] = Field(
        default="html", description="chrome: Perfetto; collapsed: flame graph stacks; otlp: OpenTelemetry JSON; mermaid: sequence diagram."
    )
    out: str | None = Field(default=None, description="A new file in the project. Default: one in .ai-agents/logging/exports.")


class ExportResult(Result):
    """The file that was written, relative to the project. `spans` are in it, or stand behind its sums."""

    trace_id: str
    format: str
    path: str
    bytes: int
    spans: int
    opens_with: str
    _trace: TraceSummary | None = None

    @property
    def told(self) -> str:
        """The trace on one line."""
        return heading(self._trace) if self._trace else self.trace_id

    def of(self, trace: TraceSummary) -> ExportResult:
        """The result, which keeps the trace for its text."""
        self._trace = trace
        return self


async def run(call: Call[ExportParams]) -> ExportResult:
    """Write the spans page by page to a temporary file, then put it in its place."""
    params, tools = call.params, call.tools
    await tools.catch_up()
    trace = await tools.store.trace(params.trace_id)
    suffix, begin = EXPORTERS[params.format]
    path = _target(tools.project, params, trace, suffix)
    spans = await _write(call, trace, begin(), path)
    return ExportResult(
        trace_id=trace.trace_id,
        format=params.format,
        path=tools.project.relative(path),
        bytes=path.stat().st_size,
        spans=spans,
        opens_with=OPENS_WITH[params.format],
    ).of(trace)


def _target(project: Project, params: ExportParams, trace: TraceSummary, suffix: str) -> Path:
    """Where to write. A file that is there is replaced only in the folder of exports."""
    if params.out is None:
        return project.exports_dir / f"{trace.trace_id}{suffix}"
    path = project.locate(params.out)
    end = "." + suffix.rpartition(".")[2]
    if path.suffix != end:
        raise UserError(f"{params.out} must end in {end}: the format {params.format} is written so.")
    if path.exists():
        raise UserError(f"{params.out} is there already: name a new file, or leave `out` out.", "exists")
    if ".git" in path.relative_to(project.root).parts:
        raise UserError(f"{params.out} lies in .git: name a file of the project.", "outside")
    return path


async def _write(call: Call[ExportParams], trace: TraceSummary, exporter: Exporter, path: Path) -> int:
    making = path.with_name(path.name + ".making")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with making.open("w", encoding="utf-8", newline="\n") as file:
            spans = await _write_spans(call, trace, exporter, file)
        making.replace(path)
    except OSError as error:
        raise Unavailable(f"{path} cannot be written ({error.strerror}): free some space, or name another file in `out`.") from error
    finally:
        with contextlib.suppress(OSError):  # it is gone where all went well
            making.unlink(missing_ok=True)
    return spans


async def _write_spans(call: Call[ExportParams], trace: TraceSummary, exporter: Exporter, file: IO[str]) -> int:
    tools: Tools = call.tools
    await asyncio.to_thread(_put, file, exporter.begin(trace))
    cursor, done = None, 0
    while True:
        page = await tools.store.trace_spans(trace.trace_id, limit=PAGE, cursor=cursor)
        await asyncio.to_thread(_put, file, (text for span in page.rows for text in exporter.add(span)))
        done += len(page.rows)
        await call.progress(done, page.total or done, f"exported {done:,} spans")
        cursor = page.cursor
        if cursor is None:
            break
    await asyncio.to_thread(_put, file, exporter.end())
    return done


def _put(file: IO[str], texts: Iterable[str]) -> None:
    for text in texts:
        file.write(text)


def render(result: ExportResult, params: ExportParams) -> str:
    """What was exported, where it is, and what opens it."""
    size = f"{result.bytes / 1e6:.1f} MB" if result.bytes >= 100_000 else f"{result.bytes:,} bytes"
    return f"{result.told}\n{result.format}: {result.path} ({size}, {result.spans:,} spans); {result.opens_with}."


EXPORT_TRACE = Operation(
    name="export_trace",
    summary="Write a trace to a file for other tools: a page for a browser, Perfetto, speedscope, flame graph, OpenTelemetry, Mermaid.",
    params=ExportParams,
    result=ExportResult,
    permission=WRITES_EXPORTS,
    hints=Hints(read_only=False, destructive=False, idempotent=True),
    run=run,
    render=render,
    deeds=asked("exported_trace"),
    routes=(Route("GET", "export/{traceId}"),),
    command=Command(("export",), argument="trace_id"),
)
