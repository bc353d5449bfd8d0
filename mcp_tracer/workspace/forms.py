"""Instrumented texts for on_load mode, found by what they were made from: loader hooks take them in the place of the files.

`load/forms.cjs` of the JavaScript runtime computes the same places.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from mcp_tracer.durable import make_folder, replace_whole, stage
from mcp_tracer.workspace.manifest import Entry
from mcp_tracer.workspace.project import Project

FORMAT = "1"
KEPT_DAYS = 14


class Forms:
    """`cache/forms/` of one project. Losing it costs a renewal and nothing else."""

    def __init__(self, project: Project) -> None:
        self._folder = project.cache_dir / "forms"

    def place(self, file: str, sha256: str, level: int, functions: Mapping[str, int]) -> Path:
        """Where the text of a file with this original lies, instrumented at `level` with `functions` at their own levels."""
        own = [f"{name}={functions[name]}" for name in sorted(functions, key=lambda name: name.encode("utf-8", "surrogateescape"))]
        parts = (FORMAT, file, sha256, " ".join([str(level), *own]))
        key = hashlib.sha256("\0".join(parts).encode("utf-8", "surrogateescape")).hexdigest()
        return self._folder / key[:2] / key[2:]

    def of(self, entry: Entry) -> Path:
        """Where the text of an entry of the manifest lies."""
        return self.place(entry.file, entry.sha256_before, entry.level, entry.functions)

    def keep(self, entry: Entry, text: bytes) -> Path:
        """Lay the text down, durable but for its folder, which is returned."""
        place = self.of(entry)
        make_folder(place.parent)
        stage(place, text).commit()
        return place.parent

    def lay(self, place: Path, text: bytes) -> None:
        """Lay down what `run` can make again: whole, not durable. An empty text says that there is nothing to trace."""
        make_folder(place.parent)
        replace_whole(place, text)

    def list_level(self, level: int, files: Sequence[str]) -> None:
        """Say which files a program that is run at `level` traces."""
        make_folder(self._folder)
        replace_whole(self._folder / f"level-{level}.json", json.dumps(list(files), ensure_ascii=False).encode("utf-8", "surrogateescape"))

    def sweep(self, keep: Collection[Path]) -> None:
        """Let go of old texts that are not among `keep`: what they were made from has changed, or nobody asks for that level."""
        limit = time.time() - KEPT_DAYS * 86_400
        for path in self._folder.glob("??/*"):
            with suppress(FileNotFoundError):  # another run sweeps, too
                if path not in keep and path.stat().st_mtime < limit:
                    path.unlink()

    def discard(self, entry: Entry) -> None:
        """Let go of an entry's text."""
        self.of(entry).unlink(missing_ok=True)
