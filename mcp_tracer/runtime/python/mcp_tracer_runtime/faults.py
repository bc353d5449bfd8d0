"""The one place that counts what goes wrong inside the tracer. The traced program never sees any of it."""

import os
import sys

count = 0
_speaks = os.environ.get("MCP_TRACER_DEBUG")
_open = open  # a program may replace it
_said = set()
_FEW = 20  # frames


class _Sample:
    def method(self):
        return self


# Those of `kinds`, which is not loaded where nothing is traced.
_FUNCTION, _METHOD = type(_Sample.method), type(_Sample().method)


def note(error):
    """Count a fault of the tracer. With MCP_TRACER_DEBUG set, its traceback goes to stderr too; to a file, where that is an absolute path
    (a program under test may have its stderr taken away)."""
    global count
    if passes(error):
        raise error
    if type(error) is RecursionError and not _is_deep(error.__traceback__):
        return  # the program has used up the stack: there is no room to record that, and nothing to mend
    count += 1
    if _speaks and error is not None:
        try:
            import traceback

            _tell("mcp-tracer fault: " + "".join(traceback.format_exception(type(error), error, error.__traceback__)))
        except Exception:  # stderr may be closed; the fault is counted already
            return


def passes(error):
    """Whether `error` is the program's own: one of its signal handlers ran while a probe did, and raised it."""
    signals = sys.modules.get("_signal")
    if error is None or signals is None:
        return False
    entered = set()
    place = error.__traceback__
    while place is not None:
        entered.add(place.tb_frame.f_code)
        place = place.tb_next
    return any(_code(signals.getsignal(number)) in entered for number in signals.valid_signals())


def _code(handler):
    """The code of a function or method, None for other handlers."""
    function = handler.__func__ if type(handler) is _METHOD else handler
    return function.__code__ if type(function) is _FUNCTION else None


def _is_deep(traceback):
    for _ in range(_FEW):
        if traceback is None:
            return False
        traceback = traceback.tb_next
    return True


def _tell(text):
    if os.path.isabs(_speaks):
        with _open(_speaks, "a") as file:
            file.write(text)
    else:
        sys.stderr.write(text)


def say_once(text):
    """One line to stderr, once a text: for what a user must know (a full disk)."""
    if text in _said:
        return
    _said.add(text)
    try:
        sys.stderr.write("mcp-tracer: " + text + "\n")
    except Exception as error:
        note(error)
