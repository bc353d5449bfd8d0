"""The manifest under many writers, and when it is damaged."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from mcp_tracer.model.errors import Unavailable
from mcp_tracer.workspace.files import locked
from mcp_tracer.workspace.manifest import Entry, Manifest


def entry(file: str, level: int = 2) -> Entry:
    return Entry(file, "python", "in_place", "header", level, 1, "a" * 64, "b" * 64, "2026-01-01T00:00:00+00:00", "tester", {"f": 3})


def test_put_get_replace_remove(project):
    manifest = Manifest(project)
    manifest.put(entry("a.py"))
    manifest.put(entry("b ü.py"))
    manifest.put(entry("a.py", 4))
    assert Manifest(project).entries() == {"a.py": entry("a.py", 4), "b ü.py": entry("b ü.py")}
    manifest.remove("a.py")
    manifest.remove("never.py")
    assert manifest.get("a.py") is None
    assert list(manifest.entries()) == ["b ü.py"]


@pytest.mark.parametrize(
    "text", [b"", b"{", b"[]", b'{"version":2,"files":{}}', b'{"version":1,"files":{"a":{}}}', b'{"version":1,"files":{"a":3}}', b"\xff"]
)
def test_a_malformed_manifest_is_told_and_kept(project, text):
    project.manifest_file.write_bytes(text)
    with pytest.raises(Unavailable, match="move it away"):
        Manifest(project).put(entry("a.py"))
    assert project.manifest_file.read_bytes() == text


WRITER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from mcp_tracer.workspace.manifest import Entry, Manifest
from mcp_tracer.workspace.project import Project
manifest = Manifest(Project(Path(sys.argv[1])))
for number in range(15):
    manifest.put(Entry(f"{sys.argv[3]}/{number}.py", "python", "in_place", "header", 2, 1, "", "", "", ""))
"""


def test_parallel_processes_lose_no_entry(project):
    repository = str(Path(__file__).parents[2])
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(project.root), repository, str(name)]) for name in range(4)]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0, 0]
    assert len(Manifest(project).entries()) == 60


def test_a_lock_that_is_kept_is_told(project):
    second = locked(project.manifest_lock, timeout_s=0.05)
    with locked(project.manifest_lock), pytest.raises(Unavailable, match="held by another process"), second:
        pass
