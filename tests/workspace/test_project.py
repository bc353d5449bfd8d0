"""Where the project is, and which paths belong to it."""

from __future__ import annotations

import pytest

from mcp_tracer.model.errors import NotFound, UserError
from mcp_tracer.workspace.project import Project


def test_find_takes_the_nearest_parent_with_our_folder(tmp_path):
    (tmp_path / "a" / ".ai-agents").mkdir(parents=True)
    (tmp_path / "a" / "b" / "c").mkdir(parents=True)
    assert Project.find(tmp_path / "a" / "b" / "c", {"CLAUDE_PROJECT_DIR": str(tmp_path)}).root == (tmp_path / "a").resolve()


def test_find_then_asks_the_environment_then_stays(tmp_path):
    (tmp_path / "named").mkdir()
    (tmp_path / "here").mkdir()
    assert Project.find(tmp_path / "here", {"CLAUDE_PROJECT_DIR": str(tmp_path / "named")}).root == (tmp_path / "named").resolve()
    assert Project.find(tmp_path / "here", {"CLAUDE_PROJECT_DIR": "/does/not/exist"}).root == (tmp_path / "here").resolve()
    assert Project.find(tmp_path / "here", {}).root == (tmp_path / "here").resolve()


def test_resolve_and_relative(project):
    path = project.root / "src" / "a b.tiny"
    path.parent.mkdir()
    path.write_text("x")
    assert project.resolve("src/a b.tiny") == path
    assert project.resolve(str(path)) == path
    assert project.relative(path) == "src/a b.tiny"


def test_resolve_says_what_is_wrong(project):
    (project.root / "src").mkdir()
    (project.root / "loop").symlink_to("loop")
    with pytest.raises(UserError, match="is not a file"):
        project.resolve("src")
    with pytest.raises(NotFound, match="check the path"):
        project.resolve("nothing/at/all")
    with pytest.raises(UserError):
        project.resolve("loop")
    with pytest.raises(UserError, match="outside"):
        project.resolve("/etc/passwd")


def test_not_initialised_without_settings(project):
    assert not project.is_initialised
