"""Find source files: what git would track, less what is built, installed, binary, too large or excluded."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pathspec import GitIgnoreSpec

from mcp_tracer.model.errors import NotFound, UserError
from mcp_tracer.workspace.ignoring import Ignoring
from mcp_tracer.workspace.project import Project

MAX_FILE_BYTES = 2_000_000
_SKIPPED_FOLDERS = {".git", ".hg", ".svn", ".ai-agents", "__pycache__", "site-packages", ".tox", ".nox", ".eggs"}
_SNIFFED_BYTES = 8192


@dataclass(slots=True)
class Survey:
    """Files relative to the root, sorted; and those of a fitting suffix that were left out for what they are, with the reason."""

    files: list[str] = field(default_factory=list[str])
    skipped: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])


def discover(
    project: Project, suffixes: Mapping[str, str], *, exclude: Sequence[str], languages: Sequence[str], node_modules: bool = False
) -> list[str]:
    """The project's source files, relative and sorted.

    `suffixes` maps an ending to its language; `exclude` globs match base names, or paths where they hold `/`; no `languages` means all.
    """
    return survey(project, suffixes, exclude=exclude, languages=languages, node_modules=node_modules).files


def survey(
    project: Project,
    suffixes: Mapping[str, str],
    *,
    exclude: Sequence[str],
    languages: Sequence[str],
    node_modules: bool = False,
    below: Path | None = None,
) -> Survey:
    """Like `discover`, below one folder, with what was passed over. Links are not followed: their targets are found where they are."""
    excluded = _spec(exclude)
    found = Survey()
    endings = tuple(suffix for suffix, language in suffixes.items() if not languages or language in languages)
    for path in walk(project, below or project.root, endings, node_modules=node_modules):
        relative = project.relative(path)
        if (languages and language_of(relative, suffixes) not in languages) or excluded.match_file(relative):
            continue
        reason = _unfit(path)
        if reason:
            found.skipped.append((relative, reason))
        else:
            found.files.append(relative)
    found.files.sort()
    return found


def match(
    project: Project,
    patterns: Sequence[str],
    suffixes: Mapping[str, str],
    *,
    exclude: Sequence[str] = (),
    languages: Sequence[str],
    node_modules: bool = False,
) -> list[str]:
    """The files that a caller names: files (taken even where ignored or excluded), folders, or globs. Sorted, each once.

    Raises NotFound with close names for a pattern that matches nothing, UserError for one that leaves the project.
    """
    named: set[str] = set()
    everything: list[str] | None = None
    for pattern in patterns:
        if _is_glob(project, pattern):
            if everything is None:
                everything = discover(project, suffixes, exclude=exclude, languages=languages, node_modules=node_modules)
            named.update(_globbed(project, pattern, everything))
            continue
        path = project.root if (project.root / pattern).resolve() == project.root else project.locate(pattern)
        if path.is_dir():
            below = survey(project, suffixes, exclude=exclude, languages=languages, node_modules=node_modules, below=path)
            named.update(_nonempty(pattern, below, languages or sorted(set(suffixes.values()))))
        else:
            named.add(project.relative(project.resolve(pattern)))
    return sorted(named)


def walk(project: Project, top: Path, endings: tuple[str, ...], *, node_modules: bool = False) -> Iterator[Path]:
    """Every file below `top` with one of the `endings` that is not ignored, in no particular order. Closed folders are passed over."""
    waiting = [(top, Ignoring.at(project.root, top))]
    while waiting:
        folder, ignoring = waiting.pop()
        for entry in _entries(folder):
            if entry.is_dir(follow_symlinks=False):
                path = Path(entry.path)
                if not is_skipped_folder(path, node_modules=node_modules) and not ignoring.ignores(path, is_folder=True):
                    waiting.append((path, ignoring.below(path)))
            elif entry.name.endswith(endings) and entry.is_file(follow_symlinks=False):
                path = Path(entry.path)
                if not ignoring.ignores(path, is_folder=False):
                    yield path


def is_skipped_folder(path: Path, *, node_modules: bool = False) -> bool:
    """Version control, caches, our own home, installed packages, virtual environments."""
    if path.name in _SKIPPED_FOLDERS or (path.name == "node_modules" and not node_modules):
        return True
    return (path / "pyvenv.cfg").is_file() or (path / "conda-meta").is_dir()


def language_of(file: str, suffixes: Mapping[str, str]) -> str | None:
    """The language of the longest ending that fits, or None."""
    fitting = [suffix for suffix in suffixes if file.endswith(suffix)]
    return suffixes[max(fitting, key=len)] if fitting else None


def close_names(wanted: str, known: Sequence[str]) -> str:
    """`; did you mean a, b?` or ''. Compares whole paths, then base names."""
    close = difflib.get_close_matches(wanted, known, n=3)
    if not close:
        by_name = {Path(name).name: name for name in known}
        close = [by_name[name] for name in difflib.get_close_matches(Path(wanted).name, list(by_name), n=3)]
    return f"; did you mean {', '.join(close)}?" if close else ""


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except (PermissionError, FileNotFoundError, NotADirectoryError):
        # A folder that vanished or is closed to us holds nothing that could be instrumented.
        return []


def _unfit(path: Path) -> str:
    try:
        size = path.stat().st_size
        with path.open("rb") as stream:
            start = stream.read(_SNIFFED_BYTES)
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    if size > MAX_FILE_BYTES:
        return f"larger than {MAX_FILE_BYTES:,} bytes"
    return "binary" if b"\0" in start else ""


def _is_glob(project: Project, pattern: str) -> bool:
    """A name with `[` or `*` that exists is a file (Next.js has `[id].tsx`), not a glob."""
    return any(mark in pattern for mark in "*?[") and "\0" not in pattern and not (project.root / pattern).exists()


def _spec(globs: Sequence[str]) -> GitIgnoreSpec:
    try:
        return GitIgnoreSpec.from_lines(globs)
    except ValueError as error:
        raise UserError(f"{error}: write globs such as `src/**/*.py` or `*.test.ts`.", "glob") from error


def _globbed(project: Project, pattern: str, everything: Sequence[str]) -> list[str]:
    relative = pattern.removeprefix("./")
    if Path(pattern).is_absolute():
        if not Path(pattern).is_relative_to(project.root):
            raise UserError(f"{pattern} lies outside {project.root}: name files inside the project.", "outside")
        relative = "/" + Path(pattern).relative_to(project.root).as_posix()
    if ".." in Path(pattern).parts:
        raise UserError(f"{pattern} leads upwards: write the glob from the project root.", "outside")
    found = list(_spec([relative]).match_files(everything))
    if not found:
        raise NotFound(f"{pattern} matches no source file that is not ignored or excluded{close_names(pattern, everything)}.")
    return found


def _nonempty(pattern: str, found: Survey, languages: Sequence[str]) -> list[str]:
    if found.files:
        return found.files
    wanted = f"{' or '.join(languages)} file that is not ignored or excluded"
    passed_over = f" ({len(found.skipped)} passed over: {found.skipped[0][0]} is {found.skipped[0][1]})" if found.skipped else ""
    raise NotFound(f"{pattern} holds no {wanted}{passed_over}: name the files themselves.")
