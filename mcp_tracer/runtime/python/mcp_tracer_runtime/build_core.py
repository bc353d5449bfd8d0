"""Compiles the runtime for the interpreter that runs this file, its bytecode and its C core: `python build_core.py [folder]`. Standard
library only, quiet, and never an error: without a compiler or the interpreter's headers tracing runs in Python. The core is
`_core.<cache tag>.so` in `folder`, which is this file's own by default; bytecode is left only there."""

import os
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
TIMEOUT_SECONDS = 60
_PARTS = ("core.c", *sorted(name for name in os.listdir(HERE) if name.startswith("core_") and name.endswith(".h")))


def build(folder=HERE):
    """The path of a current core for this interpreter in `folder`, compiled now if it has to be; None where there can be none."""
    try:
        return _build(folder)
    except Exception as error:  # whatever it is: the pure-Python core does the same
        if "MCP_TRACER_DEBUG" in os.environ:
            sys.stderr.write("mcp-tracer: no C core: %s\n" % (error,))
        return None


def _build(folder):
    target = os.path.join(folder, "_core.%s.so" % sys.implementation.cache_tag)
    if sys.implementation.name != "cpython" or sys.version_info < (3, 9) or "t" in getattr(sys, "abiflags", "t"):
        return None
    if os.path.isfile(target) and os.stat(target).st_mtime_ns > _newest_source():
        return target
    headers = _headers()
    compiler = _compiler()
    if headers is None or compiler is None:
        return None
    temporary = "%s.%d.tmp" % (target, os.getpid())
    include = [argument for place in headers for argument in ("-I", place)]
    mac = ["-undefined", "dynamic_lookup"] if sys.platform == "darwin" else []
    command = [*compiler, "-O2", "-fPIC", "-shared", "-fvisibility=hidden", *mac, *include, os.path.join(HERE, "core.c"), "-o", temporary]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=TIMEOUT_SECONDS)
        if done.returncode != 0:
            raise RuntimeError(done.stdout.decode("utf-8", "replace")[:2000])
        _try(temporary)
        os.replace(temporary, target)
    finally:
        if os.path.exists(temporary):
            os.unlink(temporary)
    return target


def _newest_source():
    return max(os.stat(os.path.join(HERE, part)).st_mtime_ns for part in _PARTS)


def _headers():
    """Include folders of this interpreter, or None where `Python.h` is not installed."""
    import sysconfig

    places = dict.fromkeys(sysconfig.get_path(name) for name in ("include", "platinclude"))
    found = [place for place in places if place and os.path.isfile(os.path.join(place, "Python.h"))]
    return found or None


def _compiler():
    """The compiler's command: $CC, what the interpreter was built with, or cc; None where none of them is there."""
    import shlex
    import sysconfig

    for text in (os.environ.get("CC"), "cc", "gcc", "clang", sysconfig.get_config_var("CC")):
        words = shlex.split(text or "")
        if words and shutil.which(words[0]):
            return words
    return None


def _try(path):
    """Load the new file in a process of its own: what crashes there must not lie where programs load it."""
    code = (
        "import _imp;from _frozen_importlib import ModuleSpec;m=_imp.create_dynamic(ModuleSpec('_core',None,origin=%r));"
        "_imp.exec_dynamic(m);"
        "import contextvars as c;m.connect(current=c.ContextVar('x',default=None));assert m.encode([1,'a'])==b'\\x92\\x01\\xa1a'"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code % path], timeout=TIMEOUT_SECONDS, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    if done.returncode != 0:
        raise RuntimeError("the new core does not load: " + done.stdout.decode("utf-8", "replace")[:2000])


def compile_bytecode():
    """Leave the runtime's bytecode for this interpreter beside it: many programs run under PYTHONDONTWRITEBYTECODE, and would parse the
    runtime anew at every start (60 ms)."""
    import compileall

    compileall.compile_dir(HERE, quiet=2)


if __name__ == "__main__":
    if len(sys.argv) == 1:
        compile_bytecode()
    path = build(*sys.argv[1:2])
    if path is not None:
        sys.stdout.write(path + "\n")
