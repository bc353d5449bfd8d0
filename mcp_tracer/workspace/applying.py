"""Carry out plans: everything is on disk before the first file changes, so that one short step is left, and a note tells of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path

from mcp_tracer.durable import SYNCING_THREADS, Staged, stage, sync_folders
from mcp_tracer.model.errors import TracerError, Unavailable, UserError
from mcp_tracer.model.plan import Plan, sha256
from mcp_tracer.workspace.backups import Backups
from mcp_tracer.workspace.files import make_folder
from mcp_tracer.workspace.forms import Forms
from mcp_tracer.workspace.manifest import Entry, Manifest
from mcp_tracer.workspace.originals import Originals, Present
from mcp_tracer.workspace.sources import Sources

Report = Callable[[str], None]
"""Is told of each file as it is done. What it raises stops the work, with every file as it was."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A plan to carry out; `functions` is what the manifest shall say (empty: the whole file)."""

    plan: Plan
    functions: Mapping[str, int] = field(default_factory=dict[str, int])


@dataclass(frozen=True, slots=True)
class Change:
    """One file that is about to become instrumented. `staged` is None where its text is right already; `dirty` folders want a sync."""

    entry: Entry
    staged: Staged | None
    dirty: frozenset[Path]


class Applying:
    """One pass over any number of plans. The caller holds the workspace lock.

    A file that cannot be done is answered with its UserError and keeps none of the others up. A disk that is full or failing raises
    Unavailable, and then no file was changed.
    """

    def __init__(self, originals: Originals, manifest: Manifest, backups: Backups, sources: Sources, by: str) -> None:
        self._originals = originals
        self._project = originals.project
        self._manifest = manifest
        self._backups = backups
        self._sources = sources
        self._forms = Forms(self._project)
        self._by = by

    def run(self, wanted: Sequence[Wanted], report: Report) -> list[Entry | TracerError]:
        """What became of each, in order: its entry in the manifest, or why it was left."""
        self._backups.begin()
        make_folder(self._project.temporary_dir)
        staged = self._stage_all(wanted, report)
        changes = [change for change in staged if isinstance(change, Change)]
        before = {change.entry.file: self._manifest.get(change.entry.file) for change in changes}
        try:
            sync_folders(folder for dirty in {change.dirty for change in changes} for folder in dirty)
            self._backups.begin([change.entry for change in changes])
            with self._manifest.changing(put=[change.entry for change in changes]) as enter:
                done = _put_in_place(changes, enter)
        except _NotEntered as error:
            raise Unavailable(str(error)) from error
        except TracerError:
            self._forget(changes)
            raise
        self._take_out([change for change in changes if not isinstance(done[change.entry.file], Entry)], before)
        self._backups.tidy(one.plan.path for one, change in zip(wanted, staged, strict=True) if not isinstance(change, Change))
        self._backups.end()
        return [done[change.entry.file] if isinstance(change, Change) else change for change in staged]

    def _take_out(self, left: Sequence[Change], before: Mapping[str, Entry | None]) -> None:
        """Files that others changed at the last moment: the manifest says of them what it said before."""
        if left:
            known = {change.entry.file: before[change.entry.file] for change in left}
            self._manifest.change(put=[entry for entry in known.values() if entry], remove=known)
            self._take_back(left)

    def _stage_all(self, wanted: Sequence[Wanted], report: Report) -> list[Change | TracerError]:
        """Backups and new texts, durable. Raises what `report` raises, and Unavailable, with all of it taken back."""
        with ThreadPoolExecutor(SYNCING_THREADS, thread_name_prefix="staging") as threads:
            futures = [threads.submit(self._stage, one) for one in wanted]
            try:
                staged: list[Change | TracerError] = []
                for one, future in zip(wanted, futures, strict=True):
                    staged.append(_change_of(future))
                    report(one.plan.path)
            except BaseException:
                self._forget(_finished(futures))
                self._backups.tidy(one.plan.path for one in wanted)
                raise
            return staged

    def _stage(self, wanted: Wanted) -> Change:
        plan = wanted.plan
        path = self._project.resolve(plan.path)
        present = self._originals.present(plan.path, path, self._manifest.get(plan.path))
        written = plan.apply(present.original)
        if written == present.original:
            raise UserError(f"{plan.path} holds nothing to instrument: name other functions or files, or a level above 0.", "nothing")
        entry = _entry(wanted, self._by, present.original if plan.mode == "on_load" else written)
        self._sources.keep_text(entry.sha256_before, present.original)
        if plan.mode == "on_load":
            return self._stage_on_load(entry, present, written)
        dirty = self._backups.keep(plan.path, present.original)
        if written == present.current:
            return Change(entry, None, dirty)
        try:
            return Change(entry, stage(path, written, like=present.status, via=self._project.temporary_dir), dirty)
        except TracerError:
            if dirty and self._manifest.get(plan.path) is None:
                self._backups.drop(plan.path)
            raise

    def _stage_on_load(self, entry: Entry, present: Present, written: bytes) -> Change:
        """The file stays as it is; loaders find the instrumented text by the sha256 of what they load."""
        if sha256(present.current) != entry.sha256_before:
            raise UserError(f"{entry.file} is instrumented in place: uninstrument it first, then use on_load.", "in_place")
        return Change(entry, None, frozenset((self._forms.keep(entry, written),)))

    def _take_back(self, left: Sequence[Change]) -> None:
        """Changes that were not put in place: what was laid ready for them goes, and what was entered for them."""
        for change in left:
            if change.staged is not None:
                change.staged.discard()
        fresh = [change.entry.file for change in left if change.dirty and change.entry.mode == "in_place"]
        self._backups.discard(file for file in fresh if self._manifest.get(file) is None)

    def _forget(self, changes: Sequence[Change]) -> None:
        """Nothing was changed, nothing shall be left."""
        self._take_back(changes)
        self._backups.end()


class _NotEntered(TracerError):
    """Files were changed and the manifest does not say so."""


def _put_in_place(changes: Sequence[Change], enter: Callable[[], None]) -> dict[str, Entry | TracerError]:
    """The short step: nothing but renames. From here on the note makes good whatever does not come to its end."""
    done = {change.entry.file: _committed(change) for change in changes}
    try:
        sync_folders({change.staged.path.parent for change in changes if change.staged is not None})
        enter()
    except TracerError as error:
        count = sum(isinstance(outcome, Entry) for outcome in done.values())
        raise _NotEntered(
            f"{count} files were instrumented, but are not in the manifest yet: {error} The next call enters them."
        ) from error
    return done


def _change_of(future: Future[Change]) -> Change | TracerError:
    try:
        return future.result()
    except UserError as error:
        return error


def _finished(futures: Sequence[Future[Change]]) -> list[Change]:
    """What was staged, once nothing is being staged any more."""
    running = [future for future in futures if not future.cancel()]
    return [future.result() for future in running if future.exception() is None]


def _committed(change: Change) -> Entry | TracerError:
    try:
        if change.staged is not None:
            change.staged.commit()
    except TracerError as error:
        return error
    return change.entry


def _entry(wanted: Wanted, by: str, after: bytes) -> Entry:
    plan = wanted.plan
    return Entry(
        file=plan.path,
        language=plan.language,
        mode=plan.mode,
        style=plan.style,
        level=int(plan.level),
        functions={name: int(level) for name, level in wanted.functions.items()},
        functions_wrapped=len(plan.functions),
        sha256_before=plan.source_sha256,
        sha256_after=sha256(after),
        at=datetime.now(timezone.utc).isoformat(timespec="milliseconds"),
        by=by,
    )
