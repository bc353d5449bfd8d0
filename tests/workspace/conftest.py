from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from tiny import Tiny

from mcp_tracer.model.level import Level
from mcp_tracer.model.plan import InstrumentRequest
from mcp_tracer.workspace.manifest import Entry
from mcp_tracer.workspace.project import Project
from mcp_tracer.workspace.workspace import Workspace


@pytest.fixture
def project(tmp_path: Path) -> Project:
    root = tmp_path / "shop"
    (root / ".ai-agents" / "logging").mkdir(parents=True)
    return Project(root.resolve())


@pytest.fixture
def workspace(project: Project) -> Workspace:
    return Workspace(project, [Tiny()])


class Files:
    """Write and instrument files of a project in one line."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace

    def write(self, file: str, data: bytes) -> Path:
        path = self.workspace.project.root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return path

    def instrument(self, file: str, level: int = 2) -> Entry:
        return self.workspace.apply(self.workspace.plan(InstrumentRequest(file, Level.of(level))), "tester", {})


@pytest.fixture
def files(workspace: Workspace) -> Files:
    return Files(workspace)
