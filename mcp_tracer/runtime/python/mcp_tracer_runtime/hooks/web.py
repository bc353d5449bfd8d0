"""Requests served: WSGI (wsgiref, Flask) and ASGI (Starlette, FastAPI). A request that nothing traced encloses is a trace of its own."""
# ruff: noqa: TID252 - this package lives under two names; it must not know either

import sys
from time import perf_counter_ns

from .. import definitions, exceptions, faults, flow, spans, state
from ..spans import FlowSpan, current, prepare
from . import library


class _Request:
    """The span of one request; None of its methods raises."""

    def __init__(self, function, method, url, traceparent):
        self.status = None
        self.span = None
        try:
            up = current.get()
            if (up is not None and up.fn is function) or not state.config.http:
                return
            shown = url.partition("?")[0]
            root = {"type": "http-request", "name": method + " " + shown, "method": method, "url": url}
            span = prepare(FlowSpan(), function, up, root, spans.parse_parent(traceparent or ""))
            span.awaiting = span.closed = span.generator = False
            span.suspended = span.resumes = span.resumed = span.waited_since = 0
            span.delegate = None
            self.values = {"http.request.method": method, "url.full": url}
            self.outer = up is None
            current.set(span)
            span.start = perf_counter_ns()
            self.span = span
        except Exception as error:
            faults.note(error)

    def failed(self):
        """An exception leaves the application."""
        try:
            if self.span is not None:
                exceptions.record(self.span, sys.exc_info()[1])
        except Exception as error:
            faults.note(error)

    def end(self):
        """The application is done with it."""
        span = self.span
        if span is None:
            return
        try:
            if self.status is not None:
                self.values["http.response.status_code"] = self.status
                if self.status >= 500:
                    span.flags |= spans.ERROR
                if self.outer and span.record:
                    definitions.write(definitions.TRACE, span.trace.id, {"traceId": span.trace.hex, "statusCode": self.status})
            span.payload += library.attributes(self.values)
        except Exception as error:
            faults.note(error)
        flow.end(span)


def wsgi(application, function):
    """`application` with a span around each call."""

    def traced(*arguments):
        environ, start_response = arguments[-2:]
        request = _from_environ(environ, function)

        def started(status, *more, **named):
            try:
                request.status = int(status[:3])
            except (ValueError, TypeError) as error:
                faults.note(error)
            return start_response(status, *more, **named)

        try:
            return application(*arguments[:-2], environ, started)
        except BaseException:
            request.failed()
            raise
        finally:
            request.end()

    return traced


def _from_environ(environ, function):
    get = environ.get
    query = get("QUERY_STRING")
    url = (get("SCRIPT_NAME") or "") + (get("PATH_INFO") or "/") + ("?" + query if query else "")
    return _Request(function, get("REQUEST_METHOD") or "GET", url, get("HTTP_TRACEPARENT"))


def install_flask(module):
    """Hook `Flask.__call__`, which servers and test clients call."""
    call = module.Flask.__call__
    module.Flask.__call__ = library.dress(wsgi(call, _function()), call)


def install_wsgiref(module):
    """Hook `BaseHandler.run`, the way of every wsgiref server."""
    run = module.BaseHandler.run
    function = _function()

    def traced_run(self, application):
        return run(self, wsgi(application, function))

    module.BaseHandler.run = library.dress(traced_run, run)


def install_starlette(module):
    """Hook `Starlette.__call__`; FastAPI is one."""
    call = module.Starlette.__call__
    function = _function()

    async def traced_call(self, scope, receive, send):
        if scope.get("type") != "http":
            return await call(self, scope, receive, send)
        request = _from_scope(scope, function)

        async def traced_send(message):
            if message.get("type") == "http.response.start":
                request.status = message.get("status")
            await send(message)

        try:
            return await call(self, scope, receive, traced_send)
        except BaseException:
            request.failed()
            raise
        finally:
            request.end()

    module.Starlette.__call__ = library.dress(traced_call, call)


def _from_scope(scope, function):
    headers = dict(scope.get("headers") or ())
    query = scope.get("query_string", b"").decode("latin-1")
    url = scope.get("path", "/") + ("?" + query if query else "")
    return _Request(function, scope.get("method", "GET"), url, headers.get(b"traceparent", b"").decode("latin-1"))


_shared = []


def _function():
    """One definition for all servers: a request that passes two of them is one span."""
    if not _shared:
        _shared.append(library.function("request", "http-server"))
    return _shared[0]
