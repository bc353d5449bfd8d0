"""What `init` lays, and that doing it again changes nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from mcp_tracer import resources
from mcp_tracer.model.errors import UserError
from mcp_tracer.workspace import initialise as initialising
from mcp_tracer.workspace.initialise import IGNORED, compile_cores, initialise, project_pythons, refresh_runtime
from mcp_tracer.workspace.project import Project


@pytest.fixture
def empty(tmp_path):
    return Project(tmp_path.resolve())


@pytest.fixture
def shipped(tmp_path_factory, monkeypatch):
    """A small runtime in place of the real one."""
    home = tmp_path_factory.mktemp("runtime")
    for name in ("python/mcp_tracer_runtime/__init__.py", "javascript/runtime.cjs", "javascript/node_modules/x.js", "redaction.json"):
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(f"{name} 1\n")
    monkeypatch.setattr(resources, "runtime_home", lambda: home)
    return home


def test_init_lays_template_runtime_folders_and_gitignore(empty, shipped):
    report = initialise(empty)
    assert empty.env_file.read_bytes() == (resources.template_home() / "config" / ".env.tracing").read_bytes()
    assert (empty.runtime_dir / "python/mcp_tracer_runtime/__init__.py").read_text() == "python/mcp_tracer_runtime/__init__.py 1\n"
    assert sorted(path.name for path in empty.runtime_dir.iterdir()) == ["VERSION", "javascript", "python", "redaction.json"]
    assert not (empty.runtime_dir / "javascript/node_modules").exists()
    assert [line for line in (empty.root / ".gitignore").read_text().splitlines() if not line.startswith("#")] == [
        f".ai-agents/logging/{name}" for name in IGNORED
    ]
    assert ".ai-agents/logging/config/.env.tracing" in report.created
    assert report.gitignore_changed
    assert empty.is_initialised


def test_init_twice_is_init_once(empty, shipped):
    initialise(empty)
    empty.env_file.write_text("TRACING_ENABLED=false\n")
    before = {path: path.read_bytes() for path in empty.root.rglob("*") if path.is_file()}
    report = initialise(empty)
    assert (report.created, report.gitignore_changed) == ((), False)
    assert {path: path.read_bytes() for path in empty.root.rglob("*") if path.is_file()} == before


def test_gitignore_keeps_its_lines_and_line_ends(empty, shipped):
    (empty.root / ".gitignore").write_bytes(b"dist/\r\n/.ai-agents/logging/cache/\r\nlast")
    initialise(empty)
    data = (empty.root / ".gitignore").read_bytes()
    assert data.startswith(b"dist/\r\n/.ai-agents/logging/cache/\r\nlast\r\n# mcp-tracer")
    assert data.count(b"logging/cache/") == 1
    assert data.count(b"\n") == data.count(b"\r\n")


def test_the_runtime_is_refreshed_only_where_it_differs(empty, shipped):
    initialise(empty)
    assert not refresh_runtime(empty)
    (shipped / "javascript/runtime.cjs").write_text("2\n")
    (empty.runtime_dir / "javascript/old.cjs").write_text("gone in this version")
    assert refresh_runtime(empty)
    assert (empty.runtime_dir / "javascript/runtime.cjs").read_text() == "2\n"
    assert not (empty.runtime_dir / "javascript/old.cjs").exists()


def test_a_newer_runtime_stays(empty, shipped):
    initialise(empty)
    (empty.runtime_dir / "VERSION").write_text("99.1.0\n")
    (empty.runtime_dir / "javascript/runtime.cjs").write_text("newer")
    assert not refresh_runtime(empty)
    assert (empty.runtime_dir / "javascript/runtime.cjs").read_text() == "newer"


def test_a_place_that_cannot_be_written_names_the_fix(tmp_path, shipped):
    # A folder below a regular file: nobody, root included, can create it.
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"make it and its folder writable|move that file"):
        initialise(Project(tmp_path.resolve() / "file"))


def test_the_shipped_template_and_runtime_are_found():
    assert (resources.template_home() / "config" / ".env.tracing").is_file()
    assert (resources.runtime_home() / "redaction.json").is_file()


def test_the_runtime_is_compiled_for_the_projects_pythons_and_a_compiler_need_not_be_there(empty, monkeypatch):
    initialise(empty)
    monkeypatch.setattr(initialising, "project_pythons", lambda root: [sys.executable, str(root / "gone")])
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("CC", "no-such-compiler")
    compile_cores(empty)
    assert not list(empty.runtime_dir.rglob("*.tmp"))


def test_the_runtimes_bytecode_lies_ready_for_programs_that_write_none(empty, monkeypatch):
    initialise(empty)
    monkeypatch.setattr(initialising, "project_pythons", lambda root: [sys.executable])
    compile_cores(empty)
    runtime = empty.runtime_dir / "python" / "mcp_tracer_runtime"
    sources = {path.stem for path in runtime.glob("*.py")}
    assert {path.name.partition(".")[0] for path in (runtime / "__pycache__").glob(f"*.{sys.implementation.cache_tag}.pyc")} == sources


def test_a_start_whose_code_is_cached_loads_nothing_that_makes_code(empty):
    initialise(empty)
    runtime = empty.runtime_dir / "python"
    code = (
        f"import sys; sys.path.insert(0, {str(runtime)!r}); before = set(sys.modules); from mcp_tracer_runtime import onload, adoption;"
        "print(sorted({'ast', 'mcp_tracer_runtime.transform', 'mcp_tracer_runtime.making'} & (set(sys.modules) - before)))"
    )
    assert subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_a_projects_environments_come_before_the_python_on_the_path(empty):
    python = empty.root / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.symlink_to(sys.executable)
    assert project_pythons(empty.root)[0] == str(python)
    assert not [path for path in project_pythons(empty.root)[1:] if Path(path).resolve() == Path(sys.executable).resolve()]
