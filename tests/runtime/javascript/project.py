"""A small user project on disk: programs, the runtime as `init` lays it down, settings, and Node to run them."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from mcp_tracer.languages.javascript import javascript, typescript
from mcp_tracer.model.level import Level
from mcp_tracer.model.plan import InstrumentRequest
from tests.runtime.javascript.spool import Spool, read

REPOSITORY = Path(__file__).parents[3]
PROGRAMS = REPOSITORY / "tests" / "programs" / "javascript"
NODE_FOLDER = REPOSITORY / "tests" / "node"
NODE_MODULES = NODE_FOLDER / "node_modules"
_SOURCE_SUFFIXES = (*javascript().suffixes, *typescript().suffixes)
ENVIRONMENT = {key: value for key, value in os.environ.items() if not key.startswith(("MCP_TRACER", "TRACEPARENT", "NODE_"))}


@dataclass
class Project:
    """A project root; `run` gives what the program wrote, `spools` what the tracer wrote."""

    root: Path

    def __post_init__(self) -> None:
        home = self.root / ".ai-agents" / "logging"
        (home / "config").mkdir(parents=True)
        shutil.copytree(REPOSITORY / "mcp_tracer" / "runtime" / "javascript", home / "runtime" / "javascript")
        shutil.copy(REPOSITORY / "mcp_tracer" / "runtime" / "redaction.json", home / "runtime" / "redaction.json")

    @property
    def home(self) -> Path:
        """`.ai-agents/logging`."""
        return self.root / ".ai-agents" / "logging"

    def settings(self, *lines: str) -> None:
        """Write `.env.tracing`."""
        (self.home / "config" / ".env.tracing").write_text("\n".join(lines) + "\n")

    def overrides(self, text: str) -> None:
        """Write `overrides.json`."""
        (self.home / "config" / "overrides.json").write_text(text)

    def add(self, case: str) -> None:
        """Copy a program of tests/programs/javascript."""
        shutil.copytree(PROGRAMS / case, self.root, dirs_exist_ok=True)

    def write(self, name: str, text: str) -> None:
        """Write a source file."""
        (self.root / name).write_text(text)

    def instrument(self, level: int = 2, *names: str) -> None:
        """Instrument the named source files in place, all of them where none is named."""
        files = [self.root / name for name in names] or [path for path in self.root.iterdir() if path.suffix in _SOURCE_SUFFIXES]
        for path in files:
            language = typescript() if path.suffix in typescript().suffixes else javascript()
            source = path.read_bytes()
            path.write_bytes(language.plan(source, InstrumentRequest(path.name, Level(level))).apply(source))

    def run(self, *words: str, node: str = "node", environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """Run Node in the project's root; at most 60 s."""
        environ = {**ENVIRONMENT, **(environment or {})}
        return subprocess.run([node, *words], cwd=self.root, env=environ, capture_output=True, text=True, timeout=60, check=False)

    def trace(self, text: str, level: int = 2, name: str = "main.cjs", *, node: str = "node") -> Spool:
        """Write, instrument and run one program that must succeed; return the one spool that it wrote."""
        self.write(name, text)
        self.instrument(level, name)
        done = self.run(name, node=node)
        assert done.returncode == 0, done.stderr
        (spool,) = self.spools()
        return spool

    def spools(self) -> list[Spool]:
        """The spool files, read, in order of their processes' start."""
        files = sorted((self.home / "spool").glob("*.spool"))
        return sorted((read(path) for path in files), key=lambda spool: int(spool.header["origin_wall_ns"]))
