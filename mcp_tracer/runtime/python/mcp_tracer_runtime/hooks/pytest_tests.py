"""pytest: each test is a trace, with its node id, from its fixtures' set-up to their tear-down."""
# ruff: noqa: TID252 - this package lives under two names; it must not know either

from .. import faults, leaving, state
from ..clock import tick
from ..plain import close
from ..spans import Span, current, prepare
from . import failing, library

_sessions = []
_phases = {}  # {phase: pytest's account of it} of the test that is running
_parts = []  # (report, exception) of its subtests that raised


def install(module):
    """Hook the function that runs one test and the one that runs a phase of it; learn the session's exit status at its end."""
    protocol = module.runtestprotocol
    _hook_phases(module.CallInfo)
    _hook_reports(module.TestReport)
    function = library.function("test", "test")

    def traced_protocol(item, *arguments, **named):
        span = _begin(function, item)
        reports = None
        try:
            reports = protocol(item, *arguments, **named)
            return reports
        finally:
            _end(span, item, reports)
            _phases.clear()
            _parts.clear()

    module.runtestprotocol = library.dress(traced_protocol, protocol)
    leaving.exit_codes.append(lambda: int(_sessions[-1].exitstatus) if _sessions else None)


def _hook_phases(calls):
    """Keep what pytest knows of the phases of a test (set-up, call, tear-down) that raised: reports hold only texts of it. Which exception
    it was stands there only later where unittest's machinery caught it first."""
    original = calls.__dict__["from_call"].__func__

    def from_call(cls, *arguments, **named):
        call = original(cls, *arguments, **named)
        _phases[call.when] = call
        return call

    calls.from_call = classmethod(library.dress(from_call, original))


def _hook_reports(reports):
    """Keep what is reported beside the phases: subtests, of pytest (which made no phase of them) and of unittest. One that is expected to
    fail says so only later."""
    original = reports.__dict__["from_item_and_call"].__func__

    def from_item_and_call(cls, item, call):
        report = original(cls, item, call)
        if report.failed and call is not _phases.get(call.when):
            _parts.append((report, call.excinfo.value))
        return report

    reports.from_item_and_call = classmethod(library.dress(from_item_and_call, original))


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


def _raised(phase):
    call = _phases.get(phase)
    return call.excinfo.value if call is not None and call.excinfo is not None else None


def _errors(reports):
    """What failed the test: the exceptions of its subtests, then of its phases. None stands for one that nobody told."""
    parts = [error for report, error in _parts if report.failed]
    return parts + ([None] if reports is None else [_raised(report.when) for report in reports if report.failed])


def _end(span, item, reports):
    if span is None:
        return
    now = tick()
    try:
        errors = _errors(reports)
        failed = bool(errors)
        skipped = not failed and any(report.skipped for report in reports)
        if failed:
            failing.fail(span, errors[0])
        result = "fail" if failed else "skip" if skipped else "pass"
        span.payload += library.attributes({"test.case.name": item.nodeid, "test.case.result.status": result})
        close(span, now)
    except Exception as error:
        faults.note(error)
