"""`instrumented.json`: which files hold our insertions, and what they were before and after."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from typing import Any, cast

from mcp_tracer.durable import Staged, stage, sync_folders
from mcp_tracer.model.errors import Unavailable
from mcp_tracer.workspace.files import locked, make_folder
from mcp_tracer.workspace.project import Project

VERSION = 1


@dataclass(frozen=True, slots=True)
class Entry:
    """One instrumented file. `functions` maps names to their levels; empty means the whole file at `level`.

    `sha256_before` is of the original, `sha256_after` of what was written (equal in on_load mode). `at` is ISO 8601, UTC.
    """

    file: str
    language: str
    mode: str
    style: str
    level: int
    functions_wrapped: int
    sha256_before: str
    sha256_after: str
    at: str
    by: str
    functions: dict[str, int] = field(default_factory=dict[str, int])

    def to_json(self) -> dict[str, Any]:
        """As it stands in the manifest."""
        return {name: getattr(self, name) for name in _NAMES}

    @classmethod
    def from_json(cls, row: object) -> Entry:
        """Raises ValueError where the row is none of ours."""
        if not isinstance(row, dict):
            raise ValueError("an entry is not an object")
        known = {name: value for name, value in cast("dict[str, Any]", row).items() if name in _NAMES}
        try:
            entry = cls(**known)
        except TypeError as error:
            raise ValueError(str(error)) from error
        wrong = [name for name in _NAMES if not isinstance(getattr(entry, name), _NAMES[name])]
        if wrong:
            raise ValueError(f"{entry.file}: {wrong[0]} has the wrong type")
        return entry


_TYPES = {"str": str, "int": int, "dict[str, int]": dict}
_NAMES: dict[str, type] = {item.name: _TYPES[str(item.type)] for item in fields(Entry)}


class Manifest:
    """The manifest of one project. Every change is read, made and written under a lock between processes, then durable."""

    def __init__(self, project: Project) -> None:
        self._file = project.manifest_file
        self._lock = project.manifest_lock
        self._read: tuple[tuple[int, int, int], Mapping[str, Entry]] | None = None

    def entries(self) -> dict[str, Entry]:
        """All entries by file. Raises Unavailable when the manifest is malformed; it is left as it is."""
        return dict(self._current())

    def get(self, file: str) -> Entry | None:
        """The entry of a file, or None."""
        return self._current().get(file)

    def _current(self) -> Mapping[str, Entry]:
        """What the file says now: read again only where it was written to."""
        try:
            seen = self._seen()
            if self._read is not None and self._read[0] == seen:
                return self._read[1]
            data = self._file.read_bytes()
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise Unavailable(f"{self._file} cannot be read ({error.strerror}): make it a readable file.") from error
        try:
            entries = _parsed(data)
        except ValueError as error:
            raise Unavailable(
                f"{self._file} is malformed ({error}): move it away; the next start rebuilds it from backups/ and the files themselves."
            ) from error
        self._read = (seen, entries)
        return entries

    def put(self, entry: Entry) -> None:
        """Add or replace one entry."""
        self.change(put=(entry,))

    def remove(self, file: str) -> None:
        """Take an entry out; nothing happens where there is none."""
        self.change(remove=(file,))

    def change(self, put: Iterable[Entry] = (), remove: Iterable[str] = ()) -> None:
        """Make several changes as one."""
        with self.changing(put, remove) as commit:
            commit()

    @contextmanager
    def changing(self, put: Iterable[Entry] = (), remove: Iterable[str] = ()) -> Generator[Callable[[], None]]:
        """Write the changes durably beside the manifest; the block makes them hold by calling what it is given, or forgets them.

        So a disk that has no room for the manifest says so before the files that it speaks of are changed.
        """
        make_folder(self._file.parent)
        with locked(self._lock):
            before, gone = self._current(), set(remove)
            after = {file: entry for file, entry in before.items() if file not in gone} | {entry.file: entry for entry in put}
            if after == before:
                yield lambda: None
                return
            staged = stage(self._file, _text(after))
            try:
                yield lambda: self._commit(staged, after)
            finally:
                staged.discard()

    def _commit(self, staged: Staged, entries: Mapping[str, Entry]) -> None:
        staged.commit()
        sync_folders([self._file.parent])
        self._read = (self._seen(), entries)

    def _seen(self) -> tuple[int, int, int]:
        """Every write makes a new file, so that the same inode, size and time mean the same content."""
        status = self._file.stat()
        return status.st_ino, status.st_size, status.st_mtime_ns


def _text(entries: Mapping[str, Entry]) -> bytes:
    """One line a file: quick to write, and differences read well."""
    rows = ",\n".join(f"  {_json(file)}: {_json(entries[file].to_json())}" for file in sorted(entries))
    return f'{{\n "version": {VERSION},\n "files": {{\n{rows}\n }}\n}}\n'.encode("utf-8", "surrogateescape")


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _parsed(data: bytes) -> dict[str, Entry]:
    body: object = json.loads(data.decode("utf-8", "surrogateescape"))
    if not isinstance(body, dict):
        raise ValueError("not an object")
    content = cast("dict[str, Any]", body)
    if content.get("version") != VERSION:
        raise ValueError(f"version {content.get('version')!r}, not {VERSION}")
    rows = content.get("files")
    if not isinstance(rows, dict):
        raise ValueError("`files` is missing")
    entries = {file: Entry.from_json(row) for file, row in cast("dict[str, Any]", rows).items()}
    misnamed = [file for file, entry in entries.items() if file != entry.file]
    if misnamed:
        raise ValueError(f"the entry of {misnamed[0]} names another file")
    return entries
