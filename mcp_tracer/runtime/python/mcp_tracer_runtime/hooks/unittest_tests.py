"""unittest: each test is a trace, with its id. Under pytest the test is pytest's."""
# ruff: noqa: TID252 - this package lives under two names; it must not know either

from .. import faults, state
from ..clock import tick
from ..plain import close
from ..spans import Span, current, prepare
from . import failing, library

_LISTS = ("errors", "failures", "unexpectedSuccesses", "skipped", "expectedFailures")
_errors = {}  # {identity of a running test: the first exception that failed it, None so far}


def install(module):
    """Hook `TestCase.run`, from set-up to clean-up, and what is told to a result, which keeps only the text."""
    function = library.function("test", "test")

    def make(run):
        def traced(self, result=None):
            span = _begin(function, self)
            if span is None:
                return run(self, result)
            before = _counts(result)
            try:
                given = run(self, result)
            except BaseException:
                _end(span, self, "fail")
                raise
            _end(span, self, _outcome(before, _counts(result if result is not None else given)))
            return given

        return traced

    library.patch(module.TestCase, run=make)
    library.patch(module.result.TestResult, addError=_told, addFailure=_told, addSubTest=_told_of_part)


def _told(add):
    def traced(self, test, error):
        _note(test, error)
        return add(self, test, error)

    return traced


def _told_of_part(add):
    def traced(self, test, subtest, error):
        _note(test, error)
        return add(self, test, subtest, error)

    return traced


def _note(test, error):
    if id(test) in _errors and _errors[id(test)] is None and error is not None:
        _errors[id(test)] = error[1]


def _begin(function, case):
    try:
        up = current.get()
        if not state.on or _is_in_test(up):
            return None
        name = _id(case)
        span = prepare(Span(), function, None, {"type": "test", "name": name, "testId": name})
        span.up = up
        current.set(span)
        # an asynchronous test runs in a context that was made with the case
        own = case.__dict__.get("_asyncioTestContext")
        if own is not None:
            own.run(current.set, span)
        _errors[id(case)] = None
        span.start = tick()
        return span
    except Exception as error:
        faults.note(error)
        return None


def _is_in_test(span):
    while span is not None:
        if span.fn.fields["kind"] == "test":
            return True
        span = span.up
    return False


def _id(case):
    """As `TestCase.id` gives it, which the program may have replaced by code of its own."""
    cls = type(case)
    return "%s.%s.%s" % (cls.__module__, cls.__qualname__, case.__dict__.get("_testMethodName", "runTest"))


def _counts(result):
    """How many entries each list of a result has; results of the program's own may lack them."""
    lists = [getattr(result, name, None) for name in _LISTS]
    return [len(entries) if type(entries) is list else 0 for entries in lists]


def _outcome(before, after):
    """pass, fail or skip, by the list of the result that grew."""
    errors, failures, unexpected, skipped, expected = (new > old for old, new in zip(before, after))  # noqa: B905 - `strict` needs Python 3.10
    if errors or failures or unexpected:
        return "fail"
    return "skip" if skipped and not expected else "pass"


def _end(span, case, outcome):
    now = tick()
    error = _errors.pop(id(case), None)
    try:
        if outcome == "fail":
            failing.fail(span, error)
        span.payload += library.attributes({"test.case.name": _id(case), "test.case.result.status": outcome})
        close(span, now)
    except Exception as error:
        faults.note(error)
