"""Probes of plain functions. They hold no local: the current span is found through the context, and must be this function's own."""

import sys
from _thread import get_ident
from itertools import count

from . import estimates, exceptions, faults, governor, phases, promotion, spans, state
from .clock import tick
from .detail import BRIEF, CHARGED, LATER, UNSEEN, charge, choose, latest, settle
from .governor import DEAR
from .kinds import bare
from .msgpack import SMALL
from .spans import WIDE, Span, count_ended, cover, current, finish, kept, light, prepare
from .values import ALIKE, DEPTH, encode, left_out, named, receiver

_get, _set = current.get, current.set
_live, _next_seq = spans.live, spans.next_seq
_used = governor.used
_alike = ALIKE.get
_SMALL = [SMALL[number] for number in range(128)]
_SMALL_RESULT = [b"R" + packed for packed in _SMALL]


def enter(fn, *arguments):
    """E: a call of `fn` begins. The common case of `spans.prepare` is spelled out: a call costs what this function costs."""
    try:
        up = _get()
        if fn.period > 1 and _counted(fn, up):
            return
        before = tick() if governor.on and (not fn.left & 31 or fn.cost >= DEAR) else 0
        span = Span()
        if up is None or not up.record or not fn.defined or not fn.level or up.depth >= fn.max_depth or fn.period > 1:
            prepare(span, fn, up)
        else:
            span.announced = span.awaiting = span.counted = span.covered = 0
            span.err = span.events = span.flags = span.others = 0
            span.payload = span.result = b""
            span.intervals = None
            span.record = True
            span.fn, span.up, span.trace, span.parent, span.depth = fn, up, up.trace, up.seq, up.depth + 1
            span.thread = thread = get_ident()
            if thread != up.thread and up.intervals is None:
                up.intervals = []
            span.seq = seq = _next_seq()
            _live[seq] = span
            span.detail = choose(fn) if fn.eager else LATER if fn.due <= latest[0] else BRIEF
            if fn.left < 2:
                governor.taken(fn)
            else:
                fn.left -= 1
                _used[0] += fn.cost
        if arguments and fn.params and span.record:
            span.payload = _parameters(span, fn, arguments)
        _set(span)
        span.start = now = tick()
        if before and span.record:
            governor.measured(fn, 2 * (now - before))
    except Exception as error:
        faults.note(error)
        light(fn)


def _parameters(span, fn, arguments):
    """Section P. The smallest values are spelled out."""
    if not fn.plainly:
        return parameters(span, fn, arguments)
    payload = fn.head
    if fn.receiver:
        if fn.level >= 4 and span.detail == LATER:
            settle(span)
        payload += receiver(arguments[0], fn.room, fn.level >= 4 and span.detail != BRIEF)
        arguments = arguments[1:]
    for value in arguments:
        if value is None:
            payload += b"\xc0"
        elif type(value) is int and -1 < value < 128:
            payload += _SMALL[value]
        else:
            payload += captured(span, fn, value)
    return payload


def captured(span, fn, value):
    """msgpack of `value`, one of those of `span`, as deep as may be. How deep, is asked only where that makes a difference."""
    encoder = _alike(id(type(value)))
    if encoder is not None:
        known = encoder(value, fn.room, DEPTH, None)
        if known is not None:
            return known
    if span.detail == LATER:
        settle(span)
    if span.detail == BRIEF and (known := bare(value)) is not None:
        span.flags |= spans.LEFT_OUT if known[1] else 0
        return known[0]
    before = tick() if span.detail == CHARGED else 0
    known = encode(value, fn.room, DEPTH, span.detail == BRIEF)
    if before:
        charge(fn, tick() - before)
    if left_out:
        spans.note_left_out(span)
    return known


def _counted(fn, up):
    """Begin a call that is only counted, if that is what it is: as `spans.prepare` does, with no more than it takes."""
    if up is None or not fn.level or not fn.defined or not governor.on or up.depth >= fn.max_depth:
        return False
    trace = up.trace
    if trace is not spans.COUNTED and (not trace.id or not governor.skips(fn, trace.id)):
        return False
    fn.since += 1
    span = Span()
    span.fn, span.up, span.trace, span.depth = fn, up, trace, up.depth
    span.seq = span.parent = up.seq
    spans.blank(span)
    span.record, span.counted = False, 1
    span.thread = thread = get_ident()
    if thread != up.thread and up.intervals is None:
        up.intervals = []
    _set(span)
    span.start = tick()
    return True


def leave(fn, value):
    """R: it returns `value`, which is passed on. The common case of `spans.finish` is spelled out."""
    now = tick()
    try:
        span = _get()
        if span is None or span.fn is not fn:
            span = own(fn, now)
            if span is None:
                return value
        up = span.up
        _set(up)
        start = span.start
        duration = now - start
        if up is not None:
            if up.intervals is not None or up.awaiting:
                cover(up, start, now)
            else:
                up.covered += duration
        if not (span.record or (duration > fn.slow and kept(span, now))):
            if span.counted:
                count_ended(span, now)
            return value
        latest[0] = now
        if span.detail == UNSEEN:
            promotion.complete(span)
        payload = span.payload
        if fn.returns:
            if value is None:
                payload += b"R\xc0"
            elif type(value) is int and -1 < value < 128:
                payload += _SMALL_RESULT[value]
            else:
                payload += b"R" + captured(span, fn, value)
        thread, seq = spans.thread_ids.get(span.thread), span.seq
        if thread is None or duration < fn.min_ticks or duration >= WIDE or span.intervals is not None:
            span.payload = payload
            finish(span, now)
            return value
        if seq in _live:
            del _live[seq]
        own_time = duration - span.covered
        if own_time < 0:
            own_time = 0
        state.spool.put_span(
            start, duration, own_time, seq, span.parent, span.trace.id, fn.id, span.depth, thread, span.flags, span.others, payload
        )
    except Exception as error:
        abandon(fn, error)
    return value


def fail(fn):
    """Z: an exception leaves it."""
    now = tick()
    try:
        span = own(fn, now)
        if span is not None:
            exceptions.record(span, sys.exc_info()[1])
            close(span, now)
    except Exception as error:
        abandon(fn, error)


def fail_unseen(fn):
    """ZS: an exception leaves a call that ran without probes. It is recorded, and took what calls of this function take on average."""
    now = tick()
    try:
        error = sys.exc_info()[1]
        up = _get()
        trace = up.trace if up is not None else spans.COUNTED
        if type(error) is GeneratorExit or not fn.level or not (trace.id or trace is spans.COUNTED):
            return
        span = Span()
        span.fn, span.up, span.trace, span.counted, span.thread = fn, up, trace, 1, get_ident()
        span.start = now - estimates.mean(fn)
        fn.since += 1
        exceptions.record(span, error)
        if span.record:
            span.flags |= estimates.ESTIMATED
            if up is not None:
                cover(up, span.start, now)
            finish(span, now)
            phases.recorded_after_all(fn)
    except Exception as error:
        faults.note(error)


def returning(fn, value):
    """RV: `return value` was reached, but a `finally` or `with` still runs."""
    try:
        now = tick()
        span = own(fn, now)
        if span is not None and fn.returns and (span.record or kept(span, now)):
            spans.keep_result(span, value)
    except Exception as error:
        faults.note(error)
    return value


def mark(fn):
    """M: an exception leaves it; F follows."""
    try:
        span = own(fn, tick())
        if span is not None:
            exceptions.record(span, sys.exc_info()[1])
    except Exception as error:
        faults.note(error)


def end(fn):
    """F: it is over."""
    now = tick()
    try:
        span = own(fn, now)
        if span is not None:
            close(span, now)
    except Exception as error:
        abandon(fn, error)


def parameters(span, fn, arguments):
    """Section P."""
    if fn.plainly:
        return _parameters(span, fn, arguments)
    room, parts = fn.room, [fn.head]
    for value, hidden, place in zip(arguments, fn.secret, count()):
        if not place and fn.receiver:
            if span.detail == LATER:
                settle(span)
            parts.append(receiver(value, room, fn.level >= 4 and span.detail != BRIEF))
        else:
            parts.append(named("password", value, room) if hidden else captured(span, fn, value))
    return b"".join(parts)


def close(span, now):
    """End `span`, which is the current one."""
    up = span.up
    _set(up)
    if up is not None:
        cover(up, span.start, now)
    finish(span, now)


def abandon(fn, error):
    """A probe that ends `fn` failed (most likely the stack is full): make what was current before it current again. Calls next to
    nothing."""
    faults.note(error)
    span = _get()
    while span is not None and span.fn is not fn:
        span = span.up
    if span is not None:
        _set(span.up)
        spans.forget(span)


def unwind(fn):
    """U: an exception of a call in `fn` may have been caught."""
    try:
        own(fn, tick())
    except Exception as error:
        faults.note(error)


def own(fn, now):
    """The current span of `fn`. What lies above it was jumped over by an exception and ends here; None if `fn` has none."""
    span = top = _get()
    while span is not None and span.fn is not fn:
        span = span.up
    if span is not None and top is not span:
        jump(top, span, now)
    return span


def jump(top, span, now):
    """Make `span` current: the calls from `top` down to it were jumped over by an exception and end here. Each is taken off before it is
    written, for what fails here (the stack may be full) is begun again by a later probe, and no call ends twice."""
    while top is not span:
        up = top.up
        if not top.held:
            exceptions.blame(top)
        _set(up)
        if not top.held:
            if up is not None:
                cover(up, top.start, now)
            finish(top, now)
        top = up


PROBES = {"E": enter, "R": leave, "Z": fail, "ZS": fail_unseen, "RV": returning, "M": mark, "F": end, "U": unwind}
