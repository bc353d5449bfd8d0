"""Probes of level 3 and above: call sites, awaits, values, lines."""

from . import faults, msgpack, spans
from .clock import tick
from .plain import abandon, close, own
from .spans import Span, current, event, light, prepare
from .values import DEPTH, encode, left_out, named

_get, _set = current.get, current.set
_text, _map = msgpack.text, msgpack.map


def open_call(site, last):
    """P: everything of a call but `last` is evaluated and it will begin now. Passes `last` on."""
    try:
        if site.level < 3:
            light(site).start = tick()
        else:
            span = prepare(Span(), site, _get())
            _set(span)
            span.start = tick()
    except Exception as error:
        faults.note(error)
        light(site)
    return last


def close_call(site, value):
    """A: the call gave `value`, which is written unless a traced function below has written it already."""
    now = tick()
    try:
        span = _get()
        if span is None or span.fn is not site:
            span = own(site, now)
            if span is None:
                return value
        if site.returns and span.record and not span.covered and span.intervals is None:
            span.payload = b"R" + encode(value, site.room, DEPTH, site.brief)
            if left_out:
                spans.note_left_out(span)
        close(span, now)
    except Exception as error:
        abandon(site, error)
    return value


def values(site, *bound):
    """V: these names were just assigned."""
    try:
        wanted = site.variables
        span = _get()
        if not wanted or span is None or site.level < 4:
            return
        if not span.record or span.events >= spans.MAX_EVENTS:  # it will not be written: no need to look at the values
            event(span, site, b"")
            return
        spans.count_call(site)
        room, brief = site.room, site.brief
        names = site.fields["names"]
        pairs = [
            _text(name) + named(name, value, room, DEPTH, brief)
            for name, value in zip(names, bound)  # noqa: B905 - `strict` needs Python 3.10
            if wanted is True or name in wanted
        ]
        _show(span, site, pairs)
    except Exception as error:
        faults.note(error)


def assigned(site, value):
    """VA: `value` is about to become an attribute, an item or the like, which could not be read back without running code. Passes it on."""
    try:
        wanted = site.variables
        span = _get()
        if wanted and span is not None and span.record and site.level >= 4:
            spans.count_call(site)
            pairs = []
            for name in site.fields["names"]:
                last = name.rpartition(".")[2]
                if wanted is True or name in wanted or last in wanted:
                    pairs.append(_text(name) + named(last, value, site.room, DEPTH, site.brief))
            _show(span, site, pairs)
    except Exception as error:
        faults.note(error)
    return value


def _show(span, site, pairs):
    """Write the event of the values in `pairs`, packed names and values, and say on the span what capturing left out."""
    if left_out:
        spans.note_left_out(span)
    if pairs:
        event(span, site, b"V" + _map(len(pairs)) + b"".join(pairs))


def line(site):
    """L: this line runs next."""
    try:
        span = _get()
        if span is not None and site.level >= 5:
            event(span, site, b"")
    except Exception as error:
        faults.note(error)


PROBES = {"P": open_call, "A": close_call, "V": values, "VA": assigned, "L": line}
