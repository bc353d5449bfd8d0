"""What was read before: by inode, size and times, so that thousands of files need no second reading while nobody writes to them."""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress
from typing import Any, cast

from mcp_tracer import __version__
from mcp_tracer.durable import make_folder, replace_whole
from mcp_tracer.model.errors import TracerError
from mcp_tracer.workspace.project import Project

SETTLED_NS = 2_000_000_000
"""A file that was written to later than this before it was read could be written to again within the same tick of its clock."""

Stamp = tuple[int, int, int, int]


def stamp_of(status: os.stat_result) -> Stamp:
    """Changes whenever the file does: the system's own time of change cannot be set back."""
    return status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino


class Seen:
    """A finding a file, kept in `cache/seen.json`. Losing it costs time and nothing else."""

    def __init__(self, project: Project) -> None:
        self._file = project.cache_dir / "seen.json"
        self._found: dict[str, tuple[Stamp, str]] | None = None
        self._is_changed = False

    def recall(self, file: str, stamp: Stamp) -> str | None:
        """What was found in the file, if it is still the one that was looked at."""
        known = self._all().get(file)
        return known[1] if known is not None and known[0] == stamp else None

    def remember(self, file: str, stamp: Stamp, finding: str) -> None:
        """`stamp` was taken before the file was read. What is too fresh to be sure of is not kept."""
        if time.time_ns() - max(stamp[:2]) > SETTLED_NS:
            self._all()[file] = (stamp, finding)
            self._is_changed = True

    def keep(self) -> None:
        """Write what was remembered, for the next process."""
        if self._is_changed:
            rows = {file: [*stamp, finding] for file, (stamp, finding) in self._all().items()}
            body = json.dumps({"version": __version__, "files": rows}, ensure_ascii=False, separators=(",", ":"))
            with suppress(TracerError):  # A folder that cannot be written to makes the next call slower.
                make_folder(self._file.parent)
                replace_whole(self._file, body.encode("utf-8", "surrogateescape"))
                self._is_changed = False

    def _all(self) -> dict[str, tuple[Stamp, str]]:
        if self._found is None:
            self._found = self._read()
        return self._found

    def _read(self) -> dict[str, tuple[Stamp, str]]:
        """Nothing, where there is none, it is damaged, or another version looked (which knew other marks)."""
        try:
            body = cast("dict[str, Any]", json.loads(self._file.read_bytes().decode("utf-8", "surrogateescape")))
            if body["version"] != __version__:
                return {}
            rows = cast("dict[str, list[Any]]", body["files"])
            return {file: ((row[0], row[1], row[2], row[3]), str(row[4])) for file, row in rows.items()}
        except (OSError, ValueError, TypeError, KeyError, IndexError, AttributeError):
            return {}
