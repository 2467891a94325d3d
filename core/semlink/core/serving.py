"""How every service runs: one gRPC server with health, reflection and an orderly end."""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    asynccontextmanager,
    contextmanager,
)
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from pydantic import BaseModel, ValidationError

from semlink.core.base_settings import invalid_input
from semlink.core.errors import STATUS, SemlinkError, Unavailable

DRAIN_S = 10.0
SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


# A further listener beside the gRPC server, as REST is: gets the seconds that it may take to drain
# when its context ends, and yields its address.
Door = Callable[[float], AbstractAsyncContextManager[str]]


@dataclass(frozen=True)
class Service:
    """What `running_server` needs to know of a service.

    Attributes:
        name: for people, as in "receiver".
        full_name: of the gRPC service, as in "semlink.protos.v1.Receiver".
        add: registers the servicer with a server.
        warm: loads the networks; the service is ready when it returns.
        doors: listeners that open and close with the gRPC server.
    """

    name: str
    full_name: str
    add: Callable[[grpc.aio.Server], None]
    warm: Callable[[], Awaitable[None]]
    doors: Sequence[Door] = ()


class RunningServer:
    """A server that listens; `ready` ends when its networks are warm.

    Attributes:
        address: HOST:PORT of gRPC, with the port that was bound.
        doors: addresses of the service's doors, in its order.
        ready: ends when the service is SERVING, or with the error that kept it from it.
    """

    def __init__(self, address: str, doors: tuple[str, ...], ready: asyncio.Task[None]):
        self.address = address
        self.doors = doors
        self.ready = ready


@asynccontextmanager
async def running_server(
    service: Service, *, host: str = "127.0.0.1", port: int = 0, drain_s: float = DRAIN_S
) -> AsyncIterator[RunningServer]:
    """Listens at once, says SERVING when the networks are warm, and drains at the end.

    Args:
        service: what to serve.
        host: address to bind.
        port: 0 for any free one.
        drain_s: how long calls in flight may take to finish when the context ends.

    Raises:
        Unavailable: the address cannot be bound.
    """
    server = grpc.aio.server(options=(("grpc.so_reuseport", 0),))
    service.add(server)
    checks = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(checks, server)
    names: Sequence[str] = (service.full_name, health.SERVICE_NAME, reflection.SERVICE_NAME)
    reflection.enable_server_reflection(names, server)
    bound = _bind(server, service.name, host, port)
    await _set_health(checks, service, NOT_SERVING)
    async with AsyncExitStack() as closing:
        await server.start()
        closing.push_async_callback(server.stop, drain_s)
        doors = [await closing.enter_async_context(door(drain_s)) for door in service.doors]
        closing.push_async_callback(checks.enter_graceful_shutdown)
        ready = asyncio.create_task(_become_ready(checks, service))
        closing.callback(ready.cancel)
        yield RunningServer(f"{host}:{bound}", tuple(doors), ready)


def _bind(server: grpc.aio.Server, name: str, host: str, port: int) -> int:
    try:
        return server.add_insecure_port(f"{host}:{port}")
    except RuntimeError as error:
        raise Unavailable(
            f"the {name} cannot listen there.",
            field="port",
            value=f"{host}:{port}",
            cure="Choose another port, or stop the program that uses it.",
        ) from error


async def _become_ready(checks: health.aio.HealthServicer, service: Service) -> None:
    await service.warm()
    await _set_health(checks, service, SERVING)


async def _set_health(checks: health.aio.HealthServicer, service: Service, status: int) -> None:
    for name in ("", service.full_name):
        await checks.set(name, status)


SAY = partial(print, flush=True)  # or a pipe would hold the lines back until the end


async def serve_until_stopped(
    service: Service, *, host: str, port: int, say: Callable[[str], None] = SAY
) -> None:
    """Serves until SIGTERM or SIGINT, then drains. What a service's main calls.

    Args:
        service: what to serve.
        host: address to bind.
        port: 0 for any free one.
        say: gets one line when the service listens and one when it is ready.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signal_number, stop.set)
    async with running_server(service, host=host, port=port) as server:
        say(f"{service.name} listens on {' and '.join((server.address, *server.doors))}")
        stopped = asyncio.create_task(stop.wait())
        await asyncio.wait({server.ready, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if server.ready.done():
            await server.ready
            gc.freeze()  # networks stay to the end; looking through them would delay the exit
            say(f"{service.name} ready")
        await stopped


B = TypeVar("B", bound=BaseModel)


def from_environment(model: type[B]) -> B:
    """A service's settings, from its environment variables.

    Raises:
        InvalidInput: with the variable, the value and the cure.
    """
    try:
        return model()
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        found = invalid_input(model, (str(first["loc"][0]),), first["msg"], first["input"])
        found.field = f"{model.model_config.get('env_prefix', '')}{found.field}".upper()
        raise found from error


@contextmanager
def errors_end_the_program() -> Iterator[None]:
    """For a service's main: an error of ours is one line on stderr and its exit status."""
    try:
        yield
    except SemlinkError as error:
        sys.stderr.write(f"{error}\n")
        raise SystemExit(STATUS[type(error)].exit) from None
