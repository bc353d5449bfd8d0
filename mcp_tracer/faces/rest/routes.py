"""The routes of every operation below `/api/tracing/`."""

from __future__ import annotations

import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from mcp_tracer.faces.callers import ServiceProvider, named_caller
from mcp_tracer.faces.failures import body_of, error_body, kind_of
from mcp_tracer.faces.rest.arguments import arguments_of
from mcp_tracer.faces.rest.describe import openapi_of
from mcp_tracer.model.errors import TracerError
from mcp_tracer.service.operation import Operation, Route

PREFIX = "/api/tracing"
HUMAN_ONLY = (
    "only a person decides on approvals, and the credential of this API is the agents': "
    "run `mcp-tracer approvals approve {id}` (or `deny`) in a terminal."
)

_log = logging.getLogger(__name__)
Handler = Callable[[Request], Awaitable[Response]]


def routes_of(operations: Mapping[str, Operation[Any, Any]], provider: ServiceProvider) -> APIRouter:
    """A router with all of them. Paths of files may hold slashes, plain or as %2F."""
    router = APIRouter(prefix=PREFIX)
    for operation in operations.values():
        for route in operation.routes:
            router.add_api_route(
                "/" + starlette_path(route.path),
                _handler(operation, route, provider),
                methods=[route.method],
                name=f"{operation.name} {route.path}",
                operation_id=operation_id(operation, route),
                summary=operation.summary,
                response_model=None if route.shape else operation.result,
                response_model_by_alias=True,
                openapi_extra=openapi_of(operation, route),
            )
    router.add_api_route("/approvals/{id}/decision", _refuse_decision, methods=["POST"], summary="For people; refused here.")
    return router


def starlette_path(path: str) -> str:
    """`{file}` takes slashes; the other parameters end at one."""
    return re.sub(r"\{(file|path)\}", r"{\1:path}", path)


def operation_id(operation: Operation[Any, Any], route: Route) -> str:
    """Unique among all routes: operations may have several."""
    return re.sub(r"\W+", "_", f"{operation.name}_{route.method.lower()}_{route.path}").strip("_")


def _handler(operation: Operation[Any, Any], route: Route, provider: ServiceProvider) -> Handler:
    async def handle(request: Request) -> Response:
        try:
            arguments = await arguments_of(request, operation.params, route.fixed)
            service = await provider()
            answer = await service.call(operation.name, arguments, named_caller(request.headers.get("x-agent-name"), None, "rest"))
        except TracerError as error:
            return failure(error)
        except Exception:
            _log.exception("%s failed", operation.name)
            return JSONResponse(error_body("internal", "internal error: the server's log has the details."), status_code=500)
        return JSONResponse(route.shape(answer.result) if route.shape else answer.result.model_dump(mode="json", by_alias=True))

    return handle


def failure(error: TracerError) -> Response:
    """The answer for an error, by the table."""
    return JSONResponse(body_of(error), status_code=kind_of(error).status)


async def _refuse_decision(request: Request) -> Response:
    return JSONResponse(error_body("refused", HUMAN_ONLY.format(id=request.path_params["id"])), status_code=403)
