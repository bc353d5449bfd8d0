"""WSGI: wsgiref (Django's development server too), gunicorn, werkzeug, and Flask under any server or test client."""
# ruff: noqa: TID252 - this package lives under two names; it must not know either

from .. import faults
from . import library
from .served import Request

_WORKERS = ("SyncWorker", "ThreadWorker", "AsyncWorker")


def _traced(application, by_server):
    """`application` (or a class's `__call__`) with a span around each request."""

    def traced(*arguments):
        environ, start_response = arguments[-2:]
        request = _from_environ(environ, by_server)

        def started(status, *more, **named):
            try:
                request.status = int(status[:3])
            except (ValueError, TypeError) as error:
                faults.note(error)
            return start_response(status, *more, **named)

        try:
            body = application(*arguments[:-2], environ, library.dress(started, start_response))
        except BaseException:
            request.failed()
            request.end()
            raise
        if _is_lazy(body, environ):
            request.pause()
            return _Body(body, request)
        request.end()
        return body

    return library.dress(traced, application)


def _by_server(application):
    traced = _traced(application, True)
    traced._mt_traced = True
    return traced


def _from_environ(environ, by_server):
    get = environ.get
    query = get("QUERY_STRING")
    url = (get("SCRIPT_NAME") or "") + (get("PATH_INFO") or "/") + ("?" + query if query else "")
    return Request(get("REQUEST_METHOD") or "GET", url, get("HTTP_TRACEPARENT"), by_server or bool(get("SERVER_SOFTWARE")))


def _is_lazy(body, environ):
    """Whether the application computes the body while it is sent. Only servers promise to close it; test clients do not."""
    kind = type(body)
    lazy = kind is _GENERATOR or (kind.__name__ == "ClosingIterator" and kind.__module__ == "werkzeug.wsgi")
    return lazy and bool(environ.get("SERVER_SOFTWARE"))


class _Body:
    """A response's body: the request lasts until it is closed, and what computes it runs inside the request."""

    def __init__(self, body, request):
        self._body, self._request = body, request
        self._next = iter(body).__next__

    def __iter__(self):
        return self

    def __next__(self):
        self._request.proceed()
        try:
            return self._next()
        except StopIteration:
            raise
        except BaseException:
            self._request.failed()
            raise
        finally:
            self._request.pause()

    def close(self):
        self._request.proceed()
        try:
            self._body.close()
        finally:
            self._request.end()


def _generator():
    yield


_GENERATOR = type(_generator())


def install_flask(module):
    """Hook `Flask.__call__`, which servers and test clients call."""
    library.patch(module.Flask, __call__=lambda call: _traced(call, False))


def install_wsgiref(module):
    """Hook `BaseHandler.run`, the way of every wsgiref server."""

    def make(run):
        def traced(self, application):
            return run(self, _traced(application, True))

        return traced

    library.patch(module.BaseHandler, run=make)


def install_werkzeug(module):
    """Hook the server, also for applications that have no hook of their own."""

    def make(create):
        def traced(self, *arguments, **named):
            create(self, *arguments, **named)
            library.replace(self, "app", _by_server)

        return traced

    library.patch(module.BaseWSGIServer, __init__=make)


def install_gunicorn(module):
    """Hook the workers' handling of one request: the application is loaded long before, perhaps before tracing began."""

    def make(handle):
        def traced(self, *arguments, **named):
            if not hasattr(getattr(self, "wsgi", None), "_mt_traced"):
                library.replace(self, "wsgi", _by_server)
            return handle(self, *arguments, **named)

        return traced

    worker = next(held for name, held in vars(module).items() if name in _WORKERS)
    for method in ("handle_request", "handle_http2_request"):
        if hasattr(worker, method):
            library.patch(worker, **{method: make})
