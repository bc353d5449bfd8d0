"""What one traced process has: its project, settings, run and spool. `start` makes it, once; a forked child makes its own."""

import os
import sys
from itertools import count

from . import faults, settings

RUNTIME = os.path.dirname(os.path.abspath(__file__))
HOME = os.path.dirname(os.path.dirname(os.path.dirname(RUNTIME)))  # …/.ai-agents/logging
PROJECT = os.path.dirname(os.path.dirname(HOME))

started = False
on = False
spool = None
stopped = ""  # why nothing can be written any more
files = settings.Files(os.path.join(HOME, "config"))
config = settings.Settings({}, {})
functions = []  # every traced Function, for settings that change and for forks
next_id = count(1).__next__  # functions and sites
next_file = count(1).__next__
on_change = []  # called after settings were read again


def start():
    """Read the settings and open the spool. True when this process is traced; the second call only answers."""
    global started, on
    if not started:
        started = True
        try:
            on = _begin()
        except Exception as error:
            faults.note(error)
            faults.say_once("this program runs untraced: %s" % (error,))
    return on


def _begin():
    global config, spool
    if sys.byteorder != "little" or sys.implementation.name != "cpython":
        return False
    config = files.read()
    if not config.enabled:
        return False
    from . import governor, run, spans

    governor.configure()
    spans.begin_process()
    spool = run.open_spool(None)
    run.install()
    return True


def reload():
    """Take changed settings over: every function gets its level anew."""
    from . import governor

    global config
    config = files.read()
    if stopped:
        config.only_count()
    governor.configure()
    for function in functions:
        function.configure(config)
    for listener in on_change:
        listener()


def stop(reason):
    """Nothing can be written any more: say so, once, and only count from now on, so that the end of the run tells how much is missing."""
    global on, stopped
    from . import governor

    on = False
    stopped = str(reason)
    faults.say_once("tracing stopped: %s" % (reason,))
    config.only_count()
    if not governor.on:
        governor.configure()
    for function in list(functions):
        function.configure(config)


_abspath = os.path.abspath  # tools that forbid blocking calls in async code (blockbuster) replace it


def relative(path):
    """`path` as definitions name it: relative to the project with `/`; absolute where it lies outside."""
    path = _abspath(path)
    inside = path.startswith(PROJECT + os.sep)
    return (path[len(PROJECT) + 1 :] if inside else path).replace(os.sep, "/")
