"""aiohttp's client: one span a request with the redirects that it follows; `traceparent` goes out with each of them."""
# ruff: noqa: TID252 - this package lives under two names; it must not know either

import sys

from .. import faults
from . import library, urls

_HEADER = "traceparent"


def install(module):
    """Hook the session's request, and the sending of each message that makes it up."""
    function = library.function("aiohttp.request", "http-client")
    sender = sys.modules["aiohttp.client_reqrep"].ClientRequest
    library.patch(module.ClientSession, _request=library.awaited(function, _describe, _outcome))
    library.patch(sender, send=_sending)


def _sending(original):
    async def send(self, *arguments, **named):
        ours = _add(self.headers)
        try:
            return await original(self, *arguments, **named)
        finally:
            if ours:
                self.headers.pop(_HEADER, None)

    return send


def _add(headers):
    """Whether `traceparent` was added; a header of the program's own stays."""
    try:
        span = library.within()
        if span is None or span.fn.fields["kind"] != "http-client" or _HEADER in headers:
            return False
        headers[_HEADER] = library.parent_header(span)
        return True
    except Exception as error:
        faults.note(error)
        return False


def _describe(session, method, str_or_url, **named):
    url = session._build_url(str_or_url)
    params = named.get("params")
    if isinstance(params, (dict, str, list, tuple)) and params:
        url = url.update_query(params)
    return {**urls.client(method, str(url)), "server.address": url.host, "server.port": url.port}


def _outcome(response, *_, **__):
    return urls.answered(response.status)
