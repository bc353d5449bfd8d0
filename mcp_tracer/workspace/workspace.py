"""Instrumentation in and out of a project's files, exactly reversible, safe under a kill at any moment."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path

from mcp_tracer.languages.port import Language
from mcp_tracer.model.errors import NotFound, Unavailable, UserError
from mcp_tracer.model.plan import InstrumentRequest, Plan, sha256
from mcp_tracer.workspace.backups import Backups
from mcp_tracer.workspace.discovery import MAX_FILE_BYTES, close_names, discover, language_of
from mcp_tracer.workspace.files import atomic_write, locked, make_folder, read_bounded
from mcp_tracer.workspace.manifest import Entry, Manifest
from mcp_tracer.workspace.project import Project
from mcp_tracer.workspace.recovery import Recovery


@dataclass(frozen=True, slots=True)
class Restored:
    """What `restore` left. `how`: backup, stripped, unchanged, missing, on_load. `backup`: where the original still is (how `missing`)."""

    file: str
    sha256: str | None
    how: str
    backup: str | None = None


class Workspace:
    """The files of one project and the languages that can instrument them."""

    def __init__(self, project: Project, languages: Sequence[Language]) -> None:
        project.check_home()
        self.project = project
        self.languages = tuple(languages)
        self.manifest = Manifest(project)
        self.backups = Backups(project)
        self._by_name = {language.name: language for language in languages}
        self._suffixes = {suffix: language.name for language in languages for suffix in language.suffixes}

    def language_of(self, file: str) -> Language:
        """The language by the file name's ending. Raises UserError for an unsupported one, listing those that are."""
        name = language_of(file, self._suffixes)
        if name is None:
            raise UserError(f"{file} has no supported ending: use one of {', '.join(sorted(self._suffixes))}.", "unsupported")
        return self._by_name[name]

    def original(self, file: str) -> bytes:
        """The file's present bytes without our insertions. Raises UserError or NotFound as `Project.resolve` does."""
        path = self.project.resolve(file)
        return self._original(self.project.relative(path), self._read(path))

    def plan(self, request: InstrumentRequest) -> Plan:
        """Plan the insertions into `original(file)`. Reads only. Raises UserError where the language cannot."""
        file = self.project.relative(self.project.resolve(request.path))
        if file != request.path:
            request = replace(request, path=file)
        return self.language_of(file).plan(self.original(file), request)

    def apply(self, plan: Plan, by: str, functions: Mapping[str, int]) -> Entry:
        """Carry out a plan: note, backup, file, manifest, each durable before the next. What was instrumented before is replaced.

        `by` names who asked; `functions` is what the manifest shall say (empty: the whole file). Raises UserError when the source is not
        the one that was planned for, or cannot be written.
        """
        with locked(self.project.workspace_lock):
            path = self.project.resolve(plan.path)
            before = path.stat()
            current = self._read(path)
            original = self._original(plan.path, current)
            written = plan.apply(original)
            if written == original:
                raise UserError(f"{plan.path} holds nothing to instrument: name other functions or files, or a level above 0.", "nothing")
            entry = _entry(plan, by, functions, original if plan.mode == "on_load" else written)
            if plan.mode == "on_load":
                self._apply_on_load(entry, path, before, current, written)
            else:
                self._apply_in_place(entry, path, before, current, original, written)
            return entry

    def restore(self, file: str, by: str) -> Restored:
        """Take our insertions out: from the backup where the file is what we wrote, else by structure, so that edits stay.

        `by` is for the caller's record; the manifest keeps no trace of a file that is restored. A file that is gone keeps its backup.
        """
        with locked(self.project.workspace_lock):
            path, name = self._named(file)
            entry = self.manifest.get(name)
            if not path.exists():
                return self._restore_missing(name, entry)
            before = path.stat()
            current = self._read(path)
            if entry is not None and entry.mode == "on_load":
                self.manifest.remove(name)
                self._cached(entry).unlink(missing_ok=True)
                return Restored(name, sha256(current), "on_load")
            restored, how = self._without_insertions(name, current, entry)
            if entry is None and restored == current:
                return Restored(name, sha256(current), "unchanged")
            self._restore_in_place(entry or self._rebuilt(name, current, by), path, before, current, restored)
            return Restored(name, sha256(restored), how)

    def recover(self) -> list[str]:
        """Reconcile files, backups and manifest after a kill between steps; call it at start. Says what it did, a sentence each."""
        with locked(self.project.workspace_lock):
            return Recovery(self.project, self.manifest, self.backups, self._language_or_none).run()

    def instrumented(self) -> dict[str, Entry]:
        """The manifest, by file."""
        return self.manifest.entries()

    def strays(self) -> list[str]:
        """Files that hold our insertions though the manifest does not know them: renamed, checked out, or its entry was lost."""
        known = self.manifest.entries()
        found = discover(self.project, self._suffixes, exclude=(), languages=())
        return [file for file in found if file not in known and self._holds_insertions(file)]

    def _holds_insertions(self, file: str) -> bool:
        try:
            return self.language_of(file).is_instrumented(self._read(self.project.root / file))
        except (UserError, OSError):
            return False  # gone meanwhile, or too large to be ours

    def state(self, file: str) -> str:
        """`original`, `instrumented` (as we wrote it), `edited` (ours and changed since), or `missing` (from disk)."""
        path, name = self._named(file)
        entry = self.manifest.get(name)
        if not path.exists():
            return "missing"
        current = self._read(path)
        if entry is not None and sha256(current) == entry.sha256_after:
            return "instrumented"
        if entry is not None and entry.mode == "on_load":
            return "edited"
        return "edited" if self.language_of(name).is_instrumented(current) else "original"

    def _named(self, file: str) -> tuple[Path, str]:
        """The place and relative name of a file that exists, or that the manifest still knows."""
        path = self.project.locate(file)
        name = self.project.relative(path)
        if not path.exists() and self.manifest.get(name) is None:
            known = sorted(self.manifest.entries())
            raise NotFound(f"{file} does not exist in {self.project.root}: check the path{close_names(name, known)}.")
        return (path, name) if not path.exists() else (self.project.resolve(file), name)

    def _read(self, path: Path) -> bytes:
        # Twice the bound of what is planned, since insertions make a file larger.
        return read_bounded(path, MAX_FILE_BYTES * 4)

    def _original(self, file: str, current: bytes) -> bytes:
        return self._without_insertions(file, current, self.manifest.get(file))[0]

    def _without_insertions(self, file: str, current: bytes, entry: Entry | None) -> tuple[bytes, str]:
        """(original, how). The backup counts only for exactly what we wrote, and only if it is the one that was taken then."""
        if entry is not None and entry.mode == "in_place" and sha256(current) == entry.sha256_after:
            kept = self.backups.original(file)
            if kept is not None and sha256(kept) == entry.sha256_before:
                return kept, "backup"
        language = self.language_of(file)
        return (language.strip(current), "stripped") if language.is_instrumented(current) else (current, "unchanged")

    def _apply_in_place(self, entry: Entry, path: Path, before: os.stat_result, current: bytes, original: bytes, written: bytes) -> None:
        self.backups.begin("apply", entry)
        self.backups.keep(entry.file, original)
        if written != current:
            make_folder(self.project.temporary_dir)
            atomic_write(path, written, like=before, via=self.project.temporary_dir)
        self.manifest.put(entry)
        self.backups.end(entry.file)

    def _apply_on_load(self, entry: Entry, path: Path, before: os.stat_result, current: bytes, written: bytes) -> None:
        """The file stays as it is; loaders find the instrumented text by the sha256 of what they load."""
        if sha256(current) != entry.sha256_before:
            raise UserError(f"{entry.file} is instrumented in place: uninstrument it first, then use on_load.", "in_place")
        make_folder(self._cached(entry).parent)
        atomic_write(self._cached(entry), written)
        self.manifest.put(entry)

    def _cached(self, entry: Entry) -> Path:
        return self.project.cache_dir / entry.language / entry.sha256_before

    def _restore_in_place(self, entry: Entry, path: Path, before: os.stat_result, current: bytes, restored: bytes) -> None:
        self.backups.begin("restore", entry)
        if restored != current:
            make_folder(self.project.temporary_dir)
            atomic_write(path, restored, like=before, via=self.project.temporary_dir)
        self.manifest.remove(entry.file)
        self.backups.discard(entry.file)
        self.backups.end(entry.file)

    def _restore_missing(self, file: str, entry: Entry | None) -> Restored:
        if entry is None:
            raise Unavailable(f"{file} went away while it was being restored: try again.")
        self.manifest.remove(file)
        kept = self.backups.path(file)
        return Restored(file, None, "missing", self.project.relative(kept) if kept.exists() else None)

    def _rebuilt(self, file: str, current: bytes, by: str) -> Entry:
        """An entry for a file that holds our insertions though the manifest does not know it."""
        return Recovery(self.project, self.manifest, self.backups, self._language_or_none).entry_of(file, current, by)

    def _language_or_none(self, file: str) -> Language | None:
        name = language_of(file, self._suffixes)
        return None if name is None else self._by_name[name]


def _entry(plan: Plan, by: str, functions: Mapping[str, int], after: bytes) -> Entry:
    return Entry(
        file=plan.path,
        language=plan.language,
        mode=plan.mode,
        style=plan.style,
        level=int(plan.level),
        functions={name: int(level) for name, level in functions.items()},
        functions_wrapped=len(plan.functions),
        sha256_before=plan.source_sha256,
        sha256_after=sha256(after),
        at=datetime.now(timezone.utc).isoformat(timespec="milliseconds"),
        by=by,
    )
