"""pytest: each test is a trace, with its node id, from its fixtures' set-up to their tear-down."""
# ruff: noqa: TID252 - this package lives under two names; it must not know either

import os

from .. import exceptions, faults, run, spans, state
from ..clock import tick
from ..plain import close
from ..spans import Span, current, prepare
from . import library

_sessions = []
_raised = {}  # {phase: exception} of the test that is running


def install(module):
    """Hook the function that runs one test and the one that runs a phase of it; learn the session's exit status at its end."""
    protocol = module.runtestprotocol
    _hook_phases(module.CallInfo)
    function = library.function("test", "test")

    def traced_protocol(item, *arguments, **named):
        span = _begin(function, item)
        reports = None
        try:
            reports = protocol(item, *arguments, **named)
            return reports
        finally:
            _end(span, item, reports)
            _raised.clear()

    module.runtestprotocol = library.dress(traced_protocol, protocol)
    run.exit_codes.append(lambda: int(_sessions[-1].exitstatus) if _sessions else None)


def _hook_phases(calls):
    """Learn what the phases of a test (set-up, call, tear-down) raise: reports hold only texts of it."""
    original = calls.__dict__["from_call"].__func__

    def from_call(cls, *arguments, **named):
        call = original(cls, *arguments, **named)
        if call.excinfo is not None:
            _raised[call.when] = call.excinfo.value
        return call

    calls.from_call = classmethod(library.dress(from_call, original))


def _begin(function, item):
    try:
        if not _sessions:
            _sessions.append(item.session)
        if not state.on:
            return None
        span = prepare(Span(), function, None, {"type": "test", "name": item.nodeid, "testId": item.nodeid})
        span.up = current.get()
        current.set(span)
        span.start = tick()
        return span
    except Exception as error:
        faults.note(error)
        return None


def _end(span, item, reports):
    if span is None:
        return
    now = tick()
    try:
        failed = reports is None or any(report.failed for report in reports)
        skipped = not failed and any(report.skipped for report in reports)
        if failed:
            _fail(span, next((_raised.get(report.when) for report in reports or () if report.failed), None))
        result = "fail" if failed else "skip" if skipped else "pass"
        span.payload += library.attributes({"test.case.name": item.nodeid, "test.case.result.status": result})
        close(span, now)
    except Exception as error:
        faults.note(error)


def _fail(span, error):
    """Note the failure of a test with the exception that its report is about, and the part of its stack that is the project's."""
    span.flags |= spans.ERROR
    if error is None:
        return
    whole = inner = error.__traceback__
    while inner is not None and os.path.isabs(state.relative(inner.tb_frame.f_code.co_filename)):
        inner = inner.tb_next
    error.__traceback__ = inner or whole
    try:
        exceptions.record(span, error)
    finally:
        error.__traceback__ = whole
