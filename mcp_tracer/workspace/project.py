"""A project: its root, the places below `.ai-agents/logging/`, and paths that may not leave the root."""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mcp_tracer.model.errors import NotFound, UserError

HOME = Path(".ai-agents") / "logging"


@dataclass(frozen=True)
class Project:
    """`root` is absolute and free of symlinks. Nothing is created by asking for a place."""

    root: Path

    @classmethod
    def find(cls, start: Path | None = None, environ: Mapping[str, str] | None = None) -> Project:
        """The nearest parent of `start` (default: the current folder) that holds `.ai-agents/`, else CLAUDE_PROJECT_DIR, else `start`."""
        here = (start or Path.cwd()).resolve()
        for folder in (here, *here.parents):
            if (folder / ".ai-agents").is_dir():
                return cls(folder)
        named = (os.environ if environ is None else environ).get("CLAUDE_PROJECT_DIR")
        if named and Path(named).is_dir():
            return cls(Path(named).resolve())
        return cls(here)

    @property
    def name(self) -> str:
        """The root folder's name: OpenMemory's `project_name`."""
        return self.root.name or "root"

    @property
    def home(self) -> Path:
        """`.ai-agents/logging`: everything of ours in the project lies below."""
        return self.root / HOME

    @property
    def config_dir(self) -> Path:
        """What humans write, and overrides."""
        return self.home / "config"

    @property
    def env_file(self) -> Path:
        """The humans' settings."""
        return self.config_dir / ".env.tracing"

    @property
    def overrides_file(self) -> Path:
        """What `configure` set."""
        return self.config_dir / "overrides.json"

    @property
    def runtime_dir(self) -> Path:
        """The tracer that runs inside traced programs, a folder a language."""
        return self.home / "runtime"

    @property
    def backups_dir(self) -> Path:
        """Byte-exact originals by relative path."""
        return self.home / "backups" / "original"

    @property
    def pending_dir(self) -> Path:
        """Changes that were begun and not yet entered in the manifest, by relative path: what recovery reads after a kill."""
        return self.home / "backups" / "pending"

    @property
    def manifest_file(self) -> Path:
        """What is instrumented."""
        return self.home / "instrumented.json"

    @property
    def cache_dir(self) -> Path:
        """Instrumented text for on_load mode."""
        return self.home / "cache"

    @property
    def temporary_dir(self) -> Path:
        """Half-written files on their way to source folders."""
        return self.home / "cache" / "tmp"

    @property
    def spool_dir(self) -> Path:
        """What traced processes are writing."""
        return self.home / "spool"

    @property
    def traces_dir(self) -> Path:
        """The store."""
        return self.home / "traces"

    @property
    def exports_dir(self) -> Path:
        """Traces as files for other tools."""
        return self.home / "exports"

    @property
    def sources_dir(self) -> Path:
        """Source files as they were when they ran."""
        return self.traces_dir / "sources"

    @property
    def state_file(self) -> Path:
        """SQLite: approvals, audit, OpenMemory outbox."""
        return self.home / "state.db"

    @property
    def token_file(self) -> Path:
        """The bearer token of `serve --http`."""
        return self.home / "token"

    @property
    def workspace_lock(self) -> Path:
        """Held while source files are changed."""
        return self.home / "workspace.lock"

    @property
    def manifest_lock(self) -> Path:
        """Held while the manifest is read, changed and written."""
        return self.home / "manifest.lock"

    @property
    def overrides_lock(self) -> Path:
        """For those who read, change and write the overrides."""
        return self.home / "overrides.lock"

    @property
    def is_initialised(self) -> bool:
        """Whether `mcp-tracer init` has laid the settings file."""
        return self.env_file.is_file()

    def check_home(self) -> None:
        """Raise UserError if `.ai-agents/logging` leads out of the project: what we write must stay inside."""
        for place in (self.home, self.config_dir, self.runtime_dir, self.backups_dir, self.pending_dir, self.cache_dir):
            if not place.resolve().is_relative_to(self.root):
                raise UserError(f"{place} is a link that leads out of {self.root}: replace it by a folder.", "outside")

    def resolve(self, path: str) -> Path:
        """The existing file that `path` (relative to the root, or absolute) names, symlinks resolved.

        Raises UserError when it lies outside the root, is a folder or one of our own files, NotFound with close names when missing.
        """
        found = self.locate(path)
        if not found.exists():
            raise NotFound(f"{path} does not exist in {self.root}{self._close(path)}.")
        if not found.is_file():
            raise UserError(f"{path} is not a file: name a file in it, or instrument the folder.", "not_a_file")
        return found

    def locate(self, path: str) -> Path:
        """Where `path` leads, symlinks resolved; nothing need be there. Raises UserError outside the root or below `.ai-agents`."""
        if not path or "\0" in path:
            raise UserError("the path is empty or holds a NUL character: name a file relative to the project root.")
        try:
            found = (self.root / path).resolve()
        except (OSError, RuntimeError) as error:
            raise UserError(f"{path} cannot be resolved ({error}): check for circular links.") from error
        if not found.is_relative_to(self.root):
            raise UserError(f"{path} lies outside {self.root}: name a file inside the project.", "outside")
        if found.is_relative_to(self.root / ".ai-agents"):
            raise UserError(f"{path} lies in .ai-agents, which is the tracer's own: name a source file.", "outside")
        return found

    def relative(self, path: Path) -> str:
        """The path from the root, with `/`. Raises UserError outside the root."""
        try:
            return path.relative_to(self.root).as_posix()
        except ValueError:
            raise UserError(f"{path} lies outside {self.root}: name a file inside the project.", "outside") from None

    def _close(self, path: str) -> str:
        wanted = Path(path)
        folder = (self.root / path).parent
        names = [entry.name for entry in folder.iterdir()] if folder.is_dir() and folder.resolve().is_relative_to(self.root) else []
        close = difflib.get_close_matches(wanted.name, names, n=3)
        return ": did you mean " + ", ".join((wanted.parent / name).as_posix() for name in close) + "?" if close else ": check the path"
