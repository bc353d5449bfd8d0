"""Byte-exact originals, and the notes of changes under way that make a kill at any moment harmless."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from mcp_tracer.durable import TEMPORARY_SUFFIX, atomic_write, fault, make_folder, replace_whole, sync_folder
from mcp_tracer.model.errors import UserError
from mcp_tracer.workspace.manifest import Entry
from mcp_tracer.workspace.project import Project

SUFFIX = ".orig"
"""Ends the name of each backup: without it, test runners and bundlers would find the originals and run them."""


@dataclass(frozen=True, slots=True)
class Pending:
    """A change that was begun: `apply` towards `entry`, or `restore` of what `entry` says."""

    action: str
    entry: Entry


class Backups:
    """`backups/original/<path>.orig` and `backups/pending/<path>.json` of one project."""

    def __init__(self, project: Project) -> None:
        self._root = project.root
        self._originals = project.backups_dir
        self._pending = project.pending_dir

    def path(self, file: str) -> Path:
        """Where the original of `file` is kept."""
        return self._originals / f"{file}{SUFFIX}"

    def original(self, file: str) -> bytes | None:
        """The kept original, or None."""
        return _bytes_of(self.path(file))

    def keep(self, file: str, original: bytes) -> None:
        """Write the original durably. The same bytes are not written twice."""
        if self.original(file) != original:
            self._prepare(self.path(file).parent)
            atomic_write(self.path(file), original)

    def discard(self, file: str) -> None:
        """Remove the original of `file`, and folders that this leaves empty."""
        _remove(self.path(file), self._originals)

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

    def begin(self, action: str, entry: Entry) -> None:
        """Note that `apply` or `restore` of a file starts. It survives a kill; after a power cut, file and backup alone must do."""
        place = self._note(entry.file)
        self._prepare(place.parent)
        body = json.dumps({"action": action, "entry": entry.to_json()}, ensure_ascii=False)
        replace_whole(place, body.encode("utf-8", "surrogateescape"))

    def end(self, file: str) -> None:
        """The change is complete, manifest included."""
        _remove(self._note(file), self._pending, durably=False)

    def pending(self) -> Iterator[tuple[str, Pending | None]]:
        """Changes that were begun and not ended, by file; None for a note that cannot be read."""
        for place in sorted(_files_below(self._pending)):
            if place.suffix == ".json":
                yield place.relative_to(self._pending).as_posix().removesuffix(".json"), _read_note(place)

    def _prepare(self, folder: Path) -> None:
        """Make a folder; refuse where a link on the way leads out of the project."""
        if not folder.resolve().is_relative_to(self._root):
            raise UserError(f"{folder} leads out of {self._root} through a link: replace the link by a folder.", "outside")
        make_folder(folder)

    def _note(self, file: str) -> Path:
        return self._pending / f"{file}.json"


def _read_note(place: Path) -> Pending | None:
    try:
        body = cast("dict[str, Any]", json.loads(place.read_bytes().decode("utf-8", "surrogateescape")))
        return Pending(str(body["action"]), Entry.from_json(body["entry"]))
    except (ValueError, KeyError, TypeError):
        # Notes are written atomically, so this one was damaged from outside; recovery then judges by the file and the backup alone.
        return None


def _bytes_of(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None
    except OSError as error:
        raise fault(path, error) from error


def _files_below(top: Path) -> Iterator[Path]:
    return (path for path in top.rglob("*") if path.is_file())


def _remove(path: Path, top: Path, *, durably: bool = True) -> None:
    """Remove, and the parents below `top` that are empty now."""
    try:
        path.unlink(missing_ok=True)
        folder = path.parent
        while folder != top and folder.is_relative_to(top) and folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
            folder = folder.parent
        if durably and folder.is_dir():
            sync_folder(folder)
    except OSError as error:
        raise fault(path, error) from error
