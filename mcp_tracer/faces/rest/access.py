"""Who may talk to the HTTP server: loopback names, our own origins, and holders of the token. Runs before anything else sees a request."""

from __future__ import annotations

import hmac

from starlette.datastructures import Headers
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from mcp_tracer.faces.failures import error_body

LOOPBACK_NAMES = ("127.0.0.1", "localhost", "[::1]")
OPEN = frozenset({"/health"})
NO_TOKEN = "send `Authorization: Bearer TOKEN`; it is in .ai-agents/logging/token, or in MCP_TRACER_TOKEN where the server had it set."


class Access:
    """ASGI middleware. A page that a browser loads from elsewhere fails on Host (DNS rebinding) or Origin,
    everybody else on the token, which every path needs that is not open."""

    def __init__(self, app: ASGIApp, token: str, port: int) -> None:
        self._app = app
        self._token = token.encode()
        self._hosts = frozenset(f"{name}:{port}" for name in LOOPBACK_NAMES)
        self._origins = frozenset(f"http://{host}" for host in self._hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer what is not allowed, and pass on the rest."""
        refusal = self._refusal(scope) if scope["type"] in ("http", "websocket") else None
        await (self._app if refusal is None else refusal)(scope, receive, send)

    def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        host, origin = headers.get("host", ""), headers.get("origin")
        if host.lower() not in self._hosts:
            return _no(421, "wrong_host", f"this server answers to {', '.join(sorted(self._hosts))} only.")
        if origin is not None and origin.lower() not in self._origins:
            return _no(403, "wrong_origin", "requests from pages of other origins are refused.")
        if scope["path"] not in OPEN and not self._has_token(headers):
            return _no(401, "unauthorized", NO_TOKEN, {"WWW-Authenticate": "Bearer"})
        return None

    def _has_token(self, headers: Headers) -> bool:
        scheme, _, given = headers.get("authorization", "").partition(" ")
        return scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), self._token)


def _no(status: int, code: str, message: str, headers: dict[str, str] | None = None) -> Response:
    return JSONResponse(error_body(code, message), status_code=status, headers=headers)
