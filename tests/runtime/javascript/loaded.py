"""Runs programs whose files are instrumented as Node, or a tool, loads them."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass

from mcp_tracer.languages.javascript import javascript, typescript
from mcp_tracer.model.level import Level
from mcp_tracer.model.plan import InstrumentRequest
from mcp_tracer.workspace import launching, project
from mcp_tracer.workspace.workspace import Workspace
from tests.runtime.javascript.project import Project


@dataclass
class Loaded:
    """A project whose files are chosen in the manifest with mode on_load, by the workspace that the server uses."""

    project: Project

    def __post_init__(self) -> None:
        self.place = project.Project(self.project.root)
        self.workspace = Workspace(self.place, (javascript(), typescript()))

    def choose(self, *names: str, level: int = 2) -> None:
        """Instrument files that are there."""
        for name in names:
            plan = self.workspace.plan(InstrumentRequest(name, Level(level), mode="on_load"))
            self.workspace.apply(plan, "test", {})

    def environment(self, **more: str) -> dict[str, str]:
        """What `mcp-tracer run` sets, on top of loading hooks that tell their faults."""
        return {
            **launching.variables(self.place, None, more),
            "MCP_TRACER_DEBUG": "1",
            **{k: v for k, v in more.items() if k != "NODE_OPTIONS"},
        }

    def run(self, *words: str, node: str = "node", **more: str) -> subprocess.CompletedProcess[str]:
        """Run Node with the hooks on."""
        return self.project.run(*words, node=node, environment=self.environment(**more))

    def plainly(self, *words: str, node: str = "node", **more: str) -> subprocess.CompletedProcess[str]:
        """The same without us."""
        return self.project.run(*words, node=node, environment=more)

    def traced(self, *words: str, node: str = "node", **more: str) -> list[str]:
        """Run; the program must do what it does untraced. Every span of every process, by name, sorted."""
        before = self.plainly(*words, node=node, **more)
        after = self.run(*words, node=node, **more)
        assert (after.stdout, after.stderr, after.returncode) == (before.stdout, before.stderr, before.returncode)
        return self.names()

    def names(self) -> list[str]:
        """The names of the finished spans of every process, sorted. No process may have met a fault."""
        spools = self.project.spools()
        assert [spool.end["faults"] for spool in spools if spool.end] == [0 for spool in spools if spool.end]
        return sorted(span.name for spool in spools for span in spool.spans if not span.is_open)
