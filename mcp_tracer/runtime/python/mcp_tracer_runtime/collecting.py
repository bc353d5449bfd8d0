"""Keeps CPython up to 3.11 from using a freed context: there the garbage collector may run in the middle of `ContextVar.set`, and what it
finalizes may set a variable of the same context, whose old state the interrupted one still reads. Traced finalizers would do just that.

So the state in force when a collection begins is held until it is over for sure: the interrupted `set` ends before any other Python code.
"""

import gc
import sys
from _contextvars import copy_context
from collections import deque

_held = deque(maxlen=32)  # one `set` allocates less often than that
_running = False
_count = _seen = 0


def install():
    """Hold contexts over collections, where the interpreter needs it."""
    if sys.version_info < (3, 12):
        gc.callbacks.append(_hold)


def _hold(phase, _):
    global _running, _count
    if phase == "start":
        _running = True
        _count += 1
        _held.append(copy_context())
    else:
        _running = False


def release():
    """Let go of what was held, unless a collection runs or ran since the last call: it may not be quite over in its thread."""
    global _seen
    if not _running and _seen == _count:
        _held.clear()
    _seen = _count
