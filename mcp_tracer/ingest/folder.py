"""The folder of spool files: what lies in it, and taking away what is done with."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

_ASIDE: Final = "damaged"


def spool_files(folder: Path) -> list[Path]:
    """The spool files, in the order of their making. Raises OSError where the folder cannot be listed."""
    if not folder.is_dir():
        return []
    found = [Path(entry.path) for entry in os.scandir(folder) if entry.name.endswith(".spool") and entry.is_file()]
    return sorted(found, key=_age)


def sizes(folder: Path) -> dict[str, int]:
    """The names of the spool files, each with how many bytes it has now."""
    found = {path.name: _size(path) for path in spool_files(folder)}
    return {name: size for name, size in found.items() if size is not None}


def delete(path: Path) -> None:
    """Remove a file of which everything was taken. Raises OSError where it cannot be."""
    path.unlink(missing_ok=True)


def set_aside(path: Path) -> None:
    """Move a file that is no recording into the folder for such. Raises OSError where it cannot be."""
    target = path.parent / _ASIDE / path.name
    target.parent.mkdir(exist_ok=True)
    path.replace(target)


def aside(folder: Path) -> list[Path]:
    """What was moved away; nothing where that cannot be told."""
    try:
        return sorted((folder / _ASIDE).iterdir())
    except OSError:
        return []


def _age(path: Path) -> tuple[float, str]:
    try:
        return path.stat().st_mtime, path.name
    except FileNotFoundError:
        return 0.0, path.name


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return None
