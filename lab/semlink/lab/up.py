"""All services of the link as children of this process, watched together.

The children get their settings through the environment, as in a container. They are started back
to front, so that each finds its next hop, and stopped front to back, so that what is in flight is
finished. A child that ends by itself ends the link: nothing is restarted behind the user's back.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

from rich.console import Console
from rich.text import Text

from semlink.core.errors import STATUS, InternalError, InvalidInput
from semlink.core.healthcheck import health_of

STOP_S = 20.0  # a service drains for ten
POLL_S = 0.2
PARENT_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of <sys/prctl.h>
COLOURS = {"transmitter": "cyan", "channel": "yellow", "receiver": "magenta"}

console = Console(highlight=False, soft_wrap=True)


@dataclass(frozen=True)
class Addresses:
    """Where the services listen.

    Attributes:
        host: address that all bind.
        port: the transmitter's gRPC.
        rest_port: the transmitter's REST.
        channel_port: the channel's gRPC.
        receiver_port: the receiver's gRPC.
    """

    host: str
    port: int
    rest_port: int
    channel_port: int
    receiver_port: int

    @classmethod
    def free(cls, host: str, **ports: int) -> Addresses:
        """Addresses in which every port 0 is replaced by one that is free now.

        Raises:
            InvalidInput: the host is none of this machine's.
        """
        with ExitStack() as probes:
            for name in [name for name, port in ports.items() if port == 0]:
                ports[name] = probes.enter_context(_bound(host)).getsockname()[1]
        return cls(host, **ports)

    def grpc(self) -> dict[str, str]:
        """HOST:PORT of each service, from the front to the back."""
        ports = (self.port, self.channel_port, self.receiver_port)
        return {name: f"{self.host}:{port}" for name, port in zip(COLOURS, ports, strict=True)}


@dataclass(frozen=True)
class Child:
    """A service that runs.

    Attributes:
        name: of the service.
        process: its process.
        log: copies its lines until it ends.
    """

    name: str
    process: asyncio.subprocess.Process
    log: asyncio.Task[None]


def run(addresses: Addresses, device: str | None) -> int:
    """Runs the link until SIGINT or SIGTERM; the exit code.

    Args:
        addresses: where to listen.
        device: of the transmitter and the receiver; None for the best there is.
    """
    return asyncio.run(_run(addresses, device))


def _bound(host: str) -> socket.socket:
    try:
        return socket.create_server((host, 0))
    except OSError as error:
        raise InvalidInput(
            f"nothing can listen there: {error.strerror}.",
            field="host",
            value=host,
            cure="Use 127.0.0.1, or 0.0.0.0 for all of this machine's addresses.",
        ) from error


async def _run(addresses: Addresses, device: str | None) -> int:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    children: list[Child] = []
    try:
        for name, environment in _environments(addresses, device):
            children.append(await _started(name, environment))
        return await _watched(children, addresses, stop)
    finally:
        for child in reversed(children):
            await _stopped(child)


async def _watched(children: list[Child], addresses: Addresses, stop: asyncio.Event) -> int:
    ends = {asyncio.create_task(child.process.wait()): child for child in children}
    ready = asyncio.create_task(_announced(addresses))
    stopped = asyncio.create_task(stop.wait())
    done, _ = await asyncio.wait({stopped, *ends}, return_when=asyncio.FIRST_COMPLETED)
    ready.cancel()
    if stopped in done:
        console.print("stopping")
        return 0
    for end in done:
        child = ends[end]
        code = child.process.returncode
        console.print(f"the {child.name} ended with {code}; stopping the others", style="red")
    return STATUS[InternalError].exit


async def _announced(addresses: Addresses) -> None:
    """Says where the link is, when all services are ready."""
    for address in reversed(addresses.grpc().values()):
        while await asyncio.to_thread(health_of, address) != "SERVING":
            await asyncio.sleep(POLL_S)
    console.print(_welcome(addresses))


def _welcome(addresses: Addresses) -> str:
    rest, grpc = f"http://{addresses.host}:{addresses.rest_port}", addresses.grpc()["transmitter"]
    return f"""
[bold green]The link is up.[/bold green]
  REST   {rest}  (described at {rest}/docs)
  gRPC   {grpc}

  curl -F photo=@photo.jpg -F psnr_db=10 {rest}/v1/reconstructions -o out.png
  semlink send photo.jpg --psnr-db 10 -o out.png --link {grpc}

Ctrl-C stops it.
"""


def _environments(
    addresses: Addresses, device: str | None
) -> Iterator[tuple[str, dict[str, str]]]:
    """Settings of each service, from the back to the front."""
    at = addresses.grpc()
    chosen = {} if device is None else {"DEVICE": device}
    own = {
        "receiver": {"PORT": str(addresses.receiver_port)} | chosen,
        "channel": {"PORT": str(addresses.channel_port), "RECEIVER_ADDRESS": at["receiver"]},
        "transmitter": {
            "PORT": str(addresses.port),
            "REST_PORT": str(addresses.rest_port),
            "CHANNEL_ADDRESS": at["channel"],
        }
        | chosen,
    }
    for name, settings in own.items():
        prefix = f"SEMLINK_{name.upper()}_"
        settings["HOST"] = addresses.host
        yield name, {prefix + key: value for key, value in settings.items()}


async def _started(name: str, environment: dict[str, str]) -> Child:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        f"semlink.{name}",
        env=os.environ | environment | {"PYTHONUNBUFFERED": "1"},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,  # Ctrl-C is ours alone; we stop them in order
        preexec_fn=_die_with_parent if sys.platform == "linux" else None,
    )
    return Child(name, process, asyncio.create_task(_copied(name, process.stdout)))


def _die_with_parent() -> None:
    """Runs in the child: were we killed outright, it would be told to stop."""
    ctypes.CDLL(None).prctl(PARENT_DEATH_SIGNAL, signal.SIGTERM)


async def _copied(name: str, lines: asyncio.StreamReader | None) -> None:
    assert lines is not None
    while line := await _line(lines):
        label = Text(f"{name:>11} | ", style=COLOURS[name])
        console.print(label + line.decode(errors="replace").rstrip())


async def _line(lines: asyncio.StreamReader) -> bytes:
    try:
        return await lines.readline()
    except ValueError:  # longer than the reader's buffer, which it has dropped
        return b"(a line that is too long to show)\n"


async def _stopped(child: Child) -> None:
    if child.process.returncode is None:
        child.process.terminate()
    try:
        await asyncio.wait_for(child.process.wait(), STOP_S)
    except TimeoutError:
        child.process.kill()
        await child.process.wait()
    await child.log
