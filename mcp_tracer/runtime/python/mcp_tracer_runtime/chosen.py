"""Which files are traced as they are loaded: those of `instrumented.json` with mode on_load, or, when `mcp-tracer run --level N` started
the program, every file of the project that is not excluded."""

import os

from . import faults, settings, state

MANIFEST = os.path.join(state.HOME, "instrumented.json")
_COPY = os.path.join(state.HOME, "cache", "python", "instrumented.marshal")
_NEVER = frozenset((".ai-agents", ".git", ".hg", ".svn", ".tox", ".nox", ".eggs", "node_modules", "site-packages", "dist-packages"))
_known = (None, {}, {})  # stamp of the manifest, {file: spec}, {sha256 of the original: file}
_installed = {}  # folder -> whether it belongs to a virtual environment
_places = {}  # folder as code names it -> folder without links
_general = None


def inside(name):
    """The file of the project that code object file name `name` means, relative with `/`; None for anything else."""
    if not name or name[0] == "<":
        return None
    path = os.path.abspath(name)
    if not path.startswith(state.PROJECT + os.sep):
        folder, base = os.path.split(path)
        real = _places.get(folder)
        if real is None:
            real = _places[folder] = os.path.realpath(folder)
        path = os.path.join(real, base)
        if not path.startswith(state.PROJECT + os.sep):
            return None
    relative = path[len(state.PROJECT) + 1 :].replace(os.sep, "/")
    return None if relative.startswith(".ai-agents/") else relative


def spec(file):
    """The text of levels for `file` (see `header.parse`; functions may stand there by their last name); None where it is not chosen."""
    entry = _entries()[1].get(file)
    level = os.environ.get("MCP_TRACER_LEVEL", "")
    if level not in ("1", "2", "3", "4", "5"):
        return entry
    if entry is not None:  # functions that were chosen one by one keep their level
        return " ".join([level, *entry.split(" ")[1:]])
    return None if _excluded(file) else level


def by_content(digest):
    """(file, spec) of the chosen file whose original has this sha256: how a file is known again inside a zip archive."""
    _, specs, files = _entries()
    file = files.get(digest)
    return (None, None) if file is None else (file, specs[file])


def _entries():
    global _known
    try:
        status = os.stat(MANIFEST)
        stamp = "%d:%d:%d" % (status.st_mtime_ns, status.st_size, status.st_ino)
    except OSError:
        return None, {}, {}
    if _known[0] != stamp:
        _known = _copied(stamp) or _parsed(stamp)
    return _known


def _copied(stamp):
    """What an earlier process understood of this very manifest: a program must not load a JSON parser for us."""
    import marshal

    try:
        with open(_COPY, "rb") as file:
            known = marshal.load(file)
        return known if known[0] == stamp else None
    except (OSError, ValueError, EOFError, TypeError, IndexError):
        return None


def _parsed(stamp):
    import json
    import marshal

    try:
        with open(MANIFEST, "rb") as file:
            rows = json.loads(file.read().decode("utf-8", "surrogateescape"))["files"]
        chosen = {name: row for name, row in rows.items() if row["mode"] == "on_load" and row["language"] == "python"}
        specs = {name: _text(row) for name, row in chosen.items()}
        known = (stamp, specs, {row["sha256_before"]: name for name, row in chosen.items()})
        data = marshal.dumps(known)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        faults.note(error)
        return stamp, {}, {}
    temporary = "%s.%d.tmp" % (_COPY, os.getpid())
    try:
        os.makedirs(os.path.dirname(_COPY), exist_ok=True)
        with open(temporary, "wb") as file:
            file.write(data)
        os.replace(temporary, _COPY)
    except OSError as error:  # a read-only disk: the next process parses again
        faults.note(error)
    return known


def _text(row):
    functions = ["%s=%d" % (name.replace("<locals>.", ""), level) for name, level in row["functions"].items()]
    return " ".join(["%d" % row["level"], *functions])


def _excluded(file):
    """Whether a file that nobody named is left alone: installed packages, and what a person excluded."""
    global _general
    if _general is None:
        values = settings.read_values(state.files.paths[0])
        languages = [name.strip() for name in values.get("TRACING_LANGUAGES", "python").split(",")]
        _general = ("python" in languages, [glob.strip() for glob in values.get("TRACING_EXCLUDE_FILES", "").split(",") if glob.strip()])
    wanted, globs = _general
    parts = file.split("/")
    return not wanted or not _NEVER.isdisjoint(parts) or _in_environment(parts[:-1]) or any(_matches(glob, file, parts) for glob in globs)


def _in_environment(folders):
    """Whether one of the nested `folders` is a virtual environment."""
    path = "/".join(folders)
    known = _installed.get(path)
    if known is None:
        known = bool(folders) and (_is_environment(path) or _in_environment(folders[:-1]))
        _installed[path] = known
    return known


def _is_environment(path):
    place = os.path.join(state.PROJECT, path)
    return os.path.isfile(os.path.join(place, "pyvenv.cfg")) or os.path.isdir(os.path.join(place, "conda-meta"))


def _matches(glob, file, parts):
    """As git reads its ignore files: a glob with `/` means the path from the root, one without any name on the way."""
    ending = glob.rpartition(".")[2]
    if ending.isalnum() and ending not in ("py", "pyw") and "." in glob:
        return False  # *.test.ts: no need to load fnmatch
    from fnmatch import fnmatchcase

    bare = glob.rstrip("/")
    if "/" in bare:
        bare = bare.lstrip("/")
        return fnmatchcase(file, bare) or fnmatchcase(file, bare + "/*")
    return any(fnmatchcase(part, bare) for part in parts)
