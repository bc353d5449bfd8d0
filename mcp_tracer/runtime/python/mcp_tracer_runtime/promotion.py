"""Calls that were only counted and that fail are recorded after all, with the calls above them: an error shows where it came from."""

from . import detail, spans, state
from .clock import tick
from .native import core
from .values import DEPTH, MISSING, encode, left_out, named

_MORE, _MOST = 8, 64  # calls that are recorded as they begin, once one had to be recorded afterwards: that costs many times as much


def promote(span, error):
    """Record `span`, which `error` is leaving, and what it was called from up to the nearest recorded call. Parameters are those that
    the frames hold now."""
    lost, top = [], span
    while top is not None and not top.record:
        if top.counted == 2:  # beyond the depth limit
            return
        lost.append(top)
        top = top.up
    frame = error.__traceback__.tb_frame if error is not None and error.__traceback__ is not None else None
    payloads = []
    for one in lost:
        payload, frame = _parameters(one, frame) if one.counted else (b"", frame)
        payloads.append(payload)
        if left_out:
            spans.note_left_out(one)
    _record(lost, payloads, top)


def _record(lost, payloads, top):
    trace = top.trace if top is not None else None
    parent, depth = (top.seq, top.depth + 1) if top is not None else (0, 0)
    for one, payload in zip(reversed(lost), reversed(payloads)):  # noqa: B905 - `strict` needs Python 3.10
        if trace is None:
            trace = spans.begin_trace() if one.trace is spans.COUNTED else one.trace
        one.trace, one.parent, one.depth, one.seq = trace, parent, depth, parent
        if one.counted:
            one.counted = 0  # an ended one is no longer counted: a task may outlive the call that started it
            one.fn.since -= one.fn.since > 0
            if core is not None:
                one.fn.early = min(one.fn.early + _MORE, _MOST)
            spans.opened(one)
            if not one.fn.defined:
                one.fn.define()
            one.payload = payload + one.payload
            parent, depth = one.seq, depth + 1


def _parameters(span, frame):
    """(section P as `frame` or one below it has the values now, the frame that called it); nothing where no frame is of the function."""
    fn = span.fn
    if fn.inner or not fn.names or not fn.params:
        return b"", frame
    name, place = fn.fields["name"].rpartition(".")[2], frame
    while place is not None and place.f_code.co_name != name:
        place = place.f_back
    if place is None:
        return b"", frame
    found, room, chosen = place.f_locals, state.config.value_bytes, detail.choose_failed(fn)
    brief, before, span.detail = chosen == detail.BRIEF, tick(), detail.WHOLE  # not to be captured again
    secret = fn.secret or (False,) * len(fn.names)
    parts = [fn.head]
    for key, hidden in zip(fn.names, secret):  # noqa: B905 - `strict` needs Python 3.10
        value = found.get(key, fn)
        if value is fn:
            parts.append(MISSING)
        else:
            parts.append(named("password", value, room, DEPTH, brief) if hidden else encode(value, room, DEPTH, brief))
    if fn.receiver and fn.names[0] in found:
        parts[1] = encode(found[fn.names[0]], room, fn.level >= 4 and not brief)
    if chosen == detail.CHARGED:
        detail.charge(fn, tick() - before)
    return b"".join(parts), place.f_back
