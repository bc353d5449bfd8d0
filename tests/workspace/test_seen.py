"""Asking what is instrumented reads files once, and again when they were written to."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mcp_tracer.workspace import seen
from mcp_tracer.workspace.originals import Originals
from mcp_tracer.workspace.workspace import Workspace

SOURCE = b"fn total\n"
PROBED = b"<@2@>fn total\n"


@pytest.fixture
def read(monkeypatch) -> list[str]:
    """The names of the files that were read."""
    names: list[str] = []
    real = Originals.read

    def noting(self: Originals, path: Path) -> bytes:
        names.append(path.name)
        return real(self, path)

    monkeypatch.setattr(Originals, "read", noting)
    monkeypatch.setattr(seen, "SETTLED_NS", -1)
    return names


def test_a_clean_file_is_read_once_also_by_the_next_process(workspace, files, project, read):
    files.write("a.tiny", SOURCE)
    assert workspace.strays() == []
    assert Workspace(project, workspace.languages).strays() == []
    assert read == ["a.tiny"]


def test_a_file_that_was_written_to_is_read_again(workspace, files, read):
    path = files.write("a.tiny", SOURCE)
    workspace.strays()
    path.write_bytes(PROBED)
    assert workspace.strays() == ["a.tiny"]


def test_a_file_with_the_same_size_and_time_of_writing_is_read_again(workspace, files, read):
    path = files.write("a.tiny", b"     " + SOURCE)
    workspace.strays()
    before = path.stat()
    path.write_bytes(PROBED)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    assert workspace.strays() == ["a.tiny"]


def test_a_file_that_was_just_written_is_not_remembered(workspace, files, read, monkeypatch):
    monkeypatch.undo()
    files.write("a.tiny", SOURCE)
    workspace.strays()
    assert not (workspace.project.cache_dir / "seen.json").exists()


def test_states_are_remembered_until_the_file_changes(workspace, files, read):
    path = files.write("a.tiny", SOURCE)
    files.instrument("a.tiny")
    assert workspace.states() == {"a.tiny": "instrumented"}
    read.clear()
    assert workspace.states() == {"a.tiny": "instrumented"}
    assert read == []
    path.write_bytes(PROBED + b"// more")
    assert workspace.states() == {"a.tiny": "edited"}
    path.unlink()
    assert workspace.states() == {"a.tiny": "missing"}


@pytest.mark.parametrize("damage", [b"", b"[]", b'{"version": "0.0.0", "files": {}}', b'{"version": 1, "files": []}'])
def test_a_damaged_memory_is_as_good_as_none(workspace, files, project, read, damage):
    files.write("a.tiny", SOURCE)
    workspace.strays()
    (project.cache_dir / "seen.json").write_bytes(damage)
    assert Workspace(project, workspace.languages).strays() == []
    assert read == ["a.tiny"] * 2
