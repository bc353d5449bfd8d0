"""Which files are sources, and which a caller means."""

from __future__ import annotations

import pytest

from mcp_tracer.model.errors import NotFound, UserError
from mcp_tracer.workspace.discovery import discover, match, survey

SUFFIXES = {".py": "python", ".ts": "typescript", ".js": "javascript"}
ALL = ("python", "typescript", "javascript")


def lay(project, *names: str) -> None:
    for name in names:
        path = project.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x = 1\n")


def test_ignored_installed_and_own_files_are_left_out(project):
    lay(project, "a.py", "src/b.ts", "src/b.txt", "dist/out.js", "node_modules/m/i.js", ".venv/lib/x.py", "env2/lib/y.py", ".git/hook.py")
    lay(project, ".ai-agents/logging/runtime/python/t.py", "pkg/gen/g.py", "pkg/gen/keep.py", "pkg/__pycache__/p.py")
    (project.root / "env2" / "pyvenv.cfg").write_text("")
    (project.root / ".venv" / "pyvenv.cfg").write_text("")
    (project.root / ".gitignore").write_text("dist/\n")
    (project.root / "pkg" / ".gitignore").write_text("gen/*\n!gen/keep.py\n")
    assert discover(project, SUFFIXES, exclude=(), languages=ALL) == ["a.py", "pkg/gen/keep.py", "src/b.ts"]
    assert "node_modules/m/i.js" in discover(project, SUFFIXES, exclude=(), languages=ALL, node_modules=True)


def test_a_line_of_gitignore_that_is_no_pattern_is_passed_over(project):
    lay(project, "a.py", "dist/out.js")
    (project.root / ".gitignore").write_text("!\ndist/\n\\\n")
    assert discover(project, SUFFIXES, exclude=(), languages=ALL) == ["a.py"]


@pytest.mark.parametrize(
    "call", [lambda p: discover(p, SUFFIXES, exclude=("!",), languages=ALL), lambda p: match(p, ["*\\"], SUFFIXES, languages=ALL)]
)
def test_what_is_no_glob_is_an_error_of_the_caller(project, call):
    lay(project, "a.py")
    with pytest.raises(UserError, match="Invalid git pattern"):
        call(project)


def test_a_repository_above_the_project_is_heard(project):
    (project.root.parent / ".git").mkdir()
    (project.root.parent / ".gitignore").write_text("/shop/made.py\n")
    lay(project, "made.py", "own.py")
    assert discover(project, SUFFIXES, exclude=(), languages=ALL) == ["own.py"]


def test_exclude_globs_match_base_names_or_paths(project):
    lay(project, "src/a.test.ts", "src/a.ts", "b.config.ts", "lib/c.ts")
    assert discover(project, SUFFIXES, exclude=("*.test.ts", "*.config.ts", "lib/*.ts"), languages=ALL) == ["src/a.ts"]


def test_languages_choose_and_none_means_all(project):
    lay(project, "a.py", "b.ts")
    assert discover(project, SUFFIXES, exclude=(), languages=("python",)) == ["a.py"]
    assert discover(project, SUFFIXES, exclude=(), languages=()) == ["a.py", "b.ts"]


def test_binary_large_and_linked_files_are_reported_or_left(project):
    lay(project, "a.py")
    (project.root / "bin.py").write_bytes(b"\0\1")
    (project.root / "big.js").write_bytes(b"x" * 2_000_001)
    (project.root / "link.py").symlink_to(project.root / "a.py")
    found = survey(project, SUFFIXES, exclude=(), languages=ALL)
    assert found.files == ["a.py"]
    assert sorted(found.skipped) == [("big.js", "larger than 2,000,000 bytes"), ("bin.py", "binary")]


def test_match_takes_files_folders_and_globs_once(project):
    lay(project, "a.py", "src/b.ts", "src/deep/c.ts", "src/deep/d.py", "dist/x.js", "app/[id].ts")
    (project.root / ".gitignore").write_text("dist/\n")
    assert match(project, ["a.py", "src", "src/**/*.ts"], SUFFIXES, languages=ALL) == ["a.py", "src/b.ts", "src/deep/c.ts", "src/deep/d.py"]
    assert match(project, ["dist/x.js"], SUFFIXES, languages=ALL) == ["dist/x.js"]
    assert match(project, ["*.ts"], SUFFIXES, languages=ALL) == ["app/[id].ts", "src/b.ts", "src/deep/c.ts"]
    assert match(project, ["app/[id].ts"], SUFFIXES, languages=ALL) == ["app/[id].ts"]
    assert match(project, ["."], SUFFIXES, languages=("python",)) == ["a.py", "src/deep/d.py"]
    assert match(project, [str(project.root / "src" / "*.ts")], SUFFIXES, languages=ALL) == ["src/b.ts"]


def test_match_says_what_it_did_not_find(project):
    lay(project, "src/cart.py", "docs/a.txt")
    with pytest.raises(NotFound, match=r"did you mean src/cart\.py\?"):
        match(project, ["src/crat.py"], SUFFIXES, languages=ALL)
    with pytest.raises(NotFound, match="matches no source file"):
        match(project, ["lib/*.py"], SUFFIXES, languages=ALL)
    with pytest.raises(NotFound, match="holds no python"):
        match(project, ["docs"], SUFFIXES, languages=ALL)
    for outside in ("../*.py", "/etc/*.py", "..", "/etc"):
        with pytest.raises(UserError):
            match(project, [outside], SUFFIXES, languages=ALL)
