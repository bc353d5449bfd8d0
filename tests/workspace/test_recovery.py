"""A kill at any moment leaves each file original, or instrumented with its backup; starting again reconciles."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from mcp_tracer.durable import Staged
from mcp_tracer.model.plan import InstrumentRequest
from mcp_tracer.workspace.backups import Backups
from mcp_tracer.workspace.manifest import Manifest
from mcp_tracer.workspace.workspace import Workspace

SOURCE = b"fn total\n  42\nfn save\n"
WRITTEN = b"<@2@>fn total\n  42\n<@2@>fn save\n"


class Killed(BaseException):
    """Stands for the end of the process."""


def die(*_: object, **__: object) -> None:
    raise Killed


@pytest.mark.parametrize("step", [(Backups, "keep"), (Manifest, "changing"), (Staged, "commit"), (Manifest, "_commit"), (Backups, "end")])
def test_apply_killed_before_a_step(workspace, files, project, monkeypatch, step):
    path = files.write("cart.tiny", SOURCE)
    monkeypatch.setattr(*step, die)
    with pytest.raises(Killed):
        files.instrument("cart.tiny")
    monkeypatch.undo()
    again = Workspace(project, workspace.languages)
    again.recover()
    _assert_whole(again, path)
    assert again.recover() == []


@pytest.mark.parametrize("step", [(Backups, "move_back"), (Manifest, "change"), (Backups, "discard"), (Backups, "end")])
@pytest.mark.parametrize("edit", [b"", b"// more"])
def test_restore_killed_before_a_step(workspace, files, project, monkeypatch, step, edit):
    path = files.write("cart.tiny", SOURCE)
    files.instrument("cart.tiny")
    path.write_bytes(path.read_bytes() + edit)
    monkeypatch.setattr(*step, die)
    with suppress(Killed):
        workspace.restore("cart.tiny")
    monkeypatch.undo()
    again = Workspace(project, workspace.languages)
    again.recover()
    again.restore("cart.tiny")
    assert path.read_bytes() == SOURCE + edit
    assert (again.instrumented(), again.backups.files(), again.recover()) == ({}, [], [])


def test_the_entry_of_a_killed_apply_keeps_level_and_functions(workspace, files, project, monkeypatch):
    files.write("cart.tiny", SOURCE)
    plan = workspace.plan(InstrumentRequest("cart.tiny"))
    monkeypatch.setattr(Manifest, "_commit", die)
    with pytest.raises(Killed):
        workspace.apply(plan, "tester", {"total": 2})
    monkeypatch.undo()
    again = Workspace(project, workspace.languages)
    again.recover()
    entry = again.instrumented()["cart.tiny"]
    assert (entry.level, entry.functions, entry.functions_wrapped, entry.by) == (2, {"total": 2}, 2, "tester")


def test_a_lost_manifest_is_rebuilt_from_files_and_backups(workspace, files, project):
    path = files.write("cart.tiny", SOURCE)
    files.instrument("cart.tiny")
    project.manifest_file.unlink()
    assert workspace.recover() == ["cart.tiny: is instrumented and was not in the manifest; entered"]
    assert workspace.restore("cart.tiny").how == "backup"
    assert path.read_bytes() == SOURCE


def test_an_entry_whose_file_was_checked_out_again_goes(workspace, files, project):
    path = files.write("cart.tiny", SOURCE)
    files.instrument("cart.tiny")
    path.write_bytes(b"fn other version")
    assert workspace.recover() == ["cart.tiny: holds no instrumentation any more; taken from the manifest"]
    assert (workspace.instrumented(), path.read_bytes()) == ({}, b"fn other version")


def test_temporary_files_of_a_killed_process_go(workspace, project):
    project.temporary_dir.mkdir(parents=True)
    (project.temporary_dir / ".cart.tiny.0011aabb.mcp-tracer-tmp").write_bytes(b"half")
    assert workspace.recover() == ["removed 1 half-written temporary files"]
    assert list(project.temporary_dir.iterdir()) == []


LOOP = """
import sys
from pathlib import Path
sys.path[:0] = sys.argv[2:]
from tiny import Tiny
from mcp_tracer.model.plan import InstrumentRequest
from mcp_tracer.workspace.project import Project
from mcp_tracer.workspace.workspace import Workspace
workspace = Workspace(Project(Path(sys.argv[1])), [Tiny()])
workspace.recover()
print("ready", flush=True)
while True:
    for number in range(3):
        file = f"src/{number}.tiny"
        workspace.apply(workspace.plan(InstrumentRequest(file)), "loop", {})
        workspace.restore(file)
"""


def test_sigkill_at_random_moments(workspace, files, project):
    paths = [files.write(f"src/{number}.tiny", SOURCE) for number in range(3)]
    repository = Path(__file__).parents[2]
    for attempt in range(12):
        command = [sys.executable, "-c", LOOP, str(project.root), str(repository), str(Path(__file__).parent)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            time.sleep(0.003 + 0.0041 * attempt)
            os.kill(process.pid, signal.SIGKILL)
        for path in paths:
            _assert_not_torn(workspace, path)
        workspace.recover()
        for path in paths:
            _assert_whole(workspace, path)
        assert list(project.temporary_dir.glob("*")) == []
        assert sorted(path.name for path in (project.root / "src").iterdir()) == ["0.tiny", "1.tiny", "2.tiny"]


def _assert_not_torn(workspace: Workspace, path: Path) -> None:
    data = path.read_bytes()
    assert data in (SOURCE, WRITTEN)
    if data == WRITTEN:
        assert workspace.backups.original(workspace.project.relative(path)) == SOURCE


def _assert_whole(workspace: Workspace, path: Path) -> None:
    file = workspace.project.relative(path)
    if path.read_bytes() == WRITTEN:
        assert workspace.backups.original(file) == SOURCE
        assert workspace.state(file) == "instrumented"
    else:
        assert path.read_bytes() == SOURCE
        assert file not in workspace.instrumented()
        assert file not in workspace.backups.files()
