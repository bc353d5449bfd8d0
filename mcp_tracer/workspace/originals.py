"""What a file is without our insertions, and what of that needs no disk but reading: states and plans. Travels to planning processes."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mcp_tracer.languages.port import Language
from mcp_tracer.model.errors import UserError
from mcp_tracer.model.plan import InstrumentRequest, Plan, sha256
from mcp_tracer.workspace.backups import Backups
from mcp_tracer.workspace.discovery import MAX_FILE_BYTES, language_of
from mcp_tracer.workspace.files import read_bounded
from mcp_tracer.workspace.manifest import Entry
from mcp_tracer.workspace.project import Project


@dataclass(frozen=True, slots=True)
class Present:
    """A file as it is now, and as it was without us. `how` the original was found: backup, stripped, unchanged."""

    file: str
    path: Path
    status: os.stat_result
    current: bytes
    original: bytes
    how: str


class Originals:
    """Reads files of one project. Holds nothing that changes, so that several threads and processes may use copies of it."""

    def __init__(self, project: Project, languages: Sequence[Language]) -> None:
        self.project = project
        self.backups = Backups(project)
        self._by_name = {language.name: language for language in languages}
        self.suffixes = {suffix: language.name for language in languages for suffix in language.suffixes}

    def language_of(self, file: str) -> Language:
        """The language by the file name's ending. Raises UserError for an unsupported one, listing those that are."""
        found = self.language_or_none(file)
        if found is None:
            raise UserError(f"{file} has no supported ending: use one of {', '.join(sorted(self.suffixes))}.", "unsupported")
        return found

    def language_or_none(self, file: str) -> Language | None:
        """The language by the file name's ending, if there is one."""
        name = language_of(file, self.suffixes)
        return None if name is None else self._by_name[name]

    def plan(self, request: InstrumentRequest, entry: Entry | None) -> Plan:
        """Plan the insertions into the original of a file that `entry` speaks of. Raises UserError where the language cannot."""
        path = self.project.resolve(request.path)
        file = self.project.relative(path)
        request = request if file == request.path else replace(request, path=file)
        original, _ = self.without_insertions(file, self.read(path), entry)
        return self.language_of(file).plan(original, request)

    def present(self, file: str, path: Path, entry: Entry | None) -> Present:
        """Look at one file. Raises UserError where it cannot be read."""
        try:
            status = path.stat()
        except OSError as error:
            raise UserError(f"{file} went away while it was being handled ({error.strerror}): try again.", "changed") from error
        current = self.read(path)
        original, how = self.without_insertions(file, current, entry)
        return Present(file, path, status, current, original, how)

    def without_insertions(self, file: str, current: bytes, entry: Entry | None) -> tuple[bytes, str]:
        """(original, how). The backup counts only for exactly what we wrote, and only if it is the one that was taken then."""
        if entry is not None and entry.mode == "in_place" and sha256(current) == entry.sha256_after:
            kept = self.backups.original(file)
            if kept is not None and sha256(kept) == entry.sha256_before:
                return kept, "backup"
        language = self.language_of(file)
        return (language.strip(current), "stripped") if language.is_instrumented(current) else (current, "unchanged")

    def state(self, file: str, path: Path, entry: Entry | None) -> str:
        """`original`, `instrumented` (as we wrote it), `edited` (ours and changed since), or `missing` (from disk)."""
        if not path.exists():
            return "missing"
        current = self.read(path)
        if entry is not None and sha256(current) == entry.sha256_after:
            return "instrumented"
        if entry is not None and entry.mode == "on_load":
            return "edited"
        return "edited" if self.language_of(file).is_instrumented(current) else "original"

    def read(self, path: Path) -> bytes:
        """The bytes of a file of bearable size: four times the bound of what is planned, since insertions make a file larger."""
        return read_bounded(path, MAX_FILE_BYTES * 4)
