from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mcp_tracer.app import open_service
from mcp_tracer.service.service import Service
from mcp_tracer.workspace.initialise import initialise
from mcp_tracer.workspace.project import Project

SOURCE = "def total(prices):\n    return sum(prices)\n\n\ndef refund(price):\n    raise ValueError(price)\n"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """An initialised project with one Python file."""
    root = tmp_path / "shop"
    (root / "src").mkdir(parents=True)
    (root / "src" / "cart.py").write_text(SOURCE, encoding="utf-8")
    made = Project(root.resolve())
    initialise(made)
    return made


@pytest.fixture
async def service(project: Project) -> AsyncIterator[Service]:
    async with open_service(project, ingest=False) as opened:
        yield opened


def set_flag(project: Project, flag: str, value: str) -> None:
    """Change one line of the settings, as a person would."""
    text = project.env_file.read_text(encoding="utf-8")
    lines = [f"{flag}={value}" if line.startswith(f"{flag}=") else line for line in text.splitlines()]
    assert f"{flag}={value}" in lines
    project.env_file.write_text("\n".join(lines) + "\n", encoding="utf-8")
