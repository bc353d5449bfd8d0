"""http.client, and with it urllib.request, urllib3, requests and all that stand on it: one span from the request line to the response's
head."""
# ruff: noqa: TID252 - this package lives under two names; it must not know either

from .. import faults
from . import library, urls

_SPAN = "_mt_span"
_PORTS = {"http": 80, "https": 443}


class _Open:
    """A request that was begun and not answered yet; `propagated` once it has a `traceparent`."""

    __slots__ = ("propagated", "span", "values")

    def __init__(self, span, values):
        self.span, self.values, self.propagated = span, values, False


def install(module):
    """Hook `HTTPConnection`; `traceparent` goes out with each request that does not carry one."""
    putheader = module.HTTPConnection.putheader
    function = library.function("http.client.request", "http-client")
    library.patch(
        module.HTTPConnection,
        putrequest=_putrequest(function),
        putheader=_putheader,
        endheaders=_endheaders(putheader),
        getresponse=_getresponse,
    )


def _putrequest(function):
    def make(putrequest):
        def traced(self, method, url, *arguments, **named):
            _close(self, {}, None)
            span = library.begin(function)
            if span is not None:
                self.__dict__[_SPAN] = _Open(span, library.told(_describe, self, method, url))
            return putrequest(self, method, url, *arguments, **named)

        return traced

    return make


def _putheader(putheader):
    def traced(self, header, *values):
        kept = self.__dict__.get(_SPAN)
        if kept is not None and _is_traceparent(header):
            kept.propagated = True
        return putheader(self, header, *values)

    return traced


def _is_traceparent(header):
    return header.lower() in ("traceparent", b"traceparent") if type(header) in (str, bytes) else False


def _endheaders(putheader):
    def make(endheaders):
        def traced(self, *arguments, **named):
            kept = self.__dict__.get(_SPAN)
            if kept is not None and not kept.propagated:
                _propagate(self, putheader, kept)
            try:
                return endheaders(self, *arguments, **named)
            except BaseException as error:  # no connection
                _close(self, {}, error)
                raise

        return traced

    return make


def _propagate(connection, putheader, kept):
    try:
        putheader(connection, "traceparent", library.parent_header(kept.span))
    except Exception as error:  # out of turn: the library will say so to the program itself
        faults.note(error)


def _getresponse(getresponse):
    def traced(self, *arguments, **named):
        try:
            response = getresponse(self, *arguments, **named)
        except TypeError as error:
            if not arguments and not named:  # urllib3 1 asks with an argument of old, and then without
                _close(self, {}, error)
            raise
        except BaseException as error:
            _close(self, {}, error)
            raise
        _close(self, library.told(urls.answered, response.status), None)
        return response

    return traced


def _close(connection, values, error):
    kept = connection.__dict__.pop(_SPAN, None)
    if kept is not None:
        library.end(kept.span, {**kept.values, **values}, error)


def _describe(connection, method, url):
    host = connection.host
    port = connection.port
    full = url if isinstance(url, str) else url.decode("latin-1")
    if "://" not in full:
        scheme = "https" if "HTTPS" in type(connection).__name__ else "http"
        place = "[%s]" % host if ":" in host else host
        full = "%s://%s%s%s" % (scheme, place, "" if port == _PORTS[scheme] else ":%s" % port, full)
    return {**urls.client(method, full), "server.address": host, "server.port": port}
