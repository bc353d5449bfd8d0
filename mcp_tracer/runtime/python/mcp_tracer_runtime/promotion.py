"""Calls that were only counted and that fail, or take longer than others, are recorded after all, with the calls above them: an error shows
where it came from, and the slowest call of each function is there."""

import os
import sys

from . import detail, governor, spans, state
from .clock import tick
from .native import core
from .values import DEPTH, MISSING, encode, left_out, named

OURS = os.path.dirname(os.path.abspath(__file__)) + os.sep  # what our frames' files begin with
_TAKERS = frozenset(("locals", "vars", "dir", "eval", "exec", "f_locals", "_getframe", "currentframe"))
_MORE, _MOST = 8, 64  # calls that are recorded as they begin, once one had to be recorded afterwards: that costs many times as much
_SLOWER = 1.25  # times the last one that was kept for its time: a function has few of these, however long it runs
_DEEP = 64  # calls that were only counted, one in the other: further ones are not looked at


def promote(span, error):
    """Record `span`, which `error` is leaving, and what it was called from up to the nearest recorded call. Parameters are those that
    the frames hold now."""
    frame = error.__traceback__.tb_frame if error is not None and error.__traceback__ is not None else None
    lost, top = _counted(span)
    for one in _record(lost, _captured(lost, frame), top):
        if core is not None:
            one.fn.early = min(one.fn.early + _MORE, _MOST)


def keep(span, now):
    """Record `span`, which ends at the tick `now` and was slow, likewise. Whether it is recorded now."""
    before = tick()
    span.fn.slow = int((now - span.start) * _SLOWER)
    lost, top = _counted(span)
    if 0 < len(lost) <= _DEEP and state.on:
        _record(lost, _captured(lost, _frame()), top)
    governor.used[0] += tick() - before
    return span.record


def lift(span):
    """Record `span`, which goes on, likewise: what it calls now has to be recorded."""
    lost, top = _counted(span)
    _record(lost, _captured(lost, _frame()), top)


def _counted(span):
    """(`span` and what it was called from, as far as that is not recorded; the nearest recorded call). Nothing where it is too deep."""
    lost, top = [], span
    while top is not None and not top.record:
        if top.counted == 2:  # beyond the depth limit
            return [], None
        lost.append(top)
        top = top.up
    return lost, top


def _frame():
    """The innermost frame of the program."""
    frame = sys._getframe()
    while frame is not None and frame.f_code.co_filename.startswith(OURS):
        frame = frame.f_back
    return frame


def may_read(frame):
    """Whether reading the locals of `frame` changes nothing that the program may hold: until Python 3.13 it brings up to date the one
    dictionary that `locals()` gave there."""
    return sys.version_info >= (3, 13) or _TAKERS.isdisjoint(frame.f_code.co_names)


def _captured(lost, frame):
    """The parameters of each, as section P."""
    payloads = []
    for one in lost:
        payload, frame = _parameters(one, frame) if one.counted else (b"", frame)
        payloads.append(payload)
        if left_out:
            spans.note_left_out(one)
    return payloads


def _record(lost, payloads, top):
    trace = top.trace if top is not None else None
    parent, depth = (top.seq, top.depth + 1) if top is not None else (0, 0)
    recorded = []
    for one, payload in zip(reversed(lost), reversed(payloads)):  # noqa: B905 - `strict` needs Python 3.10
        if trace is None:
            trace = spans.begin_trace() if one.trace is spans.COUNTED else one.trace
        one.trace, one.parent, one.depth, one.seq = trace, parent, depth, parent
        if one.counted:
            one.counted = 0  # an ended one is no longer counted: a task may outlive the call that started it
            one.fn.since -= one.fn.since > 0
            spans.opened(one)
            if not one.fn.defined:
                one.fn.define()
            one.payload = payload + one.payload
            if one.fn.level >= 4:  # its lines and values until now were only counted
                one.flags |= spans.LEFT_OUT
            parent, depth = one.seq, depth + 1
            recorded.append(one)
    return recorded


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
    if not may_read(place):
        return b"", place.f_back
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
