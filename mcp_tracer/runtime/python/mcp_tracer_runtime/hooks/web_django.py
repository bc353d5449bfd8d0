"""Django under WSGI, ASGI and its test clients: they all ask one handler for the response."""
# ruff: noqa: TID252 - this package lives under two names; it must not know either

from .. import faults
from . import library
from .served import Request


def install(module):
    """Hook `BaseHandler`."""
    library.patch(module.BaseHandler, get_response=_make, get_response_async=_make_async)


def _make(get_response):
    def traced(self, request):
        with _from_request(request) as served:
            response = get_response(self, request)
            served.status = _status(response)
            return response

    return traced


def _make_async(get_response):
    async def traced(self, request):
        with _from_request(request) as served:
            response = await get_response(self, request)
            served.status = _status(response)
            return response

    return traced


def _from_request(request):
    try:
        meta = request.META
        query = meta.get("QUERY_STRING")
        url = request.path + ("?" + query if query else "")
        return Request(request.method or "GET", url, meta.get("HTTP_TRACEPARENT"), bool(meta.get("SERVER_SOFTWARE")))
    except Exception as error:
        faults.note(error)
        return Request("GET", "/", None)


def _status(response):
    return getattr(response, "status_code", None)
