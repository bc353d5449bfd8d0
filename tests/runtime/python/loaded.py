"""Runs programs whose files are instrumented as they are loaded."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from typing import Any

BOOTSTRAP = ("runtime", "python", "mcp_tracer_runtime", "bootstrap")


class Loaded:
    """A project of which some files are in the manifest with mode on_load."""

    def __init__(self, project: Any) -> None:
        self.project, self.root, self.home = project, project.root, project.home
        self.rows: dict[str, Any] = {}

    def add(self, name: str, source: str | bytes, level: int = 2, functions: dict[str, int] | None = None, traced: bool = True) -> None:
        """Write a file as it is, and choose it unless `traced` is false."""
        path = self.project.write(name, source, 0)
        if traced:
            row = {"file": name, "language": "python", "mode": "on_load", "level": level, "functions": functions or {}}
            self.rows[name] = row | {"sha256_before": hashlib.sha256(path.read_bytes()).hexdigest()}
            (self.home / "instrumented.json").write_text(json.dumps({"version": 1, "files": self.rows}))

    def environment(self, **more: str) -> dict[str, str]:
        """What `mcp-tracer run` sets, on top of a tracer that tells its faults."""
        folder = str(self.home.joinpath(*BOOTSTRAP))
        path = os.pathsep.join([folder, *filter(None, [more.pop("PYTHONPATH", "")])])
        return {"MCP_TRACER_PROJECT": str(self.root), "PYTHONPATH": path, "MCP_TRACER_DEBUG": "1", **more}

    def run(self, *arguments: str, python: str = sys.executable, **more: str) -> subprocess.CompletedProcess[str]:
        return self.project.run(*arguments, python=python, **self.environment(**more))

    def plainly(self, *arguments: str, python: str = sys.executable, **more: str) -> subprocess.CompletedProcess[str]:
        """The same command without us."""
        return self.project.run(*arguments, python=python, **more)

    def start(self, *arguments: str, **more: str) -> subprocess.Popen[str]:
        return self.project.start(*arguments, **self.environment(**more))

    def names(self) -> list[str]:
        """Every span of every process, as `name` below its parents, sorted. No process may have met a fault."""
        runs = self.project.runs()
        assert [run.end["faults"] for run in runs if run.end] == [0 for run in runs if run.end]
        return sorted(path for run in runs for path in run.paths())
