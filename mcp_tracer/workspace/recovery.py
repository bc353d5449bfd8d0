"""After a kill: bring files, backups and manifest back together. A file is never changed here, only what we say of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timezone

from mcp_tracer.durable import TEMPORARY_SUFFIX
from mcp_tracer.languages.port import Language
from mcp_tracer.model.errors import TracerError
from mcp_tracer.model.plan import sha256
from mcp_tracer.workspace.backups import Backups, Pending
from mcp_tracer.workspace.discovery import MAX_FILE_BYTES
from mcp_tracer.workspace.files import read_bounded
from mcp_tracer.workspace.manifest import Entry, Manifest
from mcp_tracer.workspace.project import Project

_ABANDONED_S = 3600


class Recovery:
    """One pass over what a killed process may have left. The caller holds the workspace lock."""

    def __init__(
        self, project: Project, manifest: Manifest, backups: Backups, language_of: Callable[[str], Language | None], by: str = "recovery"
    ) -> None:
        self._project = project
        self._manifest = manifest
        self._backups = backups
        self._language_of = language_of
        self._by = by

    def run(self) -> list[str]:
        """Finish or forget every change that was under way; then judge backups and entries that have no partner."""
        said = self._sweep_temporary_files()
        for file, note in list(self._backups.pending()):
            said += self._settle(file, note)
            self._backups.end(file)
        known = self._manifest.entries()
        for file in self._backups.files():
            if file not in known:
                said += self._settle_orphan(file)
        for file, entry in known.items():
            said += self._settle_entry(file, entry)
        return said

    def entry_of(self, file: str, current: bytes, by: str) -> Entry:
        """An entry made from the file itself: level and functions are not known any more (0: none, empty), the originals are."""
        language = self._language_of(file)
        original = language.strip(current) if language else current
        at = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
        name = language.name if language else ""
        return Entry(file, name, "in_place", "header", 0, 0, sha256(original), sha256(current), at, by)

    def _sweep_temporary_files(self) -> list[str]:
        folder = self._project.temporary_dir
        left = [path for path in folder.iterdir() if path.name.endswith(TEMPORARY_SUFFIX)] if folder.is_dir() else []
        # Others write these two without the workspace lock: only what no living write can still need goes.
        for shared in (self._project.home, self._project.config_dir):
            old = time.time() - _ABANDONED_S
            left += [path for path in shared.glob(f".*{TEMPORARY_SUFFIX}") if path.stat().st_mtime < old]
        for path in left:
            path.unlink(missing_ok=True)
        count = len(left) + self._backups.sweep()
        return [f"removed {count} half-written temporary files"] if count else []

    def _settle(self, file: str, note: Pending | None) -> list[str]:
        current = self._current(file)
        if note is None or current is None:
            return []
        known = self._manifest.get(file)
        if note.action == "apply" and self._is_ours(file, current) and (known is None or known.sha256_after != sha256(current)):
            self._manifest.put(note.entry)
            return [f"{file}: instrumentation had been written; entered in the manifest"]
        if note.action == "restore" and not self._is_ours(file, current):
            self._manifest.remove(file)
            self._backups.discard(file)
            return [f"{file}: had been restored; taken from the manifest"]
        return []

    def _settle_orphan(self, file: str) -> list[str]:
        """A backup that no entry speaks of."""
        current = self._current(file)
        kept = self._project.relative(self._backups.path(file))
        if current is None:
            return [f"{file}: is gone; its original is kept in {kept}"]
        if self._is_ours(file, current):
            self._manifest.put(self.entry_of(file, current, self._by))
            return [f"{file}: is instrumented and was not in the manifest; entered"]
        if current == self._backups.original(file):
            self._backups.discard(file)
            return [f"{file}: is the original; its backup was removed"]
        return [f"{file}: differs from its original in {kept} and holds no instrumentation; both are left as they are"]

    def _settle_entry(self, file: str, entry: Entry) -> list[str]:
        """An entry whose file lost our insertions by other hands (a checkout, an editor's undo)."""
        current = self._current(file)
        if entry.mode != "in_place" or current is None or self._language_of(file) is None or self._is_ours(file, current):
            return []
        self._manifest.remove(file)
        self._backups.discard(file)
        return [f"{file}: holds no instrumentation any more; taken from the manifest"]

    def _current(self, file: str) -> bytes | None:
        """The file's bytes; None where it is gone or cannot be handled any more (then nothing is concluded about it)."""
        try:
            return read_bounded(self._project.resolve(file), MAX_FILE_BYTES * 4)
        except TracerError:
            return None

    def _is_ours(self, file: str, current: bytes) -> bool:
        language = self._language_of(file)
        return language is not None and language.is_instrumented(current)
