"""Serve the application on loopback with uvicorn until a signal says stop."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import Generator

import uvicorn
from starlette.types import ASGIApp

from mcp_tracer.model.errors import Unavailable, UserError

SHUTDOWN_S = 2
BACKLOG = 128
LOOPBACK = {"127.0.0.1": socket.AF_INET, "localhost": socket.AF_INET, "::1": socket.AF_INET6}


def bind(address: str) -> socket.socket:
    """A listening socket for `HOST:PORT`; port 0 takes a free one. Raises UserError for anything but loopback."""
    host, separator, port = address.rpartition(":")
    host = host.strip("[]")
    if not separator or not port.isdecimal() or int(port) > 65535:
        raise UserError(f"{address!r} is no address: write HOST:PORT, such as 127.0.0.1:7420.")
    if host not in LOOPBACK:
        where = host or "every interface"
        raise UserError(f"{where} is refused, only loopback is served: use 127.0.0.1:{port}, and an SSH tunnel from elsewhere.")
    listening = socket.socket(LOOPBACK[host])
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(("127.0.0.1" if host == "localhost" else host, int(port)))
        # From here on clients wait in the queue, so that the address can be told before everything else is ready.
        listening.listen(BACKLOG)
    except OSError as error:
        listening.close()
        raise Unavailable(f"{address} cannot be used ({error.strerror}): another server may run there; choose another port.") from error
    return listening


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        """Ours are in charge: uvicorn's raise the signal again after shutdown, which would skip closing the store."""
        yield


async def serve(app: ASGIApp, listening: socket.socket, stop: asyncio.Event) -> None:
    """Serve until `stop` is set; open connections then get two seconds."""
    config = uvicorn.Config(app, log_level="warning", access_log=False, timeout_graceful_shutdown=SHUTDOWN_S, lifespan="on")
    server = _Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
    # As if the signal had come to uvicorn: event streams listen there for the end, and would be waited for otherwise.
    server.handle_exit(signal.SIGTERM, None)
    stopping.cancel()
    await serving
