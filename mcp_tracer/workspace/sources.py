"""Source files as they were when they ran: one compressed copy of each version, under the sha256 that the traced program named."""

from __future__ import annotations

import os
import time
import zlib
from collections.abc import Iterator, Set
from pathlib import Path
from typing import Final

from mcp_tracer.model.errors import UserError
from mcp_tracer.model.plan import sha256
from mcp_tracer.workspace.backups import Backups
from mcp_tracer.workspace.discovery import MAX_FILE_BYTES
from mcp_tracer.workspace.files import fault, make_folder, read_bounded, replace_whole
from mcp_tracer.workspace.manifest import Manifest
from mcp_tracer.workspace.originals import Originals
from mcp_tracer.workspace.project import Project

_SUFFIX: Final = ".z"
_SETTLED_S: Final = 3600.0
"""Copies younger than this stay: what names them may not be in the store yet."""


class Sources:
    """`traces/sources/<first two digits>/<sha256>.z` of one project."""

    def __init__(self, project: Project, originals: Originals) -> None:
        self._project, self._originals = project, originals
        self._folder = project.sources_dir
        self._backups = Backups(project)
        self._manifest = Manifest(project)
        self._kept: set[str] = set()

    def get(self, digest: str) -> bytes | None:
        """The source with this sha256; None where no copy was kept, or it is damaged."""
        try:
            found = zlib.decompress(self._place(digest).read_bytes())
        except (OSError, zlib.error):
            return None
        return found if sha256(found) == digest else None

    def keep(self, file: str, digest: str) -> bool:
        """Keep a copy of the version of `file` (as definitions name it) with this sha256. False where that version is gone already."""
        if digest in self._kept or self._place(digest).exists():
            self._kept.add(digest)
            return True
        found = next((data for data in self._versions(file, digest) if sha256(data) == digest), None)
        if found is None:
            return False
        self._write(self._place(digest), found, 6)
        self._kept.add(digest)
        return True

    def keep_text(self, digest: str, text: bytes) -> None:
        """Keep a copy of `text`, which has this sha256 and is about to run: a kept one counts as new again. Raises as `make_folder`."""
        place = self._place(digest)
        try:
            os.utime(place)
        except FileNotFoundError:
            self._write(place, text, 1)  # of what is instrumented most never runs
        except OSError as error:
            raise fault(place, error) from error

    def retain(self, known: Set[str]) -> int:
        """Delete the copies that nothing names any more, no recording (`known`) and no instrumented file; returns how many."""
        named = known | {entry.sha256_before for entry in self._manifest.entries().values()}
        gone = [path for path in self._copies() if path.stem not in named and time.time() - path.stat().st_mtime > _SETTLED_S]
        for path in gone:
            path.unlink(missing_ok=True)
            self._kept.discard(path.stem)
        return len(gone)

    def present(self, file: str) -> bytes | None:
        """The file as it is now, without our insertions; None where it cannot be read."""
        try:
            return self._originals.without_insertions(file, self._originals.read(self._project.resolve(file)), None)[0]
        except UserError:
            return None

    def _write(self, place: Path, text: bytes, effort: int) -> None:
        make_folder(place.parent)
        replace_whole(place, zlib.compress(text, effort))

    def _copies(self) -> Iterator[Path]:
        return self._folder.glob(f"*/*{_SUFFIX}") if self._folder.is_dir() else iter(())

    def _place(self, digest: str) -> Path:
        name = digest if len(digest) == 64 and set(digest) <= set("0123456789abcdef") else sha256(digest.encode())
        return self._folder / name[:2] / f"{name}{_SUFFIX}"

    def _versions(self, file: str, digest: str) -> Iterator[bytes]:
        """What the version may be: the file, its backup, the file or the cached text without insertions. The cheap ones come first."""
        path = self._inside(file)
        language = self._originals.language_or_none(file)
        if path is None or language is None:
            return
        current = _bytes_of(path)
        if current is not None:
            yield current
        backup = self._backups.original(self._project.relative(path))
        if backup is not None:
            yield backup
        cached = _bytes_of(self._project.cache_dir / language.name / digest)
        for text in (current, cached):
            if text is not None:
                yield language.strip(text)

    def _inside(self, file: str) -> Path | None:
        try:
            return self._project.locate(file)
        except UserError:
            return None


def _bytes_of(path: Path) -> bytes | None:
    try:
        return read_bounded(path, MAX_FILE_BYTES * 4)
    except UserError:
        return None
