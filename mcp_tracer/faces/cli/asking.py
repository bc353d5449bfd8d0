"""The options that every command takes, before or after its name: which project, and text or JSON."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from mcp_tracer.model.errors import NotFound
from mcp_tracer.workspace.project import Project

PROJECT_HELP = "The project's folder. [default: nearest parent with .ai-agents]"
ProjectOption = Annotated[Path | None, typer.Option("--project", metavar="DIR", help=PROJECT_HELP)]
JsonOption = Annotated[bool, typer.Option("--json", help="Answer in JSON.")]


@dataclass(frozen=True, slots=True)
class Asked:
    """What a person asked of the command line as a whole."""

    folder: Path | None = None
    as_json: bool = False

    def project(self) -> Project:
        """The project. Raises NotFound for a named folder that isn't there."""
        if self.folder is None:
            return Project.find(environ=os.environ)
        if not self.folder.is_dir():
            raise NotFound(f"{self.folder} is no folder: name the project's root with --project.")
        return Project(self.folder.resolve())


def asked(ctx: typer.Context, project: Path | None, as_json: bool) -> Asked:
    """The options of this command, joined with those before its name."""
    above = ctx.find_object(Asked) or Asked()
    return Asked(project or above.folder, as_json or above.as_json)
