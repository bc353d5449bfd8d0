"""What every hook needs: spans for calls into a library, below whatever traced function is running."""
# ruff: noqa: TID252 - this package lives under two names; it must not know either

from time import perf_counter_ns

from .. import exceptions, faults, msgpack, spans
from ..definitions import Function
from ..spans import Span, cover, current, finish, prepare
from ..values import encode

_PLAIN = (str, int, float, bool, bytes, type(None))


def function(name, kind):
    """The definition of a library's entry point: `kind` is db, http-client, http-server or test."""
    return Function({"file": "", "name": name, "line": 0, "kind": kind, "params": []}, 2)


def begin(fn):
    """A span for a call of `fn` below the current one; None where no traced function of level 2 or more is running."""
    try:
        up = current.get()
        if up is None or not up.trace.id or up.fn.level < 2:
            return None
        span = prepare(Span(), fn, up)
        span.start = perf_counter_ns()
        return span if span.record else None
    except Exception as error:
        faults.note(error)
        return None


def attributes(values):
    """Section T: names to values of the program, bounded and redacted."""
    return b"T" + msgpack.map(len(values)) + b"".join(msgpack.text(name) + encode(value, 4000) for name, value in values.items())


def end(span, values, error=None):
    """End a span of `begin` with its attributes and the exception that left the call, if one did."""
    now = perf_counter_ns()
    try:
        if values:
            span.payload += attributes(values)
        if error is not None:
            exceptions.record(span, error)
        if span.up is not None:
            cover(span.up, span.start, now)
        finish(span, now)
    except Exception as fault:
        faults.note(fault)


def dress(hooked, original):
    """Give a replacement the name, signature text and documentation of what it replaces."""
    for name in ("__name__", "__qualname__", "__doc__", "__module__"):
        try:
            setattr(hooked, name, getattr(original, name))
        except AttributeError:
            continue
    hooked.__wrapped__ = original
    return hooked


def parent_header(span):
    """The `traceparent` that makes another process a child of `span`."""
    return "00-%s-%s-01" % (span.trace.hex, spans.span_hex(span))
