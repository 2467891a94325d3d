"""The channel service over real gRPC, with a recorder in the receiver's place."""

from __future__ import annotations

import asyncio
import math
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from time import monotonic
from typing import Any

import grpc
import numpy as np
import pytest

from semlink.channel.models import preload, propagate
from semlink.channel.service import channel_service
from semlink.channel.settings import ChannelServerSettings
from semlink.core.errors import (
    Busy,
    CorruptData,
    DeadlineExceeded,
    InvalidInput,
    NotFound,
    SemlinkError,
    TooLarge,
    Unavailable,
)
from semlink.core.event_serde import EventReader
from semlink.core.events import Event, Progress, Propagated
from semlink.core.frame import Frame
from semlink.core.hop import CHANNEL_OPTIONS, error_from_rpc, events_from, remaining_s, reported
from semlink.core.message import Message, SamplesPayload
from semlink.core.phy import modulate
from semlink.core.schemes import Scheme
from semlink.core.serde import (
    CHUNK_BYTES,
    MAX_CHANNEL_USES,
    FrameAssembler,
    channel_settings_to_proto,
    draw_from_proto,
    frame_head_to_proto,
    receiver_settings_to_proto,
    symbol_chunks,
    transmission_to_proto,
)
from semlink.core.serving import running_server
from semlink.core.settings import ChannelSettings, ReceiverSettings
from semlink.core.transmission import Transmission
from semlink.protos.v1 import channel_pb2, channel_pb2_grpc, receiver_pb2, receiver_pb2_grpc
from semlink.protos.v1 import types_pb2 as pb

Context = grpc.aio.ServicerContext[Any, Any]
Request = channel_pb2.PropagateRequest

TRANSMISSION = Transmission("0f", seed=7, photo_digest="ab" * 32)
SETTINGS = ChannelSettings(level=10.0)
RECEIVER = ReceiverSettings(steps=3)


def frame(*sizes: int) -> Frame:
    generator = np.random.default_rng(0)
    payloads = [
        SamplesPayload(f"p{index}", generator.random(size, np.float32), 1.0)
        for index, size in enumerate(sizes)
    ]
    return modulate(Message(Scheme.GESCO, b"header", tuple(payloads)))


SMALL = frame(101, 4)


def head(sent: Frame = SMALL, transmission: Transmission = TRANSMISSION) -> Request:
    return Request(
        head=channel_pb2.PropagateHead(
            transmission=transmission_to_proto(transmission),
            settings=channel_settings_to_proto(SETTINGS),
            receiver=receiver_settings_to_proto(RECEIVER),
            frame=frame_head_to_proto(sent),
        )
    )


def call_of(sent: Frame = SMALL, transmission: Transmission = TRANSMISSION) -> Iterator[Request]:
    yield head(sent, transmission)
    yield from (Request(symbols=chunk) for chunk in symbol_chunks(sent))


class Recorder(receiver_pb2_grpc.ReceiverServicer):
    """Records what arrives and answers with one step; variants stop in the middle.

    Attributes:
        heads, frames, remaining: of every call.
        error: raised as soon as the head is in.
        hold: answer only when it is set.
        cancelled: set when a call ends early.
    """

    def __init__(self) -> None:
        self.heads: list[receiver_pb2.ReconstructHead] = []
        self.frames: list[Frame] = []
        self.remaining: list[float | None] = []
        self.error: SemlinkError | None = None
        self.hold = asyncio.Event()
        self.hold.set()
        self.flood = False
        self.cancelled = asyncio.Event()

    async def Reconstruct(  # noqa: N802
        self, request_iterator: AsyncIterator[receiver_pb2.ReconstructRequest], context: Context
    ) -> AsyncGenerator[pb.Event]:
        async with reported(context):
            try:
                await self._record(request_iterator, context)
                yield pb.Event(progress=pb.Progress(step=1, steps=2))
                await self.hold.wait()
                while self.flood:
                    yield pb.Event(picture=pb.PictureChunk(png=bytes(CHUNK_BYTES)))
                yield pb.Event(progress=pb.Progress(step=2, steps=2))
            except (asyncio.CancelledError, GeneratorExit):
                self.cancelled.set()
                raise

    async def _record(self, requests: AsyncIterator[Any], context: Context) -> None:
        self.remaining.append(remaining_s(context))
        received = aiter(requests)
        self.heads.append((await anext(received)).head)
        if self.error is not None:
            raise self.error
        assembler = FrameAssembler(self.heads[-1].frame)
        async for request in received:
            assembler.add(request.symbols)
        self.frames.append(assembler.frame())


@asynccontextmanager
async def recording(recorder: Recorder) -> AsyncIterator[str]:
    """Address of a running recorder."""
    server = grpc.aio.server()
    receiver_pb2_grpc.add_ReceiverServicer_to_server(recorder, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield f"127.0.0.1:{port}"
    await server.stop(None)


Method = Any  # the stub's Propagate
Calls = Callable[[], Iterator[Request]]
Change = Callable[[channel_pb2.PropagateHead], None]


@asynccontextmanager
async def stub_of(address: str) -> AsyncIterator[Method]:
    async with grpc.aio.insecure_channel(address, options=CHANNEL_OPTIONS) as channel:
        yield channel_pb2_grpc.ChannelStub(channel).Propagate


@asynccontextmanager
async def serving(receiver_address: str, **options: Any) -> AsyncIterator[Method]:
    """The method of a running channel service."""
    settings = ChannelServerSettings(receiver_address=receiver_address, **options)
    async with running_server(channel_service(settings), drain_s=0.2) as server:
        await server.ready
        async with stub_of(server.address) as method:
            yield method


async def events(
    method: Method, requests: Iterator[Request], timeout_s: float | None = 15.0
) -> list[Event]:
    reader = EventReader()
    calls = events_from(method, requests, timeout_s=timeout_s, peer="the channel")
    return [found async for message in calls if (found := reader.feed(message)) is not None]


@pytest.fixture(scope="module", autouse=True)
def _sionna() -> None:
    preload()  # so that no test's time limit has to include it


def run(test: Callable[[], Awaitable[None]], limit_s: float = 30.0) -> None:
    asyncio.run(asyncio.wait_for(test(), limit_s))


def refused(requests: Calls, error: type[SemlinkError], text: str) -> None:
    """The call fails so, nothing reaches the receiver, and the next call is served."""

    async def test() -> None:
        recorder = Recorder()
        async with recording(recorder) as address, serving(address, calls=1) as method:
            with pytest.raises(error, match=text) as caught:
                await events(method, requests())
            assert type(caught.value) is error
            assert not recorder.heads
            assert len(await events(method, call_of())) == 3

    run(test)


def test_the_receiver_gets_what_arrives_and_the_caller_every_event() -> None:
    async def test() -> None:
        recorder = Recorder()
        async with recording(recorder) as address, serving(address) as method:
            propagated, *rest = await events(method, call_of())
        assert rest == [Progress(1, 2), Progress(2, 2)]

        expected = propagate(SMALL, SETTINGS, TRANSMISSION)  # as without a network
        assert isinstance(propagated, Propagated)
        assert propagated.draws == expected.draws
        assert propagated.propagate_s > 0
        (arrived,), (told,) = recorder.frames, recorder.heads
        for one, other in zip(arrived.streams, expected.frame.streams, strict=True):
            np.testing.assert_array_equal(one.symbols, other.symbols)
        assert (arrived.scheme, arrived.header) == (SMALL.scheme, SMALL.header)
        assert tuple(map(draw_from_proto, told.draws)) == expected.draws
        assert told.transmission == head().head.transmission
        assert told.settings == head().head.receiver

    run(test)


def test_frames_of_many_chunks() -> None:
    large = frame(3 * CHUNK_BYTES // 4, 9)

    async def test() -> None:
        recorder = Recorder()
        async with recording(recorder) as address, serving(address) as method:
            await events(method, call_of(large))
        expected = propagate(large, SETTINGS, TRANSMISSION).frame.streams[0].symbols
        np.testing.assert_array_equal(recorder.frames[0].streams[0].symbols, expected)

    run(test)


def test_calls_side_by_side_get_draws_of_their_own() -> None:
    sent = frame(20_001)
    transmissions = [Transmission("0f", seed, "ab" * 32) for seed in range(12)]

    async def test() -> None:
        recorder = Recorder()
        async with recording(recorder) as address, serving(address) as method:
            calls = [events(method, call_of(sent, transmission)) for transmission in transmissions]
            await asyncio.gather(*calls)
        arrived = {
            told.transmission.seed: received.streams[0].symbols.tobytes()
            for told, received in zip(recorder.heads, recorder.frames, strict=True)
        }
        for transmission in transmissions:
            alone = propagate(sent, SETTINGS, transmission).frame.streams[0].symbols.tobytes()
            assert arrived[transmission.seed] == alone

    run(test)


def changed(
    change: Change,
) -> Calls:
    """A call whose head is not as it should be."""

    def requests() -> Iterator[Request]:
        first, *rest = call_of()
        change(first.head)
        return iter([first, *rest])

    return requests


def announces_too_much(head: channel_pb2.PropagateHead) -> None:
    head.frame.streams[0].channel_uses = MAX_CHANNEL_USES + 1


def has_another_shape(head: channel_pb2.PropagateHead) -> None:
    head.frame.streams[0].samples.shape[:] = [3]


def has_no_such_scheme(head: channel_pb2.PropagateHead) -> None:
    head.frame.scheme = "telepathy"


def has_a_bad_level(head: channel_pb2.PropagateHead) -> None:
    head.settings.level = math.nan


def has_no_such_medium(head: channel_pb2.PropagateHead) -> None:
    head.settings.model = "water"


def asks_for_ebno(head: channel_pb2.PropagateHead) -> None:
    head.settings.noise = "ebno_db"


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        (announces_too_much, TooLarge, "channel uses"),
        (has_another_shape, CorruptData, "shape"),
        (has_no_such_scheme, CorruptData, "telepathy"),
        (has_a_bad_level, InvalidInput, "level"),
        (has_no_such_medium, InvalidInput, "model='water'"),
        (asks_for_ebno, InvalidInput, "ebno_db"),
    ],
)
def test_heads_that_are_refused(change: Change, error: type[SemlinkError], text: str) -> None:
    refused(changed(change), error, text)


NAN = Request(symbols=pb.SymbolChunk(symbols=np.full(102, math.nan, "<f4").tobytes()))
TOO_MUCH = Request(symbols=pb.SymbolChunk(stream=1, symbols=bytes(1000)))


@pytest.mark.parametrize(
    ("requests", "error", "text"),
    [
        (lambda: iter([]), InvalidInput, "nothing where head belongs"),
        (lambda: iter([Request()]), InvalidInput, "nothing where head belongs"),
        (lambda: iter(list(call_of())[1:]), InvalidInput, "symbols where head belongs"),
        (lambda: iter([head(), head()]), InvalidInput, "head where symbols belongs"),
        (lambda: iter([head()]), CorruptData, "lacks symbols"),
        (lambda: iter(list(call_of())[:-1]), CorruptData, "stream 1 lacks symbols"),
        (lambda: iter([*call_of(), TOO_MUCH]), CorruptData, "more symbols than announced"),
        (lambda: iter([head(), NAN, *list(call_of())[2:]]), CorruptData, "not finite"),
    ],
)
def test_calls_that_are_refused(requests: Calls, error: type[SemlinkError], text: str) -> None:
    refused(requests, error, text)


def test_a_receiver_that_is_absent() -> None:
    async def test() -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            address = f"127.0.0.1:{free.getsockname()[1]}"
            async with serving(address) as method:
                started = monotonic()
                with pytest.raises(Unavailable, match=f"receiver at {address}.*Start it"):
                    await events(method, call_of(), timeout_s=None)
                assert monotonic() - started < 10

    run(test)


def test_a_receiver_that_comes_back_is_found_at_once() -> None:
    async def test() -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        async with serving(f"127.0.0.1:{port}") as method:
            with pytest.raises(Unavailable):
                await events(method, call_of())
            server = grpc.aio.server()
            receiver_pb2_grpc.add_ReceiverServicer_to_server(Recorder(), server)
            server.add_insecure_port(f"127.0.0.1:{port}")
            await server.start()
            assert len(await events(method, call_of())) == 3
            await server.stop(None)

    run(test)


def test_the_receivers_error_arrives_as_it_was_raised() -> None:
    async def test() -> None:
        recorder = Recorder()
        recorder.error = NotFound("it is not served.", field="network", value="x", cure="Use y.")
        async with recording(recorder) as address, serving(address) as method:
            for sent in (SMALL, frame(2 * CHUNK_BYTES)):  # also while symbols are on their way
                with pytest.raises(NotFound, match=r"network=x: it is not served. Use y."):
                    await events(method, call_of(sent))

    run(test)


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


def test_the_deadline_is_passed_on() -> None:
    async def test() -> None:
        recorder = Recorder()
        recorder.hold.clear()
        async with recording(recorder) as address, serving(address) as method:
            with pytest.raises(DeadlineExceeded):
                await events(method, call_of(), timeout_s=2.0)
            await asyncio.wait_for(recorder.cancelled.wait(), 2)
        assert recorder.remaining[0] is not None
        assert 0 < recorder.remaining[0] < 2.5  # gRPC rounds its clock

    run(test)


@pytest.mark.parametrize("flood", [False, True])
def test_a_cancel_is_passed_on(flood: bool) -> None:
    """Also when the caller has stopped reading and the stream is full."""

    async def test() -> None:
        recorder = Recorder()
        recorder.flood = flood
        if not flood:
            recorder.hold.clear()
        async with recording(recorder) as address, serving(address, calls=1) as method:
            call = method(call_of())
            assert (await call.read()).WhichOneof("kind") == "propagated"
            assert (await call.read()).WhichOneof("kind") == "progress"
            await asyncio.sleep(0.3)
            call.cancel()
            await asyncio.wait_for(recorder.cancelled.wait(), 2)
            recorder.flood = False
            recorder.hold.set()
            await asyncio.sleep(0.1)
            assert len(await events(method, call_of())) == 3  # its place is free again

    run(test)


def test_a_caller_that_drops_while_it_sends() -> None:
    async def test() -> None:
        recorder = Recorder()
        async with recording(recorder) as address, serving(address, calls=1) as method:
            call = method()
            await call.write(head())
            await asyncio.sleep(0.2)
            with pytest.raises(Busy):
                await events(method, call_of())
            call.cancel()
            await asyncio.sleep(0.2)
            assert len(await events(method, call_of())) == 3
            assert len(recorder.heads) == 1

    run(test)


def test_a_caller_that_never_finishes_sending() -> None:
    async def test() -> None:
        recorder = Recorder()
        async with (
            recording(recorder) as address,
            serving(address, upload_timeout_s=0.3) as method,
        ):
            call = method()
            await call.write(head())
            with pytest.raises(grpc.aio.AioRpcError, match=r"within 0.3 s"):
                await call.read()
            assert await call.code() is grpc.StatusCode.DEADLINE_EXCEEDED

    run(test)


def test_no_more_calls_than_allowed() -> None:
    async def test() -> None:
        recorder = Recorder()
        recorder.hold.clear()
        async with recording(recorder) as address, serving(address, calls=2) as method:
            held = [asyncio.create_task(events(method, call_of())) for _ in range(2)]
            while len(recorder.frames) < 2:
                await asyncio.sleep(0.02)
            with pytest.raises(Busy, match=r"calls=2: .*again later"):
                await events(method, call_of())
            recorder.hold.set()
            assert [len(found) for found in await asyncio.gather(*held)] == [3, 3]
            assert len(await events(method, call_of())) == 3

    run(test)


# The program


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
