"""http.client, and with it urllib.request, requests and all that stand on it: one span from the request line to the response's head."""
# ruff: noqa: TID252 - this package lives under two names; it must not know either

from .. import faults, state
from . import library

_SPAN = "_mt_span"


def install(module):
    """Hook `HTTPConnection`; `traceparent` goes out with each request that does not carry one."""
    connection = module.HTTPConnection
    function = library.function("http.client.request", "http-client")
    putrequest, endheaders, getresponse, putheader = (
        connection.putrequest,
        connection.endheaders,
        connection.getresponse,
        connection.putheader,
    )

    def traced_putrequest(self, method, url, *arguments, **named):
        _close(self, {}, None)
        span = library.begin(function) if state.config.http else None
        if span is not None:
            self.__dict__[_SPAN] = (span, {"http.request.method": method, "url.full": _full(self, url)})
        return putrequest(self, method, url, *arguments, **named)

    def traced_putheader(self, header, *values):
        if _SPAN in self.__dict__ and str(header).lower() == "traceparent":
            self.__dict__[_SPAN][1]["mcp_tracer.propagated"] = True
        return putheader(self, header, *values)

    def traced_endheaders(self, *arguments, **named):
        kept = self.__dict__.get(_SPAN)
        if kept is not None and "mcp_tracer.propagated" not in kept[1]:
            putheader(self, "traceparent", library.parent_header(kept[0]))
        return endheaders(self, *arguments, **named)

    def traced_getresponse(self, *arguments, **named):
        try:
            response = getresponse(self, *arguments, **named)
        except BaseException as error:
            _close(self, {}, error)
            raise
        _close(self, {"http.response.status_code": response.status}, None)
        return response

    for name, hooked in (
        ("putrequest", traced_putrequest),
        ("putheader", traced_putheader),
        ("endheaders", traced_endheaders),
        ("getresponse", traced_getresponse),
    ):
        setattr(connection, name, library.dress(hooked, getattr(connection, name)))


def _close(connection, values, error):
    kept = connection.__dict__.pop(_SPAN, None)
    if kept is not None:
        kept[1].pop("mcp_tracer.propagated", None)
        library.end(kept[0], {**kept[1], **values}, error)


def _full(connection, url):
    try:
        if type(url) is str and "://" in url:
            return url
        scheme = "https" if "HTTPS" in type(connection).__name__ else "http"
        return "%s://%s:%s%s" % (scheme, connection.host, connection.port, url)
    except Exception as error:
        faults.note(error)
        return None
