"""After a kill: bring files, backups and manifest back together. A file is never changed here, only what we say of it."""

from __future__ import annotations

import time
from collections import defaultdict
from datetime import datetime, timezone

from mcp_tracer.durable import TEMPORARY_SUFFIX
from mcp_tracer.model.errors import TracerError
from mcp_tracer.model.plan import sha256
from mcp_tracer.workspace.backups import Backups
from mcp_tracer.workspace.manifest import Entry, Manifest
from mcp_tracer.workspace.originals import Originals

_ABANDONED_S = 3600
_TOLD_BY_NAME = 20


class Recovery:
    """One pass over what a killed process may have left. The caller holds the workspace lock."""

    def __init__(self, manifest: Manifest, backups: Backups, originals: Originals) -> None:
        self._project = originals.project
        self._manifest = manifest
        self._backups = backups
        self._originals = originals
        self._put: dict[str, Entry] = {}
        self._remove: set[str] = set()
        self._discard: set[str] = set()
        self._said: dict[str, list[str]] = defaultdict(list)

    def run(self) -> list[str]:
        """Finish or forget every change that was under way; then judge backups and entries that have no partner."""
        said = self._sweep_temporary_files()
        known = self._manifest.entries()
        for entry in self._backups.pending():
            self._settle(entry, known.get(entry.file))
        for file in self._backups.files():
            if file not in known and file not in self._put:
                self._settle_orphan(file)
        for file, entry in known.items():
            if file not in self._put:
                self._settle_entry(file, entry)
        self._manifest.change(self._put.values(), self._remove)
        self._backups.discard(self._discard)
        self._backups.end()
        return said + self._sentences()

    def _sentences(self) -> list[str]:
        """One a file, or one for all where they are many."""
        said: list[str] = []
        for what, files in self._said.items():
            some = files if len(files) <= _TOLD_BY_NAME else [f"{len(files)} files ({files[0]} … {files[-1]})"]
            said += [f"{file}: {what}" for file in some]
        return said

    def _entry_of(self, file: str, current: bytes) -> Entry:
        """An entry made from the file itself: level and functions are not known any more (0: none, empty), the originals are."""
        language = self._originals.language_or_none(file)
        original = language.strip(current) if language else current
        at = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
        name = language.name if language else ""
        return Entry(file, name, "in_place", "header", 0, 0, sha256(original), sha256(current), at, "recovery")

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

    def _settle(self, entry: Entry, known: Entry | None) -> None:
        """A change that was under way: did it come to pass?"""
        current = self._current(entry.file)
        if current is None or entry == known:
            return
        if sha256(current) == entry.sha256_after or (known is None and self._is_ours(entry.file, current)):
            self._put[entry.file] = entry
            self._said["instrumentation had been written; entered in the manifest"].append(entry.file)

    def _settle_orphan(self, file: str) -> None:
        """A backup that no entry speaks of."""
        current = self._current(file)
        kept = self._project.relative(self._backups.path(file))
        if current is None:
            self._said[f"is gone; its original is kept in {kept}"].append(file)
        elif self._is_ours(file, current):
            self._put[file] = self._entry_of(file, current)
            self._said["is instrumented and was not in the manifest; entered"].append(file)
        elif current == self._backups.original(file):
            self._discard.add(file)
            self._said["is the original; its backup was removed"].append(file)
        else:
            self._said[f"differs from its original in {kept} and holds no instrumentation; both are left as they are"].append(file)

    def _settle_entry(self, file: str, entry: Entry) -> None:
        """An entry whose file lost our insertions: by a restoration that was cut short, or by other hands (a checkout, an editor)."""
        current = self._current(file)
        if entry.mode != "in_place" or current is None or self._originals.language_or_none(file) is None or self._is_ours(file, current):
            return
        self._remove.add(file)
        self._discard.add(file)
        self._said["holds no instrumentation any more; taken from the manifest"].append(file)

    def _current(self, file: str) -> bytes | None:
        """The file's bytes; None where it is gone or cannot be handled any more (then nothing is concluded about it)."""
        try:
            return self._originals.read(self._project.resolve(file))
        except TracerError:
            return None

    def _is_ours(self, file: str, current: bytes) -> bool:
        language = self._originals.language_or_none(file)
        return language is not None and language.is_instrumented(current)
