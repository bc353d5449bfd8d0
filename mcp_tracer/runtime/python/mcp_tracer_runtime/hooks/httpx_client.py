"""httpx and httpx2, sync and async: one span a request, redirects counted singly."""
# ruff: noqa: TID252 - this package lives under two names; it must not know either

from .. import faults
from . import library, urls

_HEADER = "traceparent"


def install(module):
    """Hook the method in which a client hands one request to whatever transport it has, and the transports that go to the network: what
    stays in the process (an application called directly, a test's mock) has its parent anyway and sees the request as the program made
    it."""
    function = library.function(module.__name__ + ".request", "http-client")
    library.patch(module.Client, _send_single_request=library.call(function, _describe, _outcome))
    library.patch(module.AsyncClient, _send_single_request=library.awaited(function, _describe, _outcome))
    library.patch(module.HTTPTransport, handle_request=_propagating)
    library.patch(module.AsyncHTTPTransport, handle_async_request=_propagating_async)


def _propagating(original):
    def handle_request(transport, request, *arguments, **named):
        ours = _add(request)
        try:
            return original(transport, request, *arguments, **named)
        finally:
            _remove(request, ours)

    return handle_request


def _propagating_async(original):
    async def handle_async_request(transport, request, *arguments, **named):
        ours = _add(request)
        try:
            return await original(transport, request, *arguments, **named)
        finally:
            _remove(request, ours)

    return handle_async_request


def _add(request):
    """Whether `traceparent` was added; a header of the program's own stays."""
    try:
        span = library.within()
        if span is None or span.fn.fields["kind"] != "http-client" or _HEADER in request.headers:
            return False
        request.headers[_HEADER] = library.parent_header(span)
        return True
    except Exception as error:
        faults.note(error)
        return False


def _remove(request, ours):
    """The program finds its request as it made it, and a redirect does not carry this span's header on."""
    try:
        if ours:
            request.headers.pop(_HEADER, None)
    except Exception as error:
        faults.note(error)


def _describe(_, request, *__, **___):
    url = request.url
    port = url.port or {"http": 80, "https": 443}.get(url.scheme)
    return {
        **urls.client(request.method, str(url.copy_with(password=None, username=None))),
        "server.address": url.host,
        "server.port": port,
    }


def _outcome(response, *_, **__):
    return urls.answered(response.status_code)
