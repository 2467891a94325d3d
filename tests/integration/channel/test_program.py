"""The channel service and its receiver as processes of their own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys

import grpc
import pytest
from tests.integration.channel.conftest import call_of, run, serving

from semlink.core.errors import Unavailable
from semlink.core.hop import error_from_rpc

RECEIVER_PROGRAM = """
import asyncio, grpc
from semlink.protos.v1 import receiver_pb2_grpc, types_pb2

class Stuck(receiver_pb2_grpc.ReceiverServicer):
    async def Reconstruct(self, request_iterator, context):
        async for _ in request_iterator:
            pass
        yield types_pb2.Event(progress=types_pb2.Progress(step=1, steps=2))
        await asyncio.sleep(60)

async def main():
    server = grpc.aio.server()
    receiver_pb2_grpc.add_ReceiverServicer_to_server(Stuck(), server)
    print(server.add_insecure_port("127.0.0.1:0"), flush=True)
    await server.start()
    await server.wait_for_termination()

asyncio.run(main())
"""

ENVIRONMENT = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}


def test_a_receiver_that_is_killed() -> None:
    command = [sys.executable, "-c", RECEIVER_PROGRAM]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT) as receiver:
        assert receiver.stdout is not None
        address = f"127.0.0.1:{receiver.stdout.readline().strip()}"

        async def test() -> None:
            async with serving(address) as method:
                call = method(call_of(), timeout=20)
                kinds = [(await call.read()).WhichOneof("kind") for _ in range(2)]
                assert kinds == ["propagated", "progress"]
                receiver.kill()
                with pytest.raises(grpc.aio.AioRpcError) as caught:
                    await call.read()
                error = error_from_rpc(caught.value, "the channel")
                assert type(error) is Unavailable
                assert f"receiver at {address}" in str(error)

        try:
            run(test)
        finally:
            receiver.kill()


def test_a_wrong_setting_ends_the_program() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "semlink.channel"],
        env=ENVIRONMENT | {"SEMLINK_CHANNEL_PORT": "70000"},
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.startswith("SEMLINK_CHANNEL_PORT='70000': ")
    assert done.stderr.count("\n") == 1


def test_the_program_serves_until_sigterm() -> None:
    environment = ENVIRONMENT | {"SEMLINK_CHANNEL_PORT": "0"}
    command = [sys.executable, "-W", "error", "-m", "semlink.channel"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as program:
        try:
            assert program.stdout is not None
            listens = program.stdout.readline()
            assert re.fullmatch(r"channel listens on 127\.0\.0\.1:\d+\n", listens)
            assert program.stdout.readline() == "channel ready\n"
            program.send_signal(signal.SIGTERM)
            assert program.wait(30) == 0
        finally:
            program.kill()
