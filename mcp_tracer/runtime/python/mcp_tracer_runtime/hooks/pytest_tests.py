"""pytest: each test is a trace, with its node id, from its fixtures' set-up to their tear-down."""
# ruff: noqa: TID252 - this package lives under two names; it must not know either

from .. import faults, run, spans, state
from ..clock import tick
from ..plain import close
from ..spans import Span, current, prepare
from . import library

_sessions = []


def install(module):
    """Hook the function that runs one test, and learn the session's exit status at its end."""
    protocol = module.runtestprotocol
    function = library.function("test", "test")

    def traced_protocol(item, *arguments, **named):
        span = _begin(function, item)
        reports = None
        try:
            reports = protocol(item, *arguments, **named)
            return reports
        finally:
            _end(span, item, reports)

    module.runtestprotocol = library.dress(traced_protocol, protocol)
    run.exit_codes.append(lambda: int(_sessions[-1].exitstatus) if _sessions else None)


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
            span.flags |= spans.ERROR
        result = "fail" if failed else "skip" if skipped else "pass"
        span.payload += library.attributes({"test.case.name": item.nodeid, "test.case.result.status": result})
        close(span, now)
    except Exception as error:
        faults.note(error)
