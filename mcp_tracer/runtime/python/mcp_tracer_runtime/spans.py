"""Spans: what is open, who is whose parent, and how a finished one is written.

The current span lives in a contextvar, so tasks, callbacks, `to_thread` and copied contexts have the right parent by themselves. Nothing
is ever
reset with a token: who ends restores what it found, and only where its own span is the current one.
"""

import os
from _thread import get_ident
from contextvars import ContextVar
from itertools import count

from . import definitions, detail, faults, flush, governor, greenlets, msgpack, phases, promotion, state
from .clock import tick
from .intervals import MANY, covered_by, merged
from .native import core
from .values import DEPTH, encode, left_out

ERROR, SUSPENDED, LEFT_OUT, OPEN = 1, 2, 4, 8
WIDE = 0xFFFFFFFF
MAX_EVENTS = 10000  # of one span; further ones are left out, and the span says so

current = ContextVar("mcp_tracer_span", default=None)
live = {}  # seq -> open span, for the flush
next_seq = count(1).__next__
_get, _set = current.get, current.set


class Trace:
    """The trace of a root span. `id` 0: not recorded (sampled out)."""

    __slots__ = ("hex", "id")

    def __init__(self, number, text):
        self.id, self.hex = number, text


class Span:
    """An open span. `up` is what was current before it, and becomes current after it; `parent` the seq under which it is written.

    `announced`: written as an open span; `counted`: by the governor, and not recorded (2: too deep ever to be); `intervals`: of children,
    where they may overlap; `others`: calls that were only counted, for which it stands.
    """

    __slots__ = (
        *("announced", "awaiting", "counted", "covered", "depth", "detail", "err", "events", "flags", "fn", "intervals"),
        *("others", "parent", "payload", "record", "result", "seq", "start", "thread", "trace", "up"),
    )
    held = False  # by a local of a coroutine or generator, which ends it


class FlowSpan(Span):
    """The span of a coroutine or generator, from its first step to its last."""

    __slots__ = ("closed", "delegate", "generator", "resumed", "resumes", "suspended", "waited_since")
    held = True


class _Traces:
    def __init__(self):
        self.serial = 0
        self.prefix = int.from_bytes(os.urandom(16), "big")
        self.random = int.from_bytes(os.urandom(8), "big") | 1
        self.remote = parse_parent(os.environ.get("TRACEPARENT", ""))

    def sampled(self):
        rate = state.config.sample_rate
        if rate >= 1.0:
            return True
        self.random = (self.random * 6364136223846793005 + 1442695040888963407) & 0xFFFFFFFFFFFFFFFF
        return self.random < rate * 0x10000000000000000

    def begin(self, fields, remote=None):
        """A new trace with the definition `fields`; part of the trace of `remote` (trace id, span id) where that is known."""
        self.serial += 1
        remote = remote or self.remote
        text = remote[0] if remote else "%032x" % ((self.prefix + self.serial * 0x9E3779B97F4A7C15F39CC0605CEDC835) & ((1 << 128) - 1))
        trace = Trace(self.serial, text)
        definition = {"traceId": text}
        if remote:
            definition["parentSpanId"] = remote[1]
        definition.update(fields)
        definitions.write(definitions.TRACE, trace.id, definition)
        return trace


NOT_RECORDED = Trace(0, "")
COUNTED = Trace(0, "")  # of calls without a parent that are only counted, and of all below them
UNDECIDED = Trace(0, "")  # of spans whose level is 0, with nothing recorded above them
traces = None
errors = None
threads = None
thread_ids = {}
_PLAIN_ROOT = {"type": "call"}


def begin_process():
    """Fresh numbering for a process."""
    global traces, errors, threads
    global thread_ids
    traces, errors, threads = _Traces(), definitions.Errors(), definitions.Threads(_main_thread())
    thread_ids = threads.ids
    forget_threads()


def _main_thread():
    import sys

    threading = sys.modules.get("threading")
    return threading.main_thread().ident if threading is not None else get_ident()


def parse_parent(text):
    parts = text.split("-")
    good = (
        len(parts) >= 4
        and len(parts[1]) == 32
        and len(parts[2]) == 16
        and parts[1].strip("0123456789abcdef") == parts[2].strip("0123456789abcdef") == ""
    )
    return (parts[1], parts[2]) if good else None


def span_hex(span, salt=None):
    """The 16 digits under which `span` is known outside this process."""
    return "%016x" % (((state.spool.salt if salt is None else salt) + span.seq) & 0xFFFFFFFFFFFFFFFF)


def blank(span):
    """Fill a new span with what all begin with."""
    span.announced = span.awaiting = span.counted = span.covered = span.detail = span.err = span.events = span.flags = span.others = 0
    span.payload = span.result = b""
    span.intervals = None


def prepare(span, fn, up, root=_PLAIN_ROOT, remote=None):
    """Fill a new span for `fn` under `up`. It is recorded unless its trace was sampled out, it lies too deep, or its level is 0."""
    span.fn, span.up = fn, up
    blank(span)
    span.thread = thread = get_ident()
    if core is not None and fn.dark:
        core.begin_dark(span)
    level, before = fn.level, 0
    spawner = greenlets.above(current) if up is None and level and root is _PLAIN_ROOT else None
    if spawner is not None and spawner.trace is not UNDECIDED:
        span.depth, span.parent, span.trace = spawner.depth + 1, spawner.seq, spawner.trace
    elif up is None:
        before = tick()
        span.depth = span.parent = 0
        fn.roots = True
        if level:
            flush.ensure()
        span.trace = UNDECIDED if not level else _root_trace(fn, root, remote)
    else:
        span.depth = up.depth + (1 if level else 0)
        span.trace = up.trace
        if span.trace is UNDECIDED and level:  # everything above is switched off: the root is here
            span.trace = _root_trace(fn, root, remote)
        span.parent = up.seq
        if thread != up.thread and up.intervals is None:
            up.intervals = []
    span.seq = span.parent
    if level and not fn.defined:
        fn.define()
    _record_or_count(span, fn, up)
    if before and span.record:
        governor.root_began(fn, tick() - before)
    return span


def _root_trace(fn, root, remote):
    """The trace of a call without a parent. Of hot functions only some begin one; the rest is counted, with all below."""
    if root is _PLAIN_ROOT and fn.since + 1 < fn.period:
        return COUNTED
    return begin_trace(root, remote) if traces.sampled() else NOT_RECORDED


def begin_trace(root=_PLAIN_ROOT, remote=None):
    """A new trace."""
    return traces.begin(root, remote)


def _record_or_count(span, fn, up):
    span.record = False
    if not fn.level:
        return
    others = None
    if span.trace.id and span.depth <= fn.max_depth:
        if up is None or span.trace is not up.trace:  # it begins a trace
            others, fn.since = fn.since, 0
        else:
            others = governor.picks(fn, span.trace.id, up.counted)
    if others is not None:
        span.others = others
        governor.taken(fn)
        span.detail = detail.choose(fn)
        opened(span)
    elif governor.on and (span.trace.id or span.trace is COUNTED):
        fn.since += 1
        span.counted = 2 if span.depth > fn.max_depth else 1
        if span.counted == 1 and up is not None:
            span.depth -= 1  # what it calls hangs below the nearest recorded call


def opened(span):
    """`span` is to be recorded: give it its number and remember it."""
    span.record = True
    span.seq = seq = next_seq()
    live[seq] = span


def note_left_out(span):
    """A capture for `span` left something out to save time."""
    left_out.clear()
    span.flags |= LEFT_OUT


def keep_result(span, value):
    """Remember section R for a `return` that a finally may still overrule."""
    fn = span.fn
    if span.detail == detail.LATER:
        detail.settle(span)
    before = tick() if span.detail == detail.CHARGED else 0
    span.result = b"R" + encode(value, fn.room, DEPTH, span.detail == detail.BRIEF)
    if before:
        detail.charge(fn, tick() - before)
    if left_out:
        note_left_out(span)


def open_spans():
    """Recorded spans that have not ended, oldest first."""
    return list(live.values())


def forget(span):
    """Drop `span` from the open ones."""
    live.pop(span.seq, None)


forget_all = live.clear


def forget_threads():
    """Identities of threads mean other threads now."""


def light(fn):
    """A span that is not recorded, for when preparing the real one failed: entering and leaving must stay in balance."""
    span = Span()
    up = _get()
    span.fn, span.up, span.record = fn, up, False
    blank(span)
    span.start = span.thread = 0
    span.seq, span.depth, span.trace = (up.seq, up.depth, up.trace) if up is not None else (0, 0, UNDECIDED)
    span.parent = span.seq
    _set(span)
    return span


def cover(up, start, now):
    """Tell `up` that a child of it ran from `start` to `now`."""
    if up.awaiting:
        if start < up.waited_since:
            up.covered += up.waited_since - start
    elif up.intervals is None:
        up.covered += now - start
    else:
        up.intervals.append((start, now))
        if len(up.intervals) > MANY:
            taken, up.intervals = up.intervals, []  # to which other threads add meanwhile
            up.intervals[:0] = merged(taken)


def finish(span, now):
    """Write an ended span. Its parent has been told about its time, and learns with what this call failed."""
    if span.flags & ERROR and span.up is not None and not span.up.flags & ERROR:
        span.up.err = span.err
    if not (span.record or kept(span, now)):
        if span.counted:
            count_ended(span, now)
        return
    if span.detail == detail.UNSEEN:
        promotion.complete(span)
    start, seq, payload = span.start, span.seq, span.payload
    live.pop(seq, None)
    duration = now - start
    own = duration - span.covered
    if span.intervals:
        own -= covered_by(span.intervals)
    if duration < span.fn.min_ticks and not span.announced:
        return
    if span.result and not span.flags & ERROR:
        payload += span.result
    if duration >= WIDE:
        payload += b"W\x92" + msgpack.integer(duration) + msgpack.integer(max(own, 0))
        duration = own = WIDE
    thread = thread_ids.get(span.thread)
    if thread is None:
        thread = threads.id(span.thread)
    err = span.err if span.flags & ERROR else 0
    numbers = (seq, span.parent, span.trace.id, span.fn.id, len(payload), span.depth, thread, 1, span.flags, err, span.others + 1)
    state.spool.put((start, duration, max(own, 0), *numbers), payload)


def kept(span, now):
    """Whether `span`, a call that was only counted, took so long that it is recorded after all."""
    return span.counted == 1 and now - span.start > span.fn.slow and promotion.keep(span, now)


def count_ended(span, now):
    """A call that was only counted has ended."""
    span.counted = 0  # whoever still has it above itself finds that it cannot be recorded any more
    duration = now - span.start
    if duration >= span.fn.min_ticks:
        own = duration - span.covered - (covered_by(span.intervals) if span.intervals else 0)
        governor.add(span.fn, duration, own if own > 0 else 0, span.flags & ERROR)


def write_open(span):
    """Write a span that has not ended (kind 2)."""
    payload, thread = span.payload, threads.id(span.thread)
    span_fields = (span.seq, span.parent, span.trace.id, span.fn.id, len(payload), span.depth, thread, 2, span.flags | OPEN, 0, 1)
    state.spool.put((span.start, min(tick() - span.start, WIDE - 1), 0, *span_fields), payload)


def event(span, site, payload):
    """Write an event of `span` at `site`; payload is whole sections. Where there is no place for it, it is counted."""
    if not state.on:
        return
    if not span.record:
        if span.counted:
            governor.add(site, 0, 0, 0)
        return
    span.events += 1
    if span.events > MAX_EVENTS:
        span.flags |= LEFT_OUT
        if governor.on:
            governor.add(site, 0, 0, 0)
        return
    governor.used[0] += site.cost
    if not site.defined:
        site.define()
    state.spool.put((tick(), 0, 0, span.seq, span.events, span.trace.id, site.id, len(payload), 0, 0, 3, 0, 0, 1), payload)


def after_fork(parent_salt):
    """Spans that the child inherited are the parent's to write; what the child starts below one names it from afar."""
    chain, span = [], current.get()
    while span is not None:
        chain.insert(0, span)
        span = span.up
    elsewhere = [span for span in open_spans() if not any(span is known for known in chain)]  # of suspended tasks and generators
    begin_process()
    forget_all()
    governor.after_fork()
    renamed = {}
    for span in chain + elsewhere:
        before = span.trace.id
        if span.record:
            renamed[before] = traces.begin({}, (span.trace.hex, span_hex(span, parent_salt)))
        if before:
            span.trace = renamed.get(before, span.trace)
        span.record, span.seq, span.counted = False, 0, 0


def _born_blank(span):
    """Spans of the C core are."""


if core is not None:
    Span, FlowSpan, blank = core.Span, core.FlowSpan, _born_blank
    opened, open_spans, forget, forget_all, forget_threads = core.opened, core.open_spans, core.forget, core.forget_all, core.forget_threads
    light, cover, finish, event = core.light, core.cover, core.finish, core.event
    core.connect(
        current=current,
        note=faults.note,
        passes=faults.passes,
        prepare=prepare,
        undecided=UNDECIDED,
        counted=COUNTED,
        review=governor.review,
        look=governor.end_window,
        close=phases.close,
        merged=merged,
        covered_by=covered_by,
        thread_id=lambda ident: threads.id(ident),
        stopped=state.stop,
    )
