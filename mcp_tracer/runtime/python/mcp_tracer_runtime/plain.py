"""Probes of plain functions. They hold no local: the current span is found through the context, and must be this function's own."""

import sys
from _thread import get_ident

from . import estimates, exceptions, faults, governor, phases, spans, state
from .clock import tick
from .detail import BRIEF, CHARGED, charge, choose, latest
from .spans import WIDE, Span, count_ended, cover, current, finish, light, prepare
from .values import DEPTH, encode, encoders, left_out, named

_get, _set = current.get, current.set
_live, _next_seq = spans.live, spans.next_seq
_used = governor.used


def enter(fn, *arguments):
    """E: a call of `fn` begins. The common case of `spans.prepare` is spelled out: a call costs what this function costs."""
    try:
        up = _get()
        if fn.period > 1 and _counted(fn, up):
            return
        span = Span()
        before = governor.begins(fn)
        if up is None or not up.record or not fn.defined or not fn.level or up.depth >= fn.max_depth or fn.period > 1:
            prepare(span, fn, up)
        else:
            span.fn, span.up, span.trace, span.parent = fn, up, up.trace, up.seq
            span.depth = up.depth + 1
            span.covered = span.flags = span.counted = span.others = 0
            span.payload = b""
            span.record = True
            span.thread = thread = get_ident()
            if thread != up.thread and up.intervals is None:
                up.intervals = []
            span.seq = seq = _next_seq()
            _live[seq] = span
            span.detail = choose(fn) if fn.eager or fn.due <= latest[0] else BRIEF
            if fn.left < 2:
                governor.taken(fn)
            else:
                fn.left -= 1
                _used[0] += fn.cost
        if arguments and fn.params and span.record:
            chosen = span.detail
            if fn.plainly and chosen != CHARGED:
                payload, room, encoder_of = fn.head, fn.room, encoders[chosen].get
                for value in arguments:
                    encoder = encoder_of(id(type(value)))
                    payload += encoder(value, room, DEPTH, None) if encoder is not None else encode(value, room, DEPTH, not chosen)
                span.payload = payload
            else:
                span.payload = parameters(fn, arguments, chosen)
            if left_out:
                spans.note_left_out(span)
        _set(span)
        span.start = now = tick()
        if before and span.record:
            governor.measured(fn, 2 * (now - before))
    except Exception as error:
        faults.note(error)
        light(fn)


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
    span.covered = span.flags = span.others = span.detail = 0
    span.payload, span.record, span.counted = b"", False, 1
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
            if up.awaiting or up.intervals is not None:
                cover(up, start, now)
            else:
                up.covered += duration
        if not span.record:
            if span.counted:
                count_ended(span, now)
            return value
        latest[0] = now
        payload = span.payload
        if fn.returns:
            chosen = span.detail
            encoder = encoders[chosen].get(id(type(value)))
            payload += b"R" + (encoder(value, fn.room, DEPTH, None) if encoder is not None else encode(value, fn.room, DEPTH, not chosen))
            if chosen == CHARGED:
                charge(fn, tick() - now)
            if left_out:
                spans.note_left_out(span)
        thread = spans.thread_ids.get(span.thread)
        if thread is None or duration < fn.min_ticks or duration >= WIDE or span.intervals is not None:
            span.payload = payload
            finish(span, now)
            return value
        seq = span.seq
        _live.pop(seq, None)
        own_time = duration - span.covered
        state.spool.put(
            (
                start,
                duration,
                own_time if own_time > 0 else 0,
                seq,
                span.parent,
                span.trace.id,
                fn.id,
                len(payload),
                span.depth,
                thread,
                1,
                span.flags,
                0,
                span.others + 1,
            ),
            payload,
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
        span = own(fn, tick())
        if span is not None and span.record and fn.returns:
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


def parameters(fn, arguments, chosen):
    """Section P, as deep as `chosen` (`detail`) says."""
    room, brief, before = fn.room, chosen == BRIEF, tick() if chosen == CHARGED else 0
    secret = fn.secret or (False,) * len(arguments)
    parts = [
        named("password", value, room, DEPTH, brief) if hidden else encode(value, room, DEPTH, brief)
        for value, hidden in zip(arguments[fn.receiver :], secret[fn.receiver :])  # noqa: B905 - `strict` needs Python 3.10
    ]
    if fn.receiver:  # `self` or `cls`: named, with shallow fields from level 4 on
        parts.insert(0, encode(arguments[0], room, fn.level >= 4 and not brief))
    if before:
        charge(fn, tick() - before)
    return fn.head + b"".join(parts)


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
    if span is not None:
        while top is not span:
            if not top.held:
                exceptions.blame(top)
                up = top.up
                if up is not None:
                    cover(up, top.start, now)
                finish(top, now)
            top = top.up
        _set(span)
    return span


PROBES = {"E": enter, "R": leave, "Z": fail, "ZS": fail_unseen, "RV": returning, "M": mark, "F": end, "U": unwind}
