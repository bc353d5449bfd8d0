"""The span of a module whose frame was running already when its probes came: behind a header, or in a script that nobody loads.

Such a frame runs code that cannot be exchanged. It keeps what `f_trace` holds, which nothing uses unless somebody traces, until it ends: an
object that ends the span when it goes.
"""

import sys
import weakref

from . import exceptions, faults, plain, probes
from .clock import tick
from .definitions import Function

_bodies = []  # weak references to those that have not ended


def watch(code, frame):
    """Begin the span of the module that runs in `frame`, if its instrumented `code` has one; it ends with the frame."""
    fn = next((item for item in code.co_consts if type(item) is Function and item.fields["kind"] == "module"), None)
    if fn is None or frame.f_trace is not None:  # a debugger or coverage is there, whose place this is
        return
    if sys.version_info < (3, 10):  # there, a frame that somebody traces no longer counts its lines by itself
        return
    if not _bodies:
        import atexit

        atexit.register(_at_exit)
    body = Body(fn)
    _bodies[:] = [known for known in _bodies if known() is not None] + [weakref.ref(body)]
    probes.table["E"](fn)
    frame.f_trace = body


class Body:
    """Ends the span of function `fn` when the frame that holds this is done."""

    __slots__ = ("__weakref__", "fn")

    def __init__(self, fn):
        self.fn = fn

    def __call__(self, frame, event, argument):
        return self

    def __del__(self):
        if self.fn is not None:
            probes.table["F"](self.fn)


def _at_exit():
    """An exception that ends the program keeps the frame that it left: its module ends here, with the error."""
    traceback, error = getattr(sys, "last_traceback", None), getattr(sys, "last_value", None)
    try:
        body = traceback.tb_frame.f_trace if traceback is not None else None
        if type(body) is Body:
            now = tick()
            span = plain.own(body.fn, now)
            if span is not None:
                exceptions.record(span, error)
                plain.close(span, now)
            body.fn = None
    except Exception as failure:
        faults.note(failure)
