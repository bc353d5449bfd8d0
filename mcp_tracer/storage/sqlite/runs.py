"""Runs: the processes that share a run id, with what the segments count of them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final, cast

from mcp_tracer.model import cursor, words
from mcp_tracer.model.errors import NotFound, UserError
from mcp_tracer.model.query import Page
from mcp_tracer.model.span import Run
from mcp_tracer.storage.sqlite import expired
from mcp_tracer.storage.sqlite.left_out import may_be_in
from mcp_tracer.storage.sqlite.snapshot import Snapshot

_SOURCE: Final = "id, run, language, pid, start, definition, state, end, exit_code, error, dropped, faults, damaged"
_SHOWN: Final = 5


@dataclass(frozen=True, slots=True)
class _Process:
    id: int
    run: int
    language: str
    pid: int
    start: int
    definition: str
    state: str
    end: int | None
    exit_code: int | None
    error: str | None
    dropped: int
    faults: int
    damaged: int


def page_of_runs(snapshot: Snapshot, limit: int, after: str | None) -> Page[Run]:
    """Runs, newest first."""
    place: Any = cursor.decode(after, "runs", int, int)
    where, parameters = ("HAVING (min(start), run) < (?, ?)", place) if place else ("", ())
    query = f"SELECT run, min(start) FROM source GROUP BY run {where} ORDER BY min(start) DESC, run DESC LIMIT ?"
    rows = snapshot.all(query, (*parameters, limit + 1))
    total = snapshot.all("SELECT count(DISTINCT run) FROM source")
    more = cursor.encode("runs", rows[limit - 1][1], rows[limit - 1][0]) if len(rows) > limit else None
    return Page(tuple(_run(snapshot, row[0]) for row in rows[:limit]), more, total[0][0] if total else 0)


def run_by_id(snapshot: Snapshot, run_id: str) -> Run:
    """One run by id, unique prefix, `last`, `previous` or `last-failed`. Raises NotFound, or UserError for an ambiguous prefix."""
    word = words.word(run_id, words.RUNS)
    if word is not None:
        return _run_by_word(snapshot, word)
    known: list[tuple[int, str]] = snapshot.all("SELECT id, run_id FROM run WHERE substr(run_id, 1, ?)=?", (len(run_id), run_id.lower()))
    exact = [row for row in known if row[1] == run_id.lower()]
    if exact or (len(known) == 1 and len(run_id) >= 6):
        return _run(snapshot, (exact or known)[0][0])
    if len(known) > 1 and len(run_id) >= 6:
        raise UserError(f"{run_id!r} is the beginning of several runs: {', '.join(row[1] for row in known[:_SHOWN])}.")
    if known and run_id:
        raise UserError(f"{run_id!r} is too short for a run's id: write at least 6 digits, as of {known[0][1]}.")
    meant = words.did_you_mean(run_id.lower(), words.RUNS)
    raise NotFound(f"There is no run {run_id!r}.{meant} {_newest(snapshot)}{expired.perhaps(snapshot)}")


def _run_by_word(snapshot: Snapshot, word: str) -> Run:
    """Runs that another run started don't count: they are parts of what its user called a run."""
    known = {row[0] for row in snapshot.all("SELECT run_id FROM run")}
    skipped = 0
    for (run,) in snapshot.all("SELECT run FROM source GROUP BY run ORDER BY min(start) DESC, run DESC"):
        found = _run(snapshot, run)
        if found.parent_run_id in known or (word == "last-failed" and not has_failed(found)):
            continue
        if word != "previous" or skipped:
            return found
        skipped += 1
    wanted = {"last": "any run", "previous": "a run before the last", "last-failed": "a failed run"}[word]
    raise NotFound(f"There isn't {wanted} yet. {_newest(snapshot)}")


def has_failed(run: Run) -> bool:
    """Killed, or ended with an exit code other than 0."""
    return run.state == "killed" or run.exit_code not in (None, 0)


def _newest(snapshot: Snapshot) -> str:
    rows = snapshot.all(
        "SELECT r.run_id FROM source s JOIN run r ON r.id=s.run GROUP BY s.run ORDER BY min(s.start) DESC LIMIT ?", (_SHOWN,)
    )
    return f"The newest runs are {', '.join(row[0] for row in rows)}." if rows else expired.nothing_is_left(snapshot)


def _run(snapshot: Snapshot, run: int) -> Run:
    rows = snapshot.all(f"SELECT {_SOURCE} FROM source WHERE run=? ORDER BY start, id", (run,))
    processes = [_Process(*row) for row in rows]
    first = processes[0]
    definition = cast("dict[str, Any]", json.loads(first.definition))
    spans, errors = _counts(snapshot, [one.id for one in processes])
    running = any(one.state == "running" for one in processes)
    parent, gone = definition.get("parentRunId"), expired.of_run(snapshot, run)
    return Run(
        run_id=snapshot.all("SELECT run_id FROM run WHERE id=?", (run,))[0][0],
        parent_run_id=None if parent is None else str(parent),
        argv=tuple(str(word) for word in cast("list[Any]", definition.get("argv") or [])),
        cwd=str(definition.get("cwd", "")),
        language=str(definition.get("language", first.language)),
        version=str(definition.get("version", "")),
        pid=first.pid,
        start_ns=first.start,
        end_ns=None if running else max((one.end or one.start for one in processes), default=None),
        state="running" if running else first.state,
        exit_code=None if running else first.exit_code,
        git_commit=definition.get("gitCommit"),
        spans=spans,
        errors=errors,
        dropped=sum(one.dropped for one in processes),
        faults=sum(one.faults for one in processes),
        runtime=str(definition.get("runtime", "")),
        stopped=next((str(why) for one in processes if (why := json.loads(one.definition).get("stopped"))), None),
        damaged=sum(one.damaged for one in processes),
        expired=gone.spans,
        expired_until_ns=gone.until_ns,
        may_lack=any(may_be_in(snapshot, number, {one.id: one.state for one in processes}) for number in snapshot.left_out()),
    )


def _counts(snapshot: Snapshot, sources: list[int]) -> tuple[int, int]:
    """(spans, those that failed), open spans included."""
    marks = ",".join("?" * len(sources))
    spans = errors = 0
    for segment in snapshot.segments:
        row = segment.db.execute(f"SELECT sum(spans), sum(errors) FROM source_count WHERE src IN ({marks})", sources).fetchone()
        spans, errors = spans + (row[0] or 0), errors + (row[1] or 0)
    opened = snapshot.open_spans().columns["src"].tolist()
    return spans + sum(source in sources for source in opened), errors
