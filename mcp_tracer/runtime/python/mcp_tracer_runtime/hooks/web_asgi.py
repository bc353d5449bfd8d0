"""ASGI: whatever uvicorn, hypercorn or gunicorn serve, and Starlette, FastAPI and Quart under any server or test client."""
# ruff: noqa: TID252 - this package lives under two names; it must not know either

from .. import faults
from . import library
from .served import Request


def _traced(application, by_server):
    """`application` (or a class's `__call__`) with a span around each request; connections of other kinds pass as they are."""

    async def traced(*arguments, **named):
        at = next((position for position, given in enumerate(arguments[:2]) if isinstance(given, dict)), None)
        if at is None or len(arguments) < at + 3 or arguments[at].get("type") != "http":
            return await application(*arguments, **named)
        request = _from_scope(arguments[at], by_server)
        send = arguments[at + 2]

        async def traced_send(message):
            if message.get("type") == "http.response.start":
                request.status = message.get("status")
            await send(message)

        library.dress(traced_send, send)
        try:
            return await application(*arguments[: at + 2], traced_send, *arguments[at + 3 :], **named)
        except BaseException:
            request.failed()
            raise
        finally:
            request.end()

    return library.dress(traced, application)


def _from_scope(scope, by_server):
    try:
        traceparent = next((value.decode("latin-1") for name, value in scope.get("headers") or () if name == b"traceparent"), None)
        query = scope.get("query_string", b"").decode("latin-1")
        url = (scope.get("path") or "/") + ("?" + query if query else "")
        return Request(scope.get("method", "GET"), url, traceparent, by_server)
    except Exception as error:  # a scope that breaks the rules; its application may take it
        faults.note(error)
        return Request("GET", "/", None, by_server)


def _framework(call):
    return _traced(call, False)


def _by_server(application):
    return _traced(application, True)


def install_starlette(module):
    """Hook `Starlette.__call__`; FastAPI is one."""
    library.patch(module.Starlette, __call__=_framework)


def install_quart(module):
    """Hook `Quart.__call__`."""
    library.patch(module.Quart, __call__=_framework)


def install_uvicorn(module):
    """Hook the running of the application for one request, in each of uvicorn's protocols."""

    def make(run):
        def traced(self, app):
            return run(self, _by_server(app))

        return traced

    cycle = next(held for name, held in vars(module).items() if name.endswith("RequestResponseCycle"))
    library.patch(cycle, run_asgi=make)


def install_hypercorn(module):
    """Hook the call of the application."""
    library.patch(module.ASGIWrapper, __call__=_by_server)


def install_gunicorn(module):
    """Hook the connections of gunicorn's own ASGI worker."""

    def make(create):
        def traced(self, *arguments, **named):
            create(self, *arguments, **named)
            library.replace(self, "app", _by_server)

        return traced

    library.patch(module.ASGIProtocol, __init__=make)
