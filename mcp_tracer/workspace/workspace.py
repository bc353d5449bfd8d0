"""Instrumentation in and out of a project's files, exactly reversible, safe under a kill at any moment."""

from __future__ import annotations

import stat
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from mcp_tracer.languages.port import Language
from mcp_tracer.model.errors import NotFound, TracerError, UserError
from mcp_tracer.model.plan import InstrumentRequest, Plan
from mcp_tracer.workspace.applying import Applying, Report, Wanted
from mcp_tracer.workspace.backups import Backups
from mcp_tracer.workspace.discovery import close_names, walk
from mcp_tracer.workspace.files import locked
from mcp_tracer.workspace.manifest import Entry, Manifest
from mcp_tracer.workspace.originals import Originals
from mcp_tracer.workspace.planning import plan_all
from mcp_tracer.workspace.project import Project
from mcp_tracer.workspace.recovery import Recovery
from mcp_tracer.workspace.restoring import Restoration, Restored, Restoring
from mcp_tracer.workspace.seen import Seen, stamp_of
from mcp_tracer.workspace.sources import Sources

__all__ = ["Restoration", "Restored", "Wanted", "Workspace"]


_CLEAN = "clean"


def _nobody(file: str) -> None:
    """Progress that nobody follows."""


class Workspace:
    """The files of one project and the languages that can instrument them."""

    def __init__(self, project: Project, languages: Sequence[Language]) -> None:
        project.check_home()
        self.project = project
        self.languages = tuple(languages)
        self.manifest = Manifest(project)
        self.backups = Backups(project)
        self.seen = Seen(project)
        self.originals = Originals(project, languages)
        self.sources = Sources(project, self.originals)

    def language_of(self, file: str) -> Language:
        """The language by the file name's ending. Raises UserError for an unsupported one, listing those that are."""
        return self.originals.language_of(file)

    def original(self, file: str) -> bytes:
        """The file's present bytes without our insertions. Raises UserError or NotFound as `Project.resolve` does."""
        path = self.project.resolve(file)
        name = self.project.relative(path)
        return self.originals.without_insertions(name, self.originals.read(path), self.manifest.get(name))[0]

    def plan(self, request: InstrumentRequest) -> Plan:
        """Plan the insertions into `original(file)`. Reads only. Raises UserError where the language cannot."""
        file = self.project.relative(self.project.resolve(request.path))
        return self.originals.plan(request, self.manifest.get(file))

    def plan_all(self, requests: Sequence[InstrumentRequest], report: Report = _nobody) -> list[Plan | UserError]:
        """Plan many files, on every core where there is enough to do; results in order, a file's failure in its place."""
        tasks = [(request, self.manifest.get(request.path)) for request in requests]
        return plan_all(self.originals, tasks, report)

    def apply(self, plan: Plan, by: str, functions: Mapping[str, int]) -> Entry:
        """Carry out a plan: backup, note, file, manifest, each durable before the next. What was instrumented before is replaced.

        `by` names who asked; `functions` is what the manifest shall say (empty: the whole file). Raises UserError when the source is not
        the one that was planned for, or cannot be written, Unavailable for a full disk; then the file is as it was.
        """
        (outcome,) = self.apply_all([Wanted(plan, functions)], by)
        if isinstance(outcome, TracerError):
            raise outcome
        return outcome

    def apply_all(self, wanted: Sequence[Wanted], by: str, report: Report = _nobody) -> list[Entry | TracerError]:
        """Carry out many plans: in order, each file's entry or why it was left. A full disk raises Unavailable, nothing changed."""
        with self._changing():
            return Applying(self.originals, self.manifest, self.backups, self.sources, by).run(wanted, report)

    def restore(self, file: str) -> Restored:
        """Take our insertions out: from the backup where the file is what we wrote, else by structure, so that edits stay.

        The manifest keeps no trace of a file that is restored. A file that is gone keeps its backup.
        """
        (outcome,) = self.restore_all([file]).files
        if isinstance(outcome, TracerError):
            raise outcome
        return outcome

    def restore_all(self, files: Sequence[str], report: Report = _nobody) -> Restoration:
        """Restore many files; one that fails is answered with its error and keeps none of the others up."""
        with self._changing():
            named = [self._place(file) for file in files]
            done = Restoring(self.originals, self.manifest, self.backups).run([one for one in named if isinstance(one, tuple)], report)
            outcomes = iter(done.files)
            done.files = [next(outcomes) if isinstance(one, tuple) else one for one in named]
            return done

    def recover(self) -> list[str]:
        """Reconcile files, backups and manifest after a kill between steps; call it at start. Says what it did, a sentence each."""
        with locked(self.project.workspace_lock):
            return self._recover()

    def _recover(self) -> list[str]:
        return Recovery(self.manifest, self.backups, self.originals).run()

    @contextmanager
    def _changing(self) -> Generator[None]:
        """Alone in the project, after what an interrupted call may have left was put right."""
        with locked(self.project.workspace_lock):
            if self.backups.is_pending():
                self._recover()
            yield

    def instrumented(self) -> dict[str, Entry]:
        """The manifest, by file."""
        return self.manifest.entries()

    def strays(self) -> list[str]:
        """Files that hold our insertions though the manifest does not know them: renamed, checked out, or its entry was lost."""
        known = self.manifest.entries()
        endings = tuple(self.originals.suffixes)
        found = ((self.project.relative(path), path) for path in walk(self.project, self.project.root, endings))
        strays = sorted(file for file, path in found if file not in known and self._holds_insertions(file, path))
        self.seen.keep()
        return strays

    def _holds_insertions(self, file: str, path: Path) -> bool:
        try:
            stamp = stamp_of(path.stat())
            if self.seen.recall(file, stamp) == _CLEAN:
                return False
            is_ours = self.language_of(file).is_instrumented(self.originals.read(path))
        except (UserError, OSError):
            return False  # gone meanwhile, or too large to be ours
        if not is_ours:
            self.seen.remember(file, stamp, _CLEAN)
        return is_ours

    def states(self) -> dict[str, str]:
        """`state` of every file in the manifest; what is as it was when it was last looked at is not read again."""
        found = {file: self._state_of(file, entry) for file, entry in self.manifest.entries().items()}
        self.seen.keep()
        return found

    def _state_of(self, file: str, entry: Entry) -> str:
        try:
            status = (self.project.root / file).lstat()
        except OSError:
            return self.state(file)
        if stat.S_ISREG(status.st_mode) and self.seen.recall(file, stamp_of(status)) == entry.sha256_after:
            return "instrumented"
        state = self.state(file)
        if state == "instrumented" and stat.S_ISREG(status.st_mode):
            self.seen.remember(file, stamp_of(status), entry.sha256_after)
        return state

    def state(self, file: str) -> str:
        """`original`, `instrumented` (as we wrote it), `edited` (ours and changed since), or `missing` (from disk)."""
        name, path = self._named(file)
        return self.originals.state(name, path, self.manifest.get(name))

    def _place(self, file: str) -> tuple[str, Path] | TracerError:
        try:
            return self._named(file)
        except UserError as error:
            return error

    def _named(self, file: str) -> tuple[str, Path]:
        """The relative name and place of a file that exists, or that the manifest still knows."""
        path = self.project.locate(file)
        name = self.project.relative(path)
        if not path.exists() and self.manifest.get(name) is None:
            known = sorted(self.manifest.entries())
            raise NotFound(f"{file} does not exist in {self.project.root}: check the path{close_names(name, known)}.")
        return (name, path) if not path.exists() else (name, self.project.resolve(file))
