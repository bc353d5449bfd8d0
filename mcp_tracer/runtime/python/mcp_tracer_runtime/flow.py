"""Probes of coroutines, generators and async generators. They hold their span in a local, so they know it in whatever context they wake up.

A coroutine's context suspends and resumes with it: only its waiting is timed. A generator runs in the context of whoever resumes it: at
each yield it
makes the resumer's span current again, at each resumption its own. One span covers it from the first step to the end.
"""

import sys

from . import exceptions, faults, governor, spans
from .clock import tick
from .plain import jump, parameters
from .spans import FlowSpan, cover, current, finish, prepare

_get, _set = current.get, current.set
delegates = {}  # id of a generator's frame -> span of the generator that delegates to it


class _Nothing:
    """Stands for a span that could not be made. Every probe of the flow takes it and does nothing."""

    closed = True


NOTHING = _Nothing()


def enter_coroutine(fn, *arguments):
    """EC: first step of a coroutine."""
    try:
        up = _get()
        span = _begin(fn, up, arguments)
        if up is not None and not up.awaiting and up.intervals is None:
            up.intervals = []  # its children may overlap: tasks started by plain code
        _set(span)
        span.start = tick()
        return span
    except Exception as error:
        faults.note(error)
        return NOTHING


def enter_generator(fn, *arguments):
    """EG: first step of a generator."""
    try:
        up = resumer = _get()
        if delegates:
            up = delegates.get(id(sys._getframe(1)), up)
        span = _begin(fn, up, arguments)
        span.up = resumer
        span.generator = True
        _set(span)
        span.start = span.resumed = tick()
        return span
    except Exception as error:
        faults.note(error)
        return NOTHING


def _begin(fn, up, arguments):
    before = governor.begins(fn)
    span = prepare(FlowSpan(), fn, up)
    span.closed = span.generator = False
    span.suspended = span.resumes = span.resumed = span.waited_since = 0
    span.delegate = None
    if span.record and fn.params and arguments:
        span.payload = parameters(span, fn, arguments)
    if before and span.record:
        governor.measured(fn, 2 * (tick() - before))
    return span


def await_begins(span, awaitable):
    """BW: `awaitable` will be awaited."""
    if not span.closed:
        span.waited_since = tick()
        span.awaiting = True
    return awaitable


def await_ended(span, value):
    """W: it gave `value`."""
    if not span.closed and span.awaiting:
        _count_wait(span, tick())
    return value


def _count_wait(span, now):
    span.awaiting = False
    waited = now - span.waited_since
    span.suspended += waited
    span.covered += waited
    span.resumes += 1
    span.flags |= spans.SUSPENDED


def yielding(span, value):
    """GY: a generator is about to yield `value`."""
    try:
        if not span.closed:
            _suspend(span)
    except Exception as error:
        faults.note(error)
    return value


def delegating(span, iterable):
    """GD: it delegates to `iterable`, in the eyes of its own span one long suspension. A traced generator there becomes its child."""
    try:
        if not span.closed:
            frame = getattr(iterable, "gi_frame", None) if type(iterable) is _GENERATOR else None
            if frame is not None:
                span.delegate = id(frame)
                delegates[span.delegate] = span
            _suspend(span)
    except Exception as error:
        faults.note(error)
    return iterable


def _suspend(span):
    now = tick()
    up = span.up
    if _get() is span:
        _set(up)
    if up is not None:
        cover(up, span.resumed, now)
    span.resumed, span.waited_since = 0, now


def resumed(span, value):
    """GR: the generator goes on; `value` was sent."""
    try:
        if not span.closed:
            _resume(span)
    except Exception as error:
        faults.note(error)
    return value


def _resume(span):
    if span.delegate is not None:
        delegates.pop(span.delegate, None)
        span.delegate = None
    if span.resumed:
        return
    up = _get()
    if up is not span:
        span.up = up
        _set(span)
    span.resumed = now = tick()
    away = now - span.waited_since
    span.suspended += away
    span.covered += away
    span.resumes += 1
    span.flags |= spans.SUSPENDED


def unwind(span):
    """CU: an exception may have been caught: one of a call, one that ended an await, or one thrown into a generator at its yield."""
    try:
        if not span.closed:
            wake(span, tick())
    except Exception as error:
        faults.note(error)


def wake(span, now):
    """Make `span` current again, ending what an exception jumped over."""
    if span.awaiting:
        _count_wait(span, now)
    if span.generator:
        _resume(span)
    top = found = _get()
    while found is not None and found is not span:
        found = found.up
    if found is not None:
        jump(top, span, now)


def returning(span, value):
    """CRV: `return value` was reached."""
    try:
        if not span.closed and span.fn.returns and (span.record or spans.kept(span, tick())):
            spans.keep_result(span, value)
    except Exception as error:
        faults.note(error)
    return value


def mark(span):
    """CM: an exception leaves it. Closing a generator is none."""
    try:
        if not span.closed:
            wake(span, tick())
            error = sys.exc_info()[1]
            if type(error) is not GeneratorExit:
                exceptions.record(span, error)
    except Exception as error:
        faults.note(error)


def end(span):
    """CF: it is over."""
    if span.closed:
        return
    now = tick()
    span.closed = True
    try:
        wake(span, now)
        up = span.up
        if _get() is span:
            _set(up)
        if up is not None:
            cover(up, span.resumed if span.generator else span.start, now)
        if (span.record or spans.kept(span, now)) and span.resumes and span.fn.waits:
            span.payload += b"S\x92" + spans.msgpack.integer(span.suspended) + spans.msgpack.integer(span.resumes)
        finish(span, now)
    except Exception as error:
        faults.note(error)


def hide_span(names):
    """LF: what `locals()`, `vars()` or `dir()` gave, without our local."""
    try:
        names.pop("_mt_s", None) if isinstance(names, dict) else "_mt_s" in names and names.remove("_mt_s")
    except Exception as error:
        faults.note(error)
    return names


def _generator():
    yield


_GENERATOR = type(_generator())
PROBES = {
    "EC": enter_coroutine,
    "EG": enter_generator,
    "BW": await_begins,
    "W": await_ended,
    "GY": yielding,
    "GR": resumed,
    "GD": delegating,
    "CU": unwind,
    "CRV": returning,
    "CM": mark,
    "CF": end,
    "LF": hide_span,
}
