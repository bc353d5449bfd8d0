"""Exceptions as section E: type, message and stack, without running a line of the program's code (`__str__` of its classes included)."""

import os
import sys

from . import detail, governor, leaving, promotion, spans, state
from .clock import tick
from .msgpack import array, integer, map, text
from .native import core
from .values import encode, left_out, named, type_name

STACK = 32  # innermost entries kept
_CAUSES = 3
_SAFE_ARGUMENTS = (str, int, float, bool, bytes, type(None))


def record(span, error):
    """Flag `span` as failed with `error`, and write what is wanted of it."""
    span.flags |= spans.ERROR
    if not isinstance(error, BaseException):
        return
    if isinstance(error, SystemExit):
        leaving.note(span, error)
    before = tick()
    if span.counted and not span.record and state.on:
        promotion.promote(span, error)
    if span.record:
        span.err = spans.errors.id(type(error))
        if span.fn.raises:
            span.payload += b"E" + encoded(error)
        if span.detail == detail.BRIEF and span.flags & spans.LEFT_OUT and span.fn.params:
            _revisit_if_affordable(span, error)
        governor.used[0] += tick() - before


def _revisit_if_affordable(span, error):
    chosen, before = detail.choose_failed(span.fn), tick()
    if chosen != detail.BRIEF:
        revisit(span, error)
    if chosen == detail.CHARGED:
        detail.charge(span.fn, tick() - before)


def revisit(span, error):
    """Capture the parameters of a failing call whole, as section L: what its frame holds of them now. They were brief when it began."""
    held = promotion.locals_of(span.fn, error.__traceback__ and error.__traceback__.tb_frame)
    if held is None:
        return
    names = span.fn.names
    shown = [(name, held[name]) for name in names if name in held]
    if span.fn.receiver:
        shown = [(name, value) for name, value in shown if name != names[0]]
    span.payload += b"L" + map(len(shown)) + b"".join(text(name) + named(name, value, span.fn.room) for name, value in shown)
    left_out.clear()


def blame(span):
    """Flag a call that an exception has jumped over. Its text stands at the function that it left; its type is that with which the last
    call that it made has failed, else that of the exception being handled. There may be none any more, or another by now."""
    span.flags |= spans.ERROR
    error = sys.exc_info()[1]
    if error is not None and span.counted and not span.record and state.on:
        promotion.promote(span, error)
    if span.detail == detail.UNSEEN:  # its frame is gone
        span.detail = detail.WHOLE
    if error is not None and span.record and not (span.err and span.fn.as_site):
        span.err = spans.errors.id(type(error))


def encoded(error, causes=_CAUSES):
    """msgpack of `error`."""
    cause = None
    if causes:
        cause = error.__cause__ if error.__cause__ is not None else None if error.__suppress_context__ else error.__context__
    parts = [
        text("type") + text(type_name(type(error))),
        text("message") + encode(message(error), 4000),
        text("stack") + stack(error.__traceback__),
    ]
    if isinstance(cause, BaseException) and cause is not error:
        parts.append(text("cause") + encoded_in_python(cause, causes - 1))
    return map(len(parts)) + b"".join(parts)


def message(error):
    """What `str(error)` gives, where that is known to be the library's own code; the plain arguments otherwise."""
    cls = type(error)
    arguments = BaseException.__dict__["args"].__get__(error)
    own = next((base for base in cls.__mro__ if "__str__" in base.__dict__), BaseException)
    plain = all(type(argument) in _SAFE_ARGUMENTS for argument in arguments)
    if plain and not own.__flags__ & 0x200:  # not a heap type: its __str__ is C
        return str(error)
    return ", ".join(str(argument) for argument in arguments if type(argument) in _SAFE_ARGUMENTS)


def stack(traceback):
    """`[[file, line, function], …]`, innermost last."""
    innermost = _innermost(traceback)
    entries = _entries(innermost)
    if len(entries) < STACK and innermost is not traceback:  # some of them are ours
        entries = _entries(traceback)[-STACK:]
    return array(len(entries)) + b"".join(
        b"\x93" + text(file) + integer(line or 0) + text(name.replace(".<locals>", "")) for file, line, name in entries
    )


def _innermost(traceback):
    """The last `STACK` entries, or fewer: each level of a deep recursion that fails looks for them, so nothing else is done on the way."""
    ahead, most = traceback, STACK
    while ahead is not None and most:
        ahead, most = ahead.tb_next, most - 1
    while ahead is not None:
        ahead, traceback = ahead.tb_next, traceback.tb_next
    return traceback


def _entries(traceback):
    entries = []
    while traceback is not None:
        code, line = traceback.tb_frame.f_code, traceback.tb_lineno
        traceback = traceback.tb_next
        file = shown(code.co_filename)
        if file is not None:
            entries.append((file, line, getattr(code, "co_qualname", code.co_name)))
    return entries


def shown(file):
    """How a code object's file is shown; None for our own: where the stack is full, it may be a probe that meets its end."""
    if file not in paths:
        ours = file.startswith(promotion.OURS)
        paths[file] = None if ours else state.relative(file) if os.path.isabs(file) or not file.startswith("<") else file
    return paths[file]


paths = {}
encoded_in_python = encoded
if core is not None:
    core.connect(
        message=message,
        shown=shown,
        paths=paths,
        record=record,
        revisit=revisit,
        keep=promotion.keep,
        complete=promotion.complete,
        error_id=lambda cls: spans.errors.id(cls),
    )
    encoded = core.encode_error
