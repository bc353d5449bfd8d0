"""What tracers of other people's JavaScript have broken: each keeps its meaning at every level."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from mcp_tracer.languages.javascript import javascript
from mcp_tracer.model.level import Level
from mcp_tracer.model.plan import InstrumentRequest
from tests.runtime.javascript.project import PROGRAMS, Project

LEVELS = (1, 2, 3, 5)
HAZARDS = sorted(path.name for path in (PROGRAMS / "hazards").glob("*.cjs") if path.stem != "react")


def _same(project: Project, case: str, level: int, **environment: str) -> str:
    project.write(case, (PROGRAMS / "hazards" / case).read_text())
    before = project.run(case, environment=environment)
    project.instrument(level, case)
    after = project.run(case, environment=environment)
    assert (after.stdout, after.returncode, after.stderr) == (before.stdout, before.returncode, before.stderr)
    assert before.returncode == 0, before.stderr
    (spool,) = project.spools()
    assert spool.end is not None and spool.end["faults"] == 0
    return before.stdout


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("case", HAZARDS)
def test_a_hazard_keeps_its_meaning(project: Project, case: str, level: int) -> None:
    assert _same(project, case, level)


@pytest.mark.parametrize("level", LEVELS)
def test_react_components_and_hooks_render_the_same(project: Project, node_modules: Path, level: int) -> None:
    printed = _same(project, "react.cjs", level, NODE_PATH=str(node_modules))
    assert '<li class="dark" title="Item">a' in printed and 'name="0,1"' in printed


@pytest.mark.parametrize("directive", ["'use client'", '"use server";', "'use strict'"])
def test_a_files_directive_stays_first(tmp_path: Path, directive: str) -> None:
    source = f"// copyright\n{directive}\nexport function f(a) {{ return a }}\n".encode()
    written = javascript().plan(source, InstrumentRequest("a.mjs", Level.EXTREME)).apply(source)
    assert written.startswith(source[: source.index(directive.encode()) + len(directive)])
    (tmp_path / "a.mjs").write_bytes(written)
    assert subprocess.run(["node", "--check", str(tmp_path / "a.mjs")], capture_output=True, check=False, timeout=30).stderr == b""
