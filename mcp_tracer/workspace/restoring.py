"""Take insertions out: originals move back by renames, so that a full disk is no hindrance; the manifest follows."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from mcp_tracer.durable import SYNCING_THREADS, Staged, stage, sync_folders
from mcp_tracer.model.errors import TracerError, Unavailable
from mcp_tracer.model.plan import sha256
from mcp_tracer.workspace.applying import Report
from mcp_tracer.workspace.backups import Backups
from mcp_tracer.workspace.files import make_folder
from mcp_tracer.workspace.forms import Forms
from mcp_tracer.workspace.manifest import Manifest
from mcp_tracer.workspace.originals import Originals, Present


@dataclass(frozen=True, slots=True)
class Restored:
    """What `restore` left. `how`: backup, stripped, unchanged, missing, on_load. `backup`: where the original still is (how `missing`)."""

    file: str
    sha256: str | None
    how: str
    backup: str | None = None


@dataclass(slots=True)
class Restoration:
    """What became of each file, in order; `note` says what else went wrong though the files are as told."""

    files: list[Restored | TracerError] = field(default_factory=list[Restored | TracerError])
    note: str | None = None


@dataclass(frozen=True, slots=True)
class _Return:
    """One file that can become what it was. `present` is None where nothing has to be written."""

    restored: Restored
    present: Present | None = None
    staged: Staged | None = None


class Restoring:
    """One pass over any number of files. The caller holds the workspace lock.

    A kill in the midst leaves entries whose file holds no insertions any more: recovery takes them out. The order sees to that.
    """

    def __init__(self, originals: Originals, manifest: Manifest, backups: Backups) -> None:
        self._originals = originals
        self._project = originals.project
        self._forms = Forms(self._project)
        self._manifest = manifest
        self._backups = backups

    def run(self, files: Sequence[tuple[str, Path]], report: Report) -> Restoration:
        """Restore (name, place) each. Stops where `report` raises, with every file either restored or as it was."""
        with suppress(Unavailable):  # A disk that is too full for the note has room when files have become smaller.
            self._backups.begin()
            make_folder(self._project.temporary_dir)
        done = Restoration()
        finished = False
        try:
            with ThreadPoolExecutor(SYNCING_THREADS, thread_name_prefix="restoring") as threads:
                for start in range(0, len(files), _AT_ONCE):
                    some = files[start : start + _AT_ONCE]
                    done.files += list(threads.map(self._attempt, some))
                    for file, _ in some:
                        report(file)
            finished = True
        finally:
            done.note = self._enter(done.files, tell=finished)
        return done

    def _attempt(self, named: tuple[str, Path]) -> Restored | TracerError:
        try:
            way = self._prepare(*named)
            if way.staged is not None:
                way.staged.commit()
            elif way.present is not None:
                self._backups.move_back(way.present.file, way.present.path, way.present.status)
            return way.restored
        except TracerError as error:
            return error

    def _prepare(self, file: str, path: Path) -> _Return:
        entry = self._manifest.get(file)
        if not path.exists():
            return self._missing(file, entry is not None)
        if entry is not None and entry.mode == "on_load":
            return _Return(Restored(file, sha256(self._originals.read(path)), "on_load"))
        present = self._originals.present(file, path, entry)
        restored = Restored(file, sha256(present.original), present.how)
        if present.original == present.current:
            return _Return(restored)
        if present.how == "backup":
            return _Return(restored, present)
        return _Return(restored, present, stage(path, present.original, like=present.status, via=self._project.temporary_dir))

    def _missing(self, file: str, is_known: bool) -> _Return:
        if not is_known:
            raise Unavailable(f"{file} went away while it was being restored: try again.")
        kept = self._backups.path(file)
        return _Return(Restored(file, None, "missing", self._project.relative(kept) if kept.exists() else None))

    def _enter(self, files: Sequence[Restored | TracerError], *, tell: bool) -> str | None:
        """Let go of what is not needed any more: backups, then entries. Returns why that could not be done (or raises, unless `tell`)."""
        restored = [one for one in files if isinstance(one, Restored)]
        entries = [entry for one in restored if (entry := self._manifest.get(one.file)) is not None]
        known = {entry.file for entry in entries if entry.mode == "in_place"}
        written = [one.file for one in restored if one.how in ("backup", "stripped")]
        try:
            sync_folders((self._project.root / file).parent for file in written)
            self._backups.discard([*written, *(one.file for one in restored if one.how == "unchanged" and one.file in known)])
            self._manifest.change(remove=[one.file for one in restored])
            for entry in entries:
                if entry.mode == "on_load":
                    self._forms.discard(entry)
            self._backups.end()
        except TracerError as error:
            if not tell:
                raise
            return f"The files are as told, but the manifest could not be updated: {error} The next call that changes files does it."
        return None


_AT_ONCE = 64
"""Files between two moments at which the work can be stopped."""
