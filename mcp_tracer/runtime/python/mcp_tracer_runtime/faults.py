"""The one place that counts what goes wrong inside the tracer. The traced program never sees any of it."""

import os
import sys

count = 0
_speaks = "MCP_TRACER_DEBUG" in os.environ
_said = set()


def note(error):
    """Count a fault of the tracer. With MCP_TRACER_DEBUG set, its traceback goes to stderr too."""
    global count
    count += 1
    if _speaks and error is not None:
        try:
            import traceback

            sys.stderr.write("mcp-tracer fault: " + "".join(traceback.format_exception(type(error), error, error.__traceback__)))
        except Exception:  # stderr may be closed; the fault is counted already
            return


def say_once(text):
    """One line to stderr, once a text: for what a user must know (a full disk)."""
    if text in _said:
        return
    _said.add(text)
    try:
        sys.stderr.write("mcp-tracer: " + text + "\n")
    except Exception as error:
        note(error)
