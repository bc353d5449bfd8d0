"""Instrumented code between runs: parsing and compiling a package again at every start would cost more than running it."""

import marshal
import os
import sys

from . import faults, state

_FORMAT = "2"


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
    path = _path(key)
    temporary = "%s.%d.tmp" % (path, os.getpid())
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(temporary, "wb") as file:
            marshal.dump((code, list(table), note), file)
        os.replace(temporary, path)
    except (OSError, ValueError) as error:
        faults.note(error)


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
