"""Probes of level 3 and above: call sites, awaits, values, lines."""

from . import detail, faults, msgpack, places, spans
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
        if site.returns and (span.record or spans.kept(span, now)) and not span.covered and span.intervals is None:
            span.payload = b"R" + encode(value, site.room, DEPTH, span.detail == detail.BRIEF)
            if span.detail == detail.CHARGED:
                detail.charge(site, tick() - now)
            if left_out:
                spans.note_left_out(span)
        close(span, now)
    except Exception as error:
        abandon(site, error)
    return value


def _showing(site):
    """The current span, if values at `site` are written of it. Where they are only counted, nobody has to look at them."""
    span = _get()
    if not site.variables or span is None or site.level < 4:
        return None
    if span.record and span.events < spans.MAX_EVENTS:
        return span
    event(span, site, b"")
    return None


def values(site, *bound):
    """V: these names were just assigned."""
    try:
        span = _showing(site)
        if span is not None:
            wanted = site.variables
            pairs = zip(site.fields["names"], bound)  # noqa: B905 - `strict` needs Python 3.10
            _show(span, site, [(name, name, value) for name, value in pairs if wanted is True or name in wanted])
    except Exception as error:
        faults.note(error)


def assigned(site, value):
    """VA: `value` is about to become an attribute, an item or the like, which could not be read back without running code. Passes it on."""
    try:
        span = _showing(site)
        if span is not None:
            show_assigned(span, site, value)
    except Exception as error:
        faults.note(error)
    return value


def changed(site, *held):
    """VP: attributes and items have changed; `held` is what leads to them."""
    try:
        span = _showing(site)
        if span is not None:
            show_changed(span, site, *held)
    except Exception as error:
        faults.note(error)


def show_changed(span, site, *held):
    """Write the event of VP."""
    wanted, held, shown = site.variables, iter(held), []
    for name, steps in zip(site.fields["names"], routes.get(site, ())):  # noqa: B905 - `strict` needs Python 3.10
        value, last = places.value_at(steps, held), _last(name)
        if value is not places.NOTHING and (wanted is True or name in wanted or last in wanted):
            shown.append((name, last, value))
    _show(span, site, shown)


def _last(name):
    """The part of a target's text that may tell a secret: an attribute's name or a key."""
    return name.rpartition(".")[2].rpartition("[")[2].strip('"]') if name.endswith('"]') else name.rpartition(".")[2]


def show_assigned(span, site, value):
    """Write the event of VA."""
    wanted = site.variables
    names = [(name, _last(name)) for name in site.fields["names"]]
    _show(span, site, [(name, last, value) for name, last in names if wanted is True or name in wanted or last in wanted])


def _show(span, site, shown):
    """Write the event of the values in `shown`, (name, the last part of it, value), and say on the span what capturing left out."""
    chosen = detail.choose(site)
    before = tick() if chosen == detail.CHARGED else 0
    room, brief = site.room, chosen == detail.BRIEF
    pairs = [_text(name) + named(last, value, room, DEPTH, brief) for name, last, value in shown]
    if before:
        detail.charge(site, tick() - before)
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


routes = {}  # site -> the steps to each of its places
PROBES = {"P": open_call, "A": close_call, "V": values, "VA": assigned, "VP": changed, "L": line}
