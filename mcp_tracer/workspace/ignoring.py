"""What git ignores: `.gitignore` of every folder on the way down, the nearest one deciding, and `.git/info/exclude`."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from pathspec import GitIgnoreSpec


@dataclass(frozen=True, slots=True)
class Ignoring:
    """The rules that hold in one folder, outermost first."""

    rules: tuple[tuple[Path, GitIgnoreSpec], ...]

    @classmethod
    def at(cls, root: Path, folder: Path) -> Ignoring:
        """The rules in `folder`: those of the repository around `root` (which may start above it) and of all folders between."""
        top = next((parent for parent in (root, *root.parents) if (parent / ".git").exists()), root)
        ignoring = cls(_read(top, top / ".git" / "info" / "exclude")).below(top)
        for parent in reversed([folder, *folder.parents]):
            if parent != top and parent.is_relative_to(top):
                ignoring = ignoring.below(parent)
        return ignoring

    def below(self, folder: Path) -> Ignoring:
        """The rules in `folder`, which lies in the folder that these hold in."""
        return Ignoring((*self.rules, *_read(folder, folder / ".gitignore")))

    def ignores(self, path: Path, *, is_folder: bool) -> bool:
        """Whether git would pass `path` over, its parents not being ignored."""
        for folder, spec in reversed(self.rules):
            relative = str(path)[len(str(folder)) :].replace(os.sep, "/").lstrip("/")
            verdict = spec.check_file(relative + ("/" if is_folder else "")).include
            if verdict is not None:
                return verdict
        return False


def _read(folder: Path, file: Path) -> tuple[tuple[Path, GitIgnoreSpec], ...]:
    try:
        lines = file.read_bytes().decode("utf-8", "replace").splitlines()
    except OSError:
        # Not there, or not readable: git goes without it too.
        return ()
    return ((folder, GitIgnoreSpec.from_lines(line for line in lines if _is_pattern(line))),)


def _is_pattern(line: str) -> bool:
    """Git passes over a line that is no pattern, such as a lone `!`."""
    try:
        GitIgnoreSpec.from_lines([line])
    except ValueError:
        return False
    return True
