"""subprocess: a child process hangs below the span that started it."""

# ruff: noqa: TID252 - this package lives under two names; it must not know either
import os

from .. import faults
from ..spans import current
from . import library

_ENVIRONMENT = 10  # position of `env` among Popen's positional parameters


def install(module):
    """Hook `Popen`, through which every function of subprocess goes: a child that inherits our environment gets our `TRACEPARENT` too."""
    create = module.Popen.__init__

    def traced_create(self, *arguments, **named):
        if len(arguments) <= _ENVIRONMENT and named.get("env") is None:
            environment = _environment()
            if environment is not None:
                named["env"] = environment
        create(self, *arguments, **named)

    module.Popen.__init__ = library.dress(traced_create, create)


def _environment():
    try:
        span = current.get()
        if span is None or not span.record:
            return None
        return {**os.environ, "TRACEPARENT": library.parent_header(span)}
    except Exception as error:
        faults.note(error)
        return None
