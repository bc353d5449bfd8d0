"""What every hook needs: spans for calls into a library, below whatever traced function is running."""
# ruff: noqa: TID252 - this package lives under two names; it must not know either

from contextvars import ContextVar

from .. import exceptions, faults, msgpack, promotion, spans, state
from ..clock import tick
from ..definitions import Function
from ..native import core
from ..spans import Span, cover, current, finish, prepare
from ..values import encode, left_out, type_name

_inside = ContextVar("mcp_tracer_library", default=None)  # the span of the library call that is running


def function(name, kind):
    """The definition of a library's entry point: `kind` is db, http-client, http-server or test."""
    return Function({"file": "", "name": name, "line": 0, "kind": kind, "params": []}, 2)


def wanted(fn):
    """Whether the settings let calls of this kind be recorded."""
    return state.config.database if fn.fields["kind"] == "db" else state.config.http


def begin(fn):
    """A span for a call of `fn` below the current one. None where no traced function of level 2 or more is running, where the settings
    switch this kind off, and where the call is part of another library's call of the same kind that has a span. Where all above is only
    counted, so are statements, unless they fail or are slow; a request is not: another process may go on with its trace."""
    try:
        up = current.get()
        if up is None or up.fn.level < 2 or not wanted(fn):
            return None
        if not up.trace.id:
            if up.trace is not spans.COUNTED or not state.on:
                return None
            if fn.fields["kind"] != "db":
                promotion.lift(up)
        outer = _inside.get()
        if outer is not None and outer.up is up and outer.fn.fields["kind"] == fn.fields["kind"]:
            return None
        return _started(fn, up)
    except Exception as error:
        faults.note(error)
        return None


def _started(fn, up):
    span = prepare(Span(), fn, up)
    span.start = tick()
    return span if span.record or span.counted == 1 else None


def attributes(values):
    """Section T: names to values of the program, bounded and redacted."""
    return b"T" + msgpack.map(len(values)) + b"".join(msgpack.text(name) + encode(value, 4000) for name, value in values.items())


def end(span, values, error=None):
    """End a span of `begin` with its attributes and the exception that left the call, if one did."""
    try:
        if error is not None:
            values = {**values, "error.type": type_name(type(error))}
            exceptions.record(span, error)
        _ended(span, values)
    except Exception as fault:
        faults.note(fault)


def _ended(span, values):
    now = tick()
    if values and (span.record or spans.kept(span, now)):
        span.payload += attributes(values)
        if left_out:
            spans.note_left_out(span)
    if span.up is not None:
        cover(span.up, span.start, now)
    finish(span, now)


attributes_in_python = attributes
if core is not None:
    attributes, _started, _ended = core.attributes, core.begin_call, core.end_call


def _nothing(*_, **__):
    return {}


def told(describe, *arguments, **named):
    """The attributes that `describe` makes of a call; {} where it fails, which is our fault and not the program's."""
    try:
        return describe(*arguments, **named) or {}
    except Exception as error:
        faults.note(error)
        return {}


def within():
    """The span of the library call that is running; None outside of any."""
    return _inside.get()


class _Running:
    """A library call in its span, for `with`."""

    __slots__ = ("before", "span", "values")

    def __init__(self, span, values):
        self.span, self.values, self.before = span, values, _inside.get()

    def __enter__(self):
        _inside.set(self.span)
        return self

    def gave(self, result, outcome, arguments, named):
        """It gave `result`, of which `outcome` makes attributes. Returns it."""
        self.values = {**self.values, **told(outcome, result, *arguments, **named)}
        return result

    def __exit__(self, kind, error, traceback):
        _inside.set(self.before)
        end(self.span, self.values, error)


def call(fn, describe, outcome=_nothing):
    """For `patch`: a span around each call. `describe` makes attributes of the arguments, `outcome` of the result and the arguments."""

    def make(original):
        def traced(*arguments, **named):
            span = begin(fn)
            if span is None:
                return original(*arguments, **named)
            with _Running(span, told(describe, *arguments, **named)) as running:
                return running.gave(original(*arguments, **named), outcome, arguments, named)

        return traced

    return make


def awaited(fn, describe, outcome=_nothing):
    """As `call`, for a coroutine function."""

    def make(original):
        async def traced(*arguments, **named):
            span = begin(fn)
            if span is None:
                return await original(*arguments, **named)
            with _Running(span, told(describe, *arguments, **named)) as running:
                return running.gave(await original(*arguments, **named), outcome, arguments, named)

        return traced

    return make


def patch(owner, **makers):
    """Replace attributes of a class or module by what their makers make of them. All are looked up first: where one is missing (a version
    that we do not know) nothing is replaced, and AttributeError is raised."""
    originals = {name: getattr(owner, name) for name in makers}
    for name, make in makers.items():
        setattr(owner, name, dress(make(originals[name]), originals[name]))


def replace(holder, name, make):
    """Replace what an object of the program holds, in the middle of the program's own call: a failure is counted and changes nothing."""
    try:
        setattr(holder, name, make(getattr(holder, name)))
    except Exception as error:
        faults.note(error)


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
