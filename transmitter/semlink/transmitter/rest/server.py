"""Listens for REST inside the event loop that gRPC runs in."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import uvicorn

from semlink.core.errors import Unavailable
from semlink.transmitter.front import Front
from semlink.transmitter.rest.app import create_app


class _Server(uvicorn.Server):
    """Leaves the process's signals to `core.serving`."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def open_rest(front: Front, *, host: str, port: int, drain_s: float) -> AsyncIterator[str]:
    """Serves REST while the context lasts; yields http://HOST:PORT.

    Args:
        front: what the interface stands in front of.
        host: address to bind.
        port: 0 for any free one.
        drain_s: how long requests in flight may take to finish when the context ends.

    Raises:
        Unavailable: the address cannot be bound.
    """
    with _bind(host, port) as bound:
        config = uvicorn.Config(
            create_app(front),
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=max(1, round(drain_s)),
        )
        server = _Server(config)
        serving = asyncio.create_task(server.serve([bound]))
        try:
            yield f"http://{host}:{bound.getsockname()[1]}"
        finally:
            server.should_exit = True
            await serving


def _bind(host: str, port: int) -> socket.socket:
    host = host.strip("[]")  # which gRPC wants around an IPv6 address
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise Unavailable(
            "the transmitter cannot listen there for REST.",
            field="rest_port",
            value=f"{host}:{port}",
            cure="Choose another port, or stop the program that uses it.",
        ) from error
