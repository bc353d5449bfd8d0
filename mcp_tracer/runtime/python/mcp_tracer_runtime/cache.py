"""Instrumented code between runs: parsing and compiling a package again at every start would cost more than running it."""

import marshal
import os
import sys

from . import faults, state

_FORMAT = "2"
_utime = os.utime  # a program under test may have its file system taken away


def load(key):
    """(code with placeholders, table) under `key`; None where there is none or it is damaged. What it leaves out is said again."""
    try:
        with open(_path(key), "rb") as file:
            code, table, note = marshal.load(file)
    except (OSError, ValueError, EOFError, TypeError):
        return None
    if note:
        faults.say_once(note)
    return code, table


def store(key, code, table, note):
    """Keep `code`, its table and what was left out. A full or read-only disk only means that the next start is slower."""
    try:
        _write(_path(key), marshal.dumps((code, list(table), note)))
    except (OSError, ValueError) as error:
        faults.note(error)


def keep_source(digest, source):
    """Keep the text that runs, where nobody has: by the time that somebody asks for it, the file may be another. A kept one counts as new
    again, so that it stays until the recording is taken in."""
    path = os.path.join(state.HOME, "traces", "sources", digest[:2], digest + ".z")
    try:
        _utime(path)
    except FileNotFoundError:
        _write_source(path, source)
    except OSError:  # another user's, and there
        return


def _write_source(path, source):
    try:
        import zlib

        _write(path, zlib.compress(source, 1))
    except (OSError, ImportError) as error:
        faults.note(error)


def _write(path, data):
    """Whole or not at all."""
    temporary = "%s.%d.tmp" % (path, os.getpid())
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(temporary, "wb") as file:
        file.write(data)
    os.replace(temporary, path)


def key(source, name, spec):
    """What instrumented code depends on: the source, its file name, the levels, this interpreter, this instrumenter."""
    import hashlib

    parts = (_FORMAT, _instrumenter(), name, spec, sys.implementation.cache_tag, str(sys.flags.optimize))
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogateescape") + b"\0" + source).hexdigest()


def _instrumenter():
    """A stamp of the files that make the code: an update of the runtime starts a new cache."""
    stamps = []
    for name in ("making.py", "transform.py", "blocks.py", "expressions.py", "lambdas.py", "nodes.py", "spares.py", "inventory.py"):
        try:
            status = os.stat(os.path.join(state.RUNTIME, name))
            stamps.append("%d:%d" % (status.st_mtime_ns, status.st_size))
        except OSError:
            stamps.append("?")
    return ",".join(stamps)


def _path(name):
    return os.path.join(state.HOME, "cache", "python", name[:2], name[2:] + ".code")
