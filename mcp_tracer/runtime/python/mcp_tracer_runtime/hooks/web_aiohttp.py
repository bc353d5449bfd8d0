"""aiohttp's server: the application's handling of one request, its middlewares included."""
# ruff: noqa: TID252 - this package lives under two names; it must not know either

import sys

from .. import faults
from . import library
from .served import Request


def install(module):
    """Hook `Application._handle`."""
    answers = sys.modules["aiohttp.web_exceptions"].HTTPException

    def make(handle):
        async def traced(self, request):
            served = _from_request(request)
            try:
                response = await handle(self, request)
                served.status = getattr(response, "status", None)
                return response
            except BaseException as error:
                if isinstance(error, answers):  # a way to answer
                    served.status = error.status
                else:
                    served.failed()
                raise
            finally:
                served.end()

        return traced

    library.patch(module.Application, _handle=make)


def _from_request(request):
    try:
        return Request(request.method, request.path_qs, request.headers.get("traceparent"), True)
    except Exception as error:
        faults.note(error)
        return Request("GET", "/", None, True)
