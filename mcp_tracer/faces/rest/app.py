"""One ASGI application: MCP at `/mcp`, REST below `/api/tracing`, `/health` for whoever asks."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from mcp.server import MCPServer
from mcp.server.transport_security import TransportSecuritySettings
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from mcp_tracer import __version__
from mcp_tracer.faces.callers import ServiceProvider
from mcp_tracer.faces.failures import error_body
from mcp_tracer.faces.rest.access import Access
from mcp_tracer.faces.rest.routes import routes_of
from mcp_tracer.service.operation import Operation


def build_app(
    provider: ServiceProvider, operations: Mapping[str, Operation[Any, Any]], server: MCPServer[Any], *, token: str, port: int
) -> FastAPI:
    """The application for a server on loopback `port`; `token` opens everything but `/health`."""
    # Host and Origin are checked by Access for all routes alike; the SDK's own check would repeat it for one.
    mcp_app = server.streamable_http_app(transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False))

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
        async with server.session_manager.run():
            yield

    app = FastAPI(
        title="mcp-tracer",
        version=__version__,
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        exception_handlers={HTTPException: _answer_http},
    )
    app.include_router(routes_of(operations, provider))
    app.add_api_route("/health", _health, methods=["GET"], include_in_schema=False)
    app.router.routes.extend(mcp_app.routes)
    app.add_middleware(Access, token=token, port=port)
    return app


async def _health() -> dict[str, bool]:
    return {"ok": True}


async def _answer_http(request: Request, error: Exception) -> Response:
    """Unknown paths and methods in the same shape as every other error."""
    assert isinstance(error, HTTPException)
    message = f"{request.method} {request.url.path}: {error.detail}. GET /api/openapi.json lists what there is."
    code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "invalid")
    return JSONResponse(error_body(code, message), status_code=error.status_code, headers=error.headers)
