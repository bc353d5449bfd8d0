"""Runs and traces as pure functions over recordings."""

from __future__ import annotations

from collections.abc import Sequence

from mcp_tracer.model import spool
from mcp_tracer.model.span import Run, TraceSummary
from tests.contracts.recording import Recording, Row


def runs_of(recordings: Sequence[Recording]) -> list[Run]:
    """Newest first. Each of the runs here has one process."""
    return [run_of(one) for one in sorted(recordings, key=lambda one: (one.start_ns, one.number), reverse=True)]


def run_of(recording: Recording) -> Run:
    """The run of a process."""
    said = next(one for (kind, _), one in recording.definitions.items() if kind == spool.DEF_RUN)
    end, rows = (recording.end or ({}, 0))[0], recording.rows()
    return Run(
        run_id=recording.run_id,
        parent_run_id=said.get("parentRunId"),
        argv=tuple(said["argv"]),
        cwd=said["cwd"],
        language=said["language"],
        version=said["version"],
        pid=recording.pid,
        start_ns=recording.start_ns,
        end_ns=_ended_ns(recording),
        state="ended" if recording.end or recording.gone is False else "killed" if recording.gone else "running",
        exit_code=end.get("exitCode"),
        git_commit=said.get("gitCommit"),
        spans=len(rows),
        errors=sum(row.error is not None for row in rows if row.counted),
        dropped=end.get("dropped", 0),
        faults=end.get("faults", 0),
        runtime=said.get("runtime", ""),
        stopped=end.get("stopped") or None,
    )


def _ended_ns(recording: Recording) -> int | None:
    """When its end was recorded, else when it was last heard of, if it is gone."""
    if recording.end:
        return recording.end[1]
    if recording.gone is None:
        return None
    return (recording.last_heard_ns() if recording.gone else 0) or recording.start_ns


def chosen_run(runs: Sequence[Run], word: str) -> Run | None:
    """The run that a word means: those that another one started don't count."""
    outer = [run for run in runs if run.parent_run_id not in {one.run_id for one in runs}]
    if word == "last-failed":
        outer = [run for run in outer if run.state == "killed" or run.exit_code not in (None, 0)]
    return next(iter(outer[1:] if word == "previous" else outer), None)


def traces_of(recordings: Sequence[Recording], run_id: str | None = None) -> list[TraceSummary]:
    """Newest first; of a run those in which it took part. A process also takes part in a trace that it names without a span of its own."""
    rows = [row for one in recordings for row in one.rows()]
    found = [
        trace_of(recordings, trace_id)
        for trace_id in {row.trace_id for row in rows}
        if run_id is None or any(one.run_id == run_id and one.said_of(trace_id) is not None for one in recordings)
    ]
    return sorted(found, key=lambda one: (one.start_ns, one.trace_id), reverse=True)


def trace_of(recordings: Sequence[Recording], trace_id: str) -> TraceSummary:
    """Named by the process of its earliest root; where it has none, by the first that knew it."""
    rows = [row for one in recordings for row in one.rows() if row.trace_id == trace_id]
    root: Row | None = min((row for row in rows if row.is_root), key=lambda row: row.start_ns, default=None)
    knowing = [one for one in recordings if one.said_of(trace_id) is not None]
    namer = next(one for one in knowing if root is None or one.number == root.source)
    said = namer.said_of(trace_id) or {}
    request = f"{said['method']} {said['url']}" if "method" in said and "url" in said else ""
    return TraceSummary(
        trace_id=trace_id,
        run_id=namer.run_id,
        type=said.get("type", "call"),
        name=request or said.get("testId") or (root.function if root else ""),
        start_ns=min(row.start_ns for row in rows),
        end_ns=max(row.end_ns for row in rows),
        spans=len(rows),
        errors=sum(row.error is not None for row in rows if row.counted),
        attributes=said,
    )
