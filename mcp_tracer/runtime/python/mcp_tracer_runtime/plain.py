"""Probes of plain functions. They hold no local: the current span is found through the context, and must be this function's own."""

import sys
from time import perf_counter_ns

from . import exceptions, faults, spans, state
from .spans import Span, cover, current, finish, light, prepare
from .values import encode, named

_get, _set = current.get, current.set


def enter(fn, *arguments):
    """E: a call of `fn` begins."""
    try:
        span = prepare(Span(), fn, _get())
        if span.record and fn.params and arguments:
            span.payload = parameters(fn, arguments)
        _set(span)
        span.start = perf_counter_ns()
    except Exception as error:
        faults.note(error)
        light(fn)


def leave(fn, value):
    """R: it returns `value`, which is passed on."""
    now = perf_counter_ns()
    try:
        span = _get()
        if span is None or span.fn is not fn:
            span = own(fn, now)
            if span is None:
                return value
        if span.record and fn.returns:
            span.payload += b"R" + encode(value, state.config.value_bytes)
        close(span, now)
    except Exception as error:
        abandon(fn, error)
    return value


def fail(fn):
    """Z: an exception leaves it."""
    now = perf_counter_ns()
    try:
        span = own(fn, now)
        if span is not None:
            exceptions.record(span, sys.exc_info()[1])
            close(span, now)
    except Exception as error:
        abandon(fn, error)


def returning(fn, value):
    """RV: `return value` was reached, but a `finally` or `with` still runs."""
    try:
        span = own(fn, perf_counter_ns())
        if span is not None and span.record and fn.returns:
            span.result = b"R" + encode(value, state.config.value_bytes)
    except Exception as error:
        faults.note(error)
    return value


def mark(fn):
    """M: an exception leaves it; F follows."""
    try:
        span = own(fn, perf_counter_ns())
        if span is not None:
            exceptions.record(span, sys.exc_info()[1])
    except Exception as error:
        faults.note(error)


def end(fn):
    """F: it is over."""
    now = perf_counter_ns()
    try:
        span = own(fn, now)
        if span is not None:
            close(span, now)
    except Exception as error:
        abandon(fn, error)


def parameters(fn, arguments):
    """Section P."""
    room = state.config.value_bytes
    parts = [encode(value, room) if not secret else named("password", value) for value, secret in zip(arguments, fn.secret)]
    return b"P" + spans.msgpack.array(len(parts)) + b"".join(parts)


def close(span, now):
    """End `span`, which is the current one."""
    up = span.up
    _set(up)
    if up is not None:
        cover(up, span.start, now)
    finish(span, now)


def abandon(fn, error):
    """A probe that ends `fn` failed (most likely the stack is full): make what was current before it current again. Calls next to nothing."""
    faults.note(error)
    span = _get()
    while span is not None and span.fn is not fn:
        span = span.up
    if span is not None:
        _set(span.up)
        spans.live.pop(span.seq, None)


def unwind(fn):
    """U: an exception of a call in `fn` may have been caught."""
    try:
        own(fn, perf_counter_ns())
    except Exception as error:
        faults.note(error)


def own(fn, now):
    """The current span of `fn`. What lies above it was jumped over by an exception and ends here; None if `fn` has none."""
    span = top = _get()
    while span is not None and span.fn is not fn:
        span = span.up
    if span is not None:
        while top is not span:
            if not top.held:
                top.flags |= spans.ERROR
                up = top.up
                if up is not None:
                    cover(up, top.start, now)
                finish(top, now)
            top = top.up
        _set(span)
    return span


PROBES = {"E": enter, "R": leave, "Z": fail, "RV": returning, "M": mark, "F": end, "U": unwind}
