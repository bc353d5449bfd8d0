"""A plan: the insertions that instrument one file. Planning reads; applying writes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from mcp_tracer.model.errors import UserError
from mcp_tracer.model.level import Level


@dataclass(frozen=True, slots=True, order=True)
class Insertion:
    """`text` goes in front of the byte at `at` (0 … len(source)) of the original."""

    at: int
    text: bytes


@dataclass(frozen=True, slots=True)
class FunctionInfo:
    """A function as it stands in a file. `name` is qualified with dots: `Class.method`, `outer.inner`."""

    name: str
    line: int
    end_line: int
    kind: str
    params: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Skipped:
    """A function (or, with name '', a whole file) that is left alone, and why."""

    name: str
    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class InstrumentRequest:
    """What to instrument in one file.

    `level` holds for every function that `functions` does not name; Level.OFF there means "only the named ones". `functions` maps a
    name to its own level; Level.OFF leaves that one out. So a file can hold functions of different levels.
    """

    path: str
    level: Level = Level.STANDARD
    functions: Mapping[str, Level] = field(default_factory=dict[str, Level])
    exclude_functions: tuple[str, ...] = ()
    style: str = "header"
    mode: str = "in_place"


@dataclass(frozen=True, slots=True)
class Plan:
    """The insertions for one file, tied to the bytes that they were made for.

    `path` is relative to the project root, with `/`. `functions` are those that will be traced, each with its level in `levels`.
    """

    path: str
    language: str
    level: Level
    source_sha256: str
    insertions: tuple[Insertion, ...]
    functions: tuple[FunctionInfo, ...]
    levels: Mapping[str, Level]
    skipped: tuple[Skipped, ...] = ()
    mode: str = "in_place"
    style: str = "header"

    @property
    def digest(self) -> str:
        """sha256 over everything that will be written: what a human approves."""
        digest = hashlib.sha256(f"{self.path}\0{self.source_sha256}\0{self.mode}\0".encode())
        for insertion in self.insertions:
            digest.update(f"{insertion.at}:{len(insertion.text)}:".encode())
            digest.update(insertion.text)
        return digest.hexdigest()

    def apply(self, source: bytes) -> bytes:
        """Return `source` with the insertions in it; raises UserError if the source is not the one that was planned for."""
        if sha256(source) != self.source_sha256:
            raise UserError(f"{self.path} changed since it was planned: call instrument again.", code="changed")
        parts: list[bytes] = []
        done = 0
        for insertion in self.insertions:
            parts += (source[done : insertion.at], insertion.text)
            done = insertion.at
        parts.append(source[done:])
        return b"".join(parts)


def sha256(data: bytes) -> str:
    """Hexadecimal SHA-256 of `data`."""
    return hashlib.sha256(data).hexdigest()
