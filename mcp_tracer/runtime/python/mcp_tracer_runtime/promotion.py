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
    its frame holds now; those of its callers are read when they end."""
    frame = error.__traceback__.tb_frame if error is not None and error.__traceback__ is not None else None
    for one in _record(span, frame):
        if core is not None:
            one.fn.early = min(one.fn.early + _MORE, _MOST)


def keep(span, now):
    """Record `span`, which ends at the tick `now` and was slow, likewise. Whether it is recorded now."""
    before = tick()
    span.fn.slow = int((now - span.start) * _SLOWER)
    if state.on:
        _record(span, _frame(), _DEEP)
    governor.used[0] += tick() - before
    return span.record


def lift(span):
    """Record `span`, which goes on, likewise: what it calls now has to be recorded."""
    _record(span, None)


def complete(span):
    """Read the parameters of a call that ends now and that was recorded after it had begun."""
    span.detail = detail.WHOLE
    span.payload = _parameters(span, _frame()) + span.payload
    if left_out:
        spans.note_left_out(span)


def _counted(span):
    """(`span` and what it was called from, as far as that is not recorded; the nearest recorded call). Nothing where it is too deep."""
    lost, top = [], span
    while top is not None and not top.record:
        if top.counted == 2:  # beyond the depth limit
            return [], None
        lost.append(top)
        top = top.up
    if len(lost) + (-1 if top is None else top.depth) > span.fn.max_depth:  # calls that are only counted have no depth of their own
        return [], None
    return lost, top


def _frame():
    """The innermost frame of the program."""
    frame = sys._getframe()
    while frame is not None and frame.f_code.co_filename.startswith(OURS):
        frame = frame.f_back
    return frame


def _record(span, frame, most=None):
    """Record `span`, with the parameters that `frame` holds if it is its own, and its callers. Returns those that were not recorded."""
    lost, top = _counted(span)
    if most is not None and len(lost) > most:
        return []
    payload = _parameters(span, frame) if span.counted else b""
    if left_out:
        spans.note_left_out(span)
    trace = top.trace if top is not None else None
    parent, depth = (top.seq, top.depth + 1) if top is not None else (0, 0)
    recorded = []
    for one in reversed(lost):
        if one.record:  # another thread, or a finalizer, was faster
            trace, parent, depth = one.trace, one.seq, one.depth + 1
            continue
        if trace is None:
            trace = spans.begin_trace() if one.trace is spans.COUNTED else one.trace
        one.trace, one.parent, one.depth, one.seq = trace, parent, depth, parent
        if one.counted:
            one.counted = 0  # an ended one is no longer counted: a task may outlive the call that started it
            one.fn.since -= one.fn.since > 0
            spans.opened(one)
            if not one.fn.defined:
                one.fn.define()
            if one is not span or frame is None:  # it goes on: reading its frame would write into it, until Python 3.13
                one.detail = detail.UNSEEN
            else:
                one.payload = payload + one.payload
            if one.fn.level >= 4:  # its lines and values until now were only counted
                one.flags |= spans.LEFT_OUT
            parent, depth = one.seq, depth + 1
            recorded.append(one)
    return recorded


def _parameters(span, frame):
    """Section P as `frame`, which is about to end, has the values now; nothing where it is not of the function."""
    fn = span.fn
    found = locals_of(fn, frame) if not fn.inner and fn.names and fn.params else None
    if found is None:
        return b""
    room, chosen = state.config.value_bytes, detail.choose_failed(fn)
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
    return b"".join(parts)


def locals_of(fn, frame):
    """What the names of a frame stand for; None where it is not of the function, or where reading them would change what the program may
    hold: until Python 3.13 it brings up to date the one dictionary that `locals()` gave there."""
    if frame is None or frame.f_code.co_name != fn.fields["name"].rpartition(".")[2]:
        return None
    return frame.f_locals if sys.version_info >= (3, 13) or _TAKERS.isdisjoint(frame.f_code.co_names) else None
