"""With which exit code the program ends, as far as a process can know its own end: a SystemExit that somebody catches ends nothing."""

import sys

from . import definitions, faults, state

exit_code = None
exit_codes = []  # asked at the end: what a test runner knows of its exit status
_last = 0  # number of the latest call of `sys.exit`
_PASSES_IT_ON = "multiprocessing.process"  # catches a SystemExit and ends the process with its code
_OUTERMOST = ("<module>", "_run_module_as_main", "_bootstrap")  # of a program and its threads; what runs at exit is called by nobody


class _Exit:
    """Lies in the frame of `exit`, which the traceback of its SystemExit holds: it goes when that exception does."""

    __slots__ = ("number",)

    def __init__(self, number):
        self.number = number

    def __del__(self):
        global exit_code
        if state.on and self.number == _last and _goes_on():
            exit_code = None


def _goes_on():
    """Whether the program has frames below the `__del__` that asks: the interpreter, which ends a program, has none."""
    frame = outermost = sys._getframe(1).f_back
    if frame is None or frame.f_globals.get("__name__") == _PASSES_IT_ON:
        return False
    while outermost.f_back is not None:
        outermost = outermost.f_back
    return outermost.f_code.co_name in _OUTERMOST


def watch():
    """Learn of calls of `sys.exit`."""
    original = sys.exit

    def exit(status=None, /):
        global exit_code, _last
        try:
            _last += 1
            exit_code, here = _code(status), _Exit(_last)  # noqa: F841 - the frame holds it
        except Exception as error:
            faults.note(error)
        original(status)

    exit.__doc__, exit.__module__, exit.__qualname__ = original.__doc__, "sys", "exit"
    sys.exit = exit


def note(span, error):
    """A SystemExit leaves a call. Where a traced function made that call, it may still be caught."""
    global exit_code
    if span.up is None:
        exit_code = _code(error.code)


def _code(status):
    return status if type(status) is int else 0 if status is None else 1


def outcome():
    """(exit code, name of the exception that ended the program or None)."""
    told = next((known for known in (ask() for ask in exit_codes) if known is not None), None)
    last = getattr(sys, "last_type", None)
    if told is None and last is not None and last is not SystemExit and not hasattr(sys, "ps1"):
        return 1, definitions.type_name(last)
    return (exit_code or 0) if told is None else told, None
