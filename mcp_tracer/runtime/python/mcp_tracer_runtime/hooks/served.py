"""Requests served, whatever the server: each is a trace of its own, or a part of the one that calls the application in process."""
# ruff: noqa: TID252 - this package lives under two names; it must not know either

import sys

from .. import definitions, exceptions, faults, flow, spans, state
from ..clock import tick
from ..spans import FlowSpan, current, prepare
from . import library, urls

_shared = []
_open = {}  # id of a request's span -> (method, path): servers and frameworks both announce a request, and it is one


class Request:
    """The span of one request; none of its methods raises.

    `url` is path and query, `traceparent` the header's text or None. `by_server`: a server calls, so the request is a trace of its own even
    where a traced function runs the server; what a test client calls is part of the test.
    """

    def __init__(self, method, url, traceparent, by_server=False):
        self.status = self.span = None
        try:
            up = current.get()
            path = _bare(url)
            if state.config.http and not _is_known(up, method, path):
                self._begin(up, method, urls.shown(url), traceparent, by_server)
                _open[id(self.span)] = (method, path)
        except Exception as error:
            faults.note(error)

    def _begin(self, up, method, url, traceparent, by_server):
        root = {"type": "http-request", "name": method + " " + url.partition("?")[0], "method": method, "url": url}
        self.outer = up is None or by_server
        span = prepare(FlowSpan(), _function(), None if self.outer else up, root, spans.parse_parent(traceparent or ""))
        span.awaiting = span.closed = span.generator = False
        span.suspended = span.resumes = span.resumed = span.waited_since = 0
        span.delegate = None
        span.up = up
        self.values = {"http.request.method": method, "url.full": url}
        current.set(span)
        span.start = tick()
        self.span = span

    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback):
        if error is not None:
            self.failed()
        self.end()

    def failed(self):
        """An exception leaves the application."""
        try:
            if self.span is not None:
                exceptions.record(self.span, sys.exc_info()[1])
        except Exception as error:
            faults.note(error)

    def pause(self):
        """The application is left, and will be entered again."""
        if self.span is not None and current.get() is self.span:
            current.set(self.span.up)

    def proceed(self):
        """The application is entered again."""
        if self.span is not None:
            current.set(self.span)

    def end(self):
        """The application is done with it. A second call does nothing."""
        span, self.span = self.span, None
        if span is None:
            return
        try:
            _open.pop(id(span), None)
            if self.status is not None:
                self._answered(span)
            span.payload += library.attributes(self.values)
        except Exception as error:
            faults.note(error)
        flow.end(span)

    def _answered(self, span):
        self.values["http.response.status_code"] = self.status
        if self.status >= 500:
            span.flags |= spans.ERROR
        if self.outer and span.record:
            definitions.write(definitions.TRACE, span.trace.id, {"traceId": span.trace.hex, "statusCode": self.status})


def _bare(url):
    """The path as far as all gateways agree on it: they decode it differently."""
    return url.partition("?")[0].encode("ascii", "ignore")


def _is_known(span, method, path):
    """Whether the request that runs now is this one: the server told of it already, or it went on to a mounted application."""
    while span is not None:
        known = _open.get(id(span))
        if known is not None:
            return known[0] == method and (known[1].endswith(path) or path.endswith(known[1]))
        span = span.up
    return False


def _function():
    """One definition for all servers."""
    if not _shared:
        _shared.append(library.function("request", "http-server"))
    return _shared[0]
