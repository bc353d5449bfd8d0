"""A test that failed: its span has the exception."""
# ruff: noqa: TID252 - this package lives under two names; it must not know either

import os

from .. import exceptions, spans, state


def fail(span, error):
    """Note the failure of a test with the exception (None: nobody told it), and the part of its stack that is the project's."""
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
