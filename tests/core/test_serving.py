from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import textwrap
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from semlink.core.errors import Busy, InvalidInput, Unavailable
from semlink.core.serving import (
    Service,
    errors_end_the_program,
    from_environment,
    running_server,
    serve_until_stopped,
)

NAME = "semlink.protos.v1.Receiver"


def service(warm: Callable[[], Awaitable[None]]) -> Service:
    return Service("receiver", NAME, lambda server: None, warm)


async def health(address: str, name: str = "") -> str:
    async with grpc.aio.insecure_channel(address) as channel:
        check = health_pb2_grpc.HealthStub(channel).Check
        reply = await check(health_pb2.HealthCheckRequest(service=name), timeout=5)
    return str(health_pb2.HealthCheckResponse.ServingStatus.Name(reply.status))


async def listed(address: str) -> set[str]:
    request = reflection_pb2.ServerReflectionRequest(list_services="")
    async with grpc.aio.insecure_channel(address) as channel:
        stub: Any = reflection_pb2_grpc.ServerReflectionStub(channel)
        async for reply in stub.ServerReflectionInfo(iter([request]), timeout=5):
            return {item.name for item in reply.list_services_response.service}
    return set()


def test_it_serves_when_it_is_warm_and_not_before() -> None:
    async def test() -> None:
        warm = asyncio.Event()

        async def warming() -> None:
            await warm.wait()

        async with running_server(service(warming)) as server:
            for name in ("", NAME):
                assert await health(server.address, name) == "NOT_SERVING"
            warm.set()
            await server.ready
            for name in ("", NAME):
                assert await health(server.address, name) == "SERVING"
            assert NAME in await listed(server.address)

    asyncio.run(asyncio.wait_for(test(), 20))


def test_a_failure_to_warm_ends_the_service() -> None:
    async def fails() -> None:
        raise Unavailable("the weights are missing.")

    async def test() -> None:
        with pytest.raises(Unavailable, match="weights"):
            await serve_until_stopped(service(fails), host="127.0.0.1", port=0, say=lambda _: None)

    asyncio.run(asyncio.wait_for(test(), 20))


async def instantly() -> None:
    pass


def test_a_port_in_use() -> None:
    async def test(port: int) -> None:
        async with running_server(service(instantly), port=port):
            pass

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(Unavailable, match=f"port=127.0.0.1:{port}: .*another port"):
            asyncio.run(test(port))


PROGRAM = """
    import asyncio
    from semlink.core.hop import reported
    from semlink.core.serving import Service, serve_until_stopped
    from semlink.protos.v1 import receiver_pb2_grpc, types_pb2

    class Slow(receiver_pb2_grpc.ReceiverServicer):
        async def Reconstruct(self, request_iterator, context):
            for step in range(3):
                yield types_pb2.Event(progress=types_pb2.Progress(step=step, steps=3))
                await asyncio.sleep(0.3)

    async def warm():
        pass

    def add(server):
        receiver_pb2_grpc.add_ReceiverServicer_to_server(Slow(), server)

    service = Service("slow one", "semlink.protos.v1.Receiver", add, warm)
    asyncio.run(serve_until_stopped(service, host="127.0.0.1", port=0))
"""


@pytest.fixture
def program() -> Iterator[subprocess.Popen[str]]:
    """A service in a process of its own."""
    command = [sys.executable, "-c", textwrap.dedent(PROGRAM)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        yield process
        process.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_drains(program: subprocess.Popen[str], number: signal.Signals) -> None:
    assert program.stdout is not None
    address = program.stdout.readline().split()[-1]
    assert program.stdout.readline() == "slow one ready\n"

    async def call() -> list[int]:
        from semlink.protos.v1 import receiver_pb2, receiver_pb2_grpc

        async with grpc.aio.insecure_channel(address) as channel:
            requests = iter([receiver_pb2.ReconstructRequest()])
            steps = []
            async for event in receiver_pb2_grpc.ReceiverStub(channel).Reconstruct(requests):
                steps.append(event.progress.step)
                if len(steps) == 1:
                    program.send_signal(number)
            return steps

    assert asyncio.run(asyncio.wait_for(call(), 20)) == [0, 1, 2]  # it finished its call
    assert program.wait(10) == 0


class ToySettings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="SEMLINK_TOY_")

    port: int = Field(default=1, ge=0, le=65535, description="Port of the toy.")


def test_settings_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert from_environment(ToySettings).port == 1
    monkeypatch.setenv("SEMLINK_TOY_PORT", "123456")
    with pytest.raises(InvalidInput, match=r"SEMLINK_TOY_PORT='123456': .*65535.*port of the toy"):
        from_environment(ToySettings)


def test_an_error_ends_the_program(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended, errors_end_the_program():
        raise Busy("the queue is full.", cure="Wait.")
    assert ended.value.code == 3
    assert capsys.readouterr().err == "the queue is full. Wait.\n"
