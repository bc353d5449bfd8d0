"""Byte-exact originals, and the notes of changes under way that make a kill at any moment harmless."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

from mcp_tracer.durable import TEMPORARY_SUFFIX, atomic_write, check_unchanged, fault, make_folder, replace_whole, stage, take_after
from mcp_tracer.model.errors import UserError
from mcp_tracer.workspace.manifest import Entry
from mcp_tracer.workspace.project import Project

SUFFIX = ".orig"
"""Ends the name of each backup: without it, test runners and bundlers would find the originals and run them."""


class Backups:
    """`backups/original/<path>.orig` and the note of what is under way, `backups/pending/changes.json`, of one project."""

    def __init__(self, project: Project) -> None:
        self._root = project.root
        self._originals = project.backups_dir
        self._pending = project.pending_dir
        self._note = project.pending_dir / "changes.json"

    def path(self, file: str) -> Path:
        """Where the original of `file` is kept."""
        return self._originals / f"{file}{SUFFIX}"

    def original(self, file: str) -> bytes | None:
        """The kept original, or None."""
        return _bytes_of(self.path(file))

    def keep(self, file: str, original: bytes) -> frozenset[Path]:
        """Write the original. Returns the folders to sync before it counts as durable; none where the same bytes are kept already."""
        if self.original(file) == original:
            return frozenset()
        place = self.path(file)
        self._prepare(place.parent)
        stage(place, original).commit()
        return _up_to(place.parent, self._originals)

    def move_back(self, file: str, path: Path, like: os.stat_result) -> None:
        """Make the kept original the file again, by a rename alone: a full disk does not hinder it. `like` is the stat of `path`.

        Raises UserError("changed") where `path` is no longer that file.
        """
        kept = self.path(file)
        try:
            take_after(kept, like)
            check_unchanged(path, like)
            kept.replace(path)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise fault(path, error) from error
            atomic_write(path, kept.read_bytes(), like=like)

    def drop(self, file: str) -> None:
        """Remove the original of one file. Unlike `discard` this may run while others are kept: their folders stay."""
        try:
            self.path(file).unlink(missing_ok=True)
        except OSError as error:
            raise fault(self.path(file), error) from error

    def discard(self, files: Iterable[str]) -> None:
        """Remove the originals of `files`, and folders that this leaves empty."""
        gone = list(files)
        for file in gone:
            self.drop(file)
        self.tidy(gone)

    def tidy(self, files: Iterable[str]) -> None:
        """Remove the folders in which the originals of `files` would be, as far as they are empty."""
        try:
            _prune({self.path(file).parent for file in files}, self._originals)
        except OSError as error:
            raise fault(self._originals, error) from error

    def files(self) -> list[str]:
        """Every file with an original, sorted."""
        kept = (path for path in _files_below(self._originals) if path.suffix == SUFFIX)
        return sorted(path.relative_to(self._originals).as_posix().removesuffix(SUFFIX) for path in kept)

    def sweep(self) -> int:
        """Remove half-written files and return how many there were. The caller holds the workspace lock, so no one is writing."""
        left = [path for top in (self._originals, self._pending) for path in _files_below(top) if path.suffix == TEMPORARY_SUFFIX]
        for path in left:
            path.unlink(missing_ok=True)
        return len(left)

    def begin(self, entries: Sequence[Entry] = ()) -> None:
        """Note that files are being changed, and what the manifest shall say of those that were. Durable where there are entries."""
        self._prepare(self._pending)
        body = json.dumps([entry.to_json() for entry in entries], ensure_ascii=False).encode("utf-8", "surrogateescape")
        if entries:
            atomic_write(self._note, body)
        else:
            replace_whole(self._note, body)

    def end(self) -> None:
        """The changes are complete, manifest included."""
        try:
            self._note.unlink(missing_ok=True)
        except OSError as error:
            raise fault(self._note, error) from error

    def is_pending(self) -> bool:
        """Whether changes were begun and not ended."""
        return self._note.exists()

    def pending(self) -> list[Entry]:
        """What the manifest shall say of files whose change was under way. Recovery also finds out without it, but knows less then."""
        try:
            rows = cast("list[Any]", json.loads(self._note.read_bytes().decode("utf-8", "surrogateescape")))
            return [Entry.from_json(row) for row in rows]
        except (FileNotFoundError, ValueError, TypeError):
            # Notes are written atomically, so this one was damaged from outside; recovery then judges by files and backups alone.
            return []
        except OSError as error:
            raise fault(self._note, error) from error

    def _prepare(self, folder: Path) -> None:
        """Make a folder; refuse where a link on the way leads out of the project."""
        if not folder.resolve().is_relative_to(self._root):
            raise UserError(f"{folder} leads out of {self._root} through a link: replace the link by a folder.", "outside")
        make_folder(folder)


def _bytes_of(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None
    except OSError as error:
        raise fault(path, error) from error


def _files_below(top: Path) -> Iterator[Path]:
    return (path for path in top.rglob("*") if path.is_file())


@lru_cache(4096)
def _up_to(folder: Path, top: Path) -> frozenset[Path]:
    """`folder` and those above it, up to `top`."""
    return frozenset(parent for parent in (folder, *folder.parents) if parent.is_relative_to(top))


def _prune(folders: set[Path], top: Path) -> None:
    """Remove those of `folders`, and of the folders above them up to `top`, that are empty."""
    above = {parent for folder in folders for parent in _up_to(folder, top) if parent != top}
    for folder in sorted(above, key=lambda folder: -len(folder.parts)):
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
