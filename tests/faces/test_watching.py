"""A person at a terminal sees how far a long command is; programs that read its output see nothing of that."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mcp_tracer.workspace.initialise import initialise
from mcp_tracer.workspace.project import Project

ROOT = Path(__file__).parents[2]
COMMAND = (sys.executable, "-m", "mcp_tracer", "instrument", "--all", "--json", "--project")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for number in range(5):
        (tmp_path / f"m{number}.py").write_text("def f():\n    return 1\n")
    initialise(Project(tmp_path.resolve()))
    return tmp_path


def read_all(descriptor: int) -> bytes:
    """What a terminal was sent until the last writer left."""
    parts: list[bytes] = []
    while True:
        try:
            part = os.read(descriptor, 65536)
        except OSError:
            part = b""
        if not part:
            return b"".join(parts)
        parts.append(part)


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo terminals")
def test_a_terminal_shows_a_bar_and_standard_output_is_json_alone(project: Path) -> None:
    import pty

    ours, theirs = pty.openpty()
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm", "COLUMNS": "120"}
    with subprocess.Popen([*COMMAND, str(project)], stdout=subprocess.PIPE, stderr=theirs, env=environment) as process:
        os.close(theirs)
        shown = read_all(ours)
        assert process.stdout is not None
        body = json.loads(process.stdout.read())
    os.close(ours)
    assert len(body["files"]) == 5
    assert b"100%" in shown and b"m4.py" in shown


def test_a_pipe_gets_no_bar(project: Path) -> None:
    done = subprocess.run(
        [*COMMAND, str(project)], capture_output=True, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=True, timeout=60
    )
    assert done.stderr == b""
    assert {row["status"] for row in json.loads(done.stdout)["files"]} == {"instrumented"}
