"""Found through PYTHONPATH at the start of every Python below `mcp-tracer run`: turns loading hooks on, then makes room for the
`sitecustomize` that would have run without us. Any Python may read this file, old ones too; those run untraced."""

import os
import sys


def _start(folder):
    """Take this folder off the path again, so that the program sees its own, and install the hooks."""
    sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry or ".") != folder]
    if sys.version_info < (3, 9):
        return None
    runtime = os.path.dirname(os.path.dirname(folder))
    sys.path.insert(0, runtime)
    try:
        from mcp_tracer_runtime import loading, scripts
    finally:
        sys.path.remove(runtime)
    loading.install()
    return scripts.arm


def _own():
    """Import the `sitecustomize` that we stand before. Where there is none, this raises what `site` expects then."""
    mine = sys.modules.pop(__name__)
    try:
        __import__(__name__)
    except BaseException:
        sys.modules.setdefault(__name__, mine)
        raise


try:
    _arm = _start(os.path.dirname(os.path.abspath(__file__)))
except Exception:  # a damaged copy of the runtime: the program runs untraced
    _arm = None
try:
    _own()
finally:
    if _arm is not None:
        _arm()
