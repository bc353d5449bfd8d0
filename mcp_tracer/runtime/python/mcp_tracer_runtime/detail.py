"""How much of its values a function captures: whole ones in its first calls and while it is called now and then, brief ones while it is
called so often that whole values would cost more than its work. What was left out is flagged on the span."""

from . import clock, values
from .native import core

CALLS, NS = 32, 2000000  # DETAIL_CALLS and DETAIL_NS of core_spans.h: brief after so many calls in less than so long each


def begin(fn, whole):
    """Start anew; `whole`: and never become brief."""
    fn.whole, fn.brief, fn.detailed, fn.window = whole, False, 0, 0
    _lend(fn)


def turn(fn):
    """`CALLS` calls were recorded since the last turn: decide about as many to come."""
    now = clock.tick()
    fn.brief = not fn.whole and fn.window != 0 and now - fn.window < clock.ticks(CALLS * NS)
    fn.window, fn.detailed = now, CALLS - 1
    _lend(fn)


def _lend(fn):
    """What the Python core's probes find at hand."""
    if core is None:
        fn.plainly = not (fn.secret or fn.receiver)
        fn.encoders = values.BRIEF if fn.brief else values.WHOLE
