"""The segment files of a store. The folder's listing is the truth: there is no list of segments elsewhere that could differ from it.

`seg00012.db` takes spans; when it is full it is written anew as `seg00012.sealed.db`, and removed. Where both exist the sealed one counts.
A damaged one is kept under its name with `.damaged` after it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ASIDE: Final = ".damaged"
_NAME: Final = re.compile(r"seg(\d{5,})(\.sealed)?\.db")
_ASIDE_NAME: Final = re.compile(_NAME.pattern + re.escape(ASIDE))


@dataclass(frozen=True, slots=True, order=True)
class SegmentFile:
    """One segment: its number and file."""

    number: int
    path: Path
    sealed: bool


def listed(folder: Path) -> list[SegmentFile]:
    """The segments, oldest first. Raises OSError where the folder cannot be read."""
    found: dict[int, SegmentFile] = {}
    for path in folder.iterdir():
        match = _NAME.fullmatch(path.name)
        if match is None:
            continue
        number, sealed = int(match[1]), match[2] is not None
        if sealed or number not in found:
            found[number] = SegmentFile(number, path, sealed)
    return [found[number] for number in sorted(found)]


def aside(folder: Path) -> list[Path]:
    """The damaged segments that were set aside."""
    return sorted(path for path in folder.iterdir() if _ASIDE_NAME.fullmatch(path.name))


def number_of(path: Path) -> int:
    """The number of a segment's file, set aside or not."""
    match = _NAME.match(path.name)
    return int(match[1]) if match else 0


def next_number(folder: Path) -> int:
    """A number that no segment had, not even one that was set aside."""
    return max(map(number_of, folder.iterdir()), default=0) + 1


def set_aside(one: SegmentFile) -> bool:
    """Rename a damaged segment, with what SQLite keeps beside it. On Windows one that a reader has open stays until the next time."""
    target = one.path.with_name(one.path.name + ASIDE)
    try:
        one.path.replace(target)
    except PermissionError:
        return False
    log = one.path.with_name(one.path.name + "-wal")
    if log.exists():
        log.replace(target.with_name(target.name + "-wal"))
    remove_beside(one.path)
    return True


def file_at(path: Path) -> tuple[int, int] | None:
    """Which file lies at a path now; None where none does. A file that is open keeps its numbers from others."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def live_path(folder: Path, number: int) -> Path:
    """The file of a segment that takes spans."""
    return folder / f"seg{number:05d}.db"


def sealed_path(folder: Path, number: int) -> Path:
    """The file of a sealed segment."""
    return folder / f"seg{number:05d}.sealed.db"


def remove(path: Path) -> None:
    """Delete a database with what SQLite keeps beside it. On Windows a file that a reader has open stays until the next time."""
    try:
        path.unlink(missing_ok=True)
    except PermissionError:
        return
    remove_beside(path)


def remove_beside(path: Path) -> None:
    """Delete what SQLite keeps beside a database that is closed, or gone."""
    for suffix in ("-wal", "-shm", "-journal"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def bytes_of(folder: Path) -> int:
    """Bytes on disk, everything included."""
    total = 0
    for path in folder.iterdir():
        try:
            total += path.stat().st_size
        except FileNotFoundError:  # a segment that was sealed or deleted meanwhile
            continue
    return total
