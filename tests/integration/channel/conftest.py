"""A channel service over real gRPC, with a recorder in the receiver's place."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import numpy as np
import pytest

from semlink.channel.models import preload
from semlink.channel.service import channel_service
from semlink.channel.settings import ChannelServerSettings
from semlink.core.channel_settings import ChannelSettings
from semlink.core.errors import SemlinkError
from semlink.core.event_serde import EventReader
from semlink.core.events import Event
from semlink.core.frame import Frame, Propagation
from semlink.core.frame_serde import PropagationAssembler, frame_head_to_proto, symbol_chunks
from semlink.core.hop import CHANNEL_OPTIONS, events_from, remaining_s, reported
from semlink.core.message import Message, SamplesPayload
from semlink.core.phy.modulation import modulate
from semlink.core.phy.radio import Radio
from semlink.core.schemes import Scheme
from semlink.core.serde import (
    CHUNK_BYTES,
    channel_settings_to_proto,
    receiver_settings_to_proto,
    transmission_to_proto,
)
from semlink.core.serving import running_server
from semlink.core.settings import ReceiverSettings
from semlink.core.transmission import Transmission
from semlink.protos.v1 import channel_pb2, channel_pb2_grpc, receiver_pb2, receiver_pb2_grpc
from semlink.protos.v1 import types_pb2 as pb

Context = grpc.aio.ServicerContext[Any, Any]
Request = channel_pb2.PropagateRequest
Method = Any  # the stub's Propagate

TRANSMISSION = Transmission("0f", seed=7, photo_digest="ab" * 32)
SETTINGS = ChannelSettings(level=10.0)
RECEIVER = ReceiverSettings(steps=3)


@pytest.fixture(scope="module", autouse=True)
def _sionna() -> None:
    preload()  # so that no test's time limit has to include it


def frame_of(*sizes: int, settings: ChannelSettings = SETTINGS) -> Frame:
    generator = np.random.default_rng(0)
    payloads = [
        SamplesPayload(f"p{index}", generator.random(size, np.float32), 1.0)
        for index, size in enumerate(sizes)
    ]
    radio = Radio(grid=settings.grid(estimated=False), free_header=True)
    return modulate(Message(Scheme.GESCO, b"header", tuple(payloads)), radio)


SMALL = frame_of(101, 4)


def head(
    sent: Frame = SMALL,
    transmission: Transmission = TRANSMISSION,
    settings: ChannelSettings = SETTINGS,
) -> Request:
    return Request(
        head=channel_pb2.PropagateHead(
            transmission=transmission_to_proto(transmission),
            settings=channel_settings_to_proto(settings),
            receiver=receiver_settings_to_proto(RECEIVER),
            frame=frame_head_to_proto(sent),
        )
    )


def call_of(
    sent: Frame = SMALL,
    transmission: Transmission = TRANSMISSION,
    settings: ChannelSettings = SETTINGS,
) -> Iterator[Request]:
    yield head(sent, transmission, settings)
    yield from (Request(symbols=chunk) for chunk in symbol_chunks(sent))


class Recorder(receiver_pb2_grpc.ReceiverServicer):
    """Records what arrives and answers with one step; variants stop in the middle.

    Attributes:
        heads, arrived, parts, remaining: of every call; parts names the messages in order.
        error: raised as soon as the head is in.
        hold: answer only when it is set.
        cancelled: set when a call ends early.
    """

    def __init__(self) -> None:
        self.heads: list[receiver_pb2.ReconstructHead] = []
        self.arrived: list[Propagation] = []
        self.parts: list[list[str]] = []
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
        told = (await anext(received)).head
        self.heads.append(told)
        if self.error is not None:
            raise self.error
        assembler = PropagationAssembler(told.frame, told.draws, told.gains)
        parts = []
        async for request in received:
            parts.append(request.WhichOneof("part"))
            if parts[-1] == "symbols":
                assembler.add_symbols(request.symbols)
            else:
                assembler.add_gains(request.gains)
        self.parts.append(parts)
        self.arrived.append(assembler.propagation())


@asynccontextmanager
async def recording(recorder: Recorder) -> AsyncIterator[str]:
    """Address of a running recorder."""
    server = grpc.aio.server()
    receiver_pb2_grpc.add_ReceiverServicer_to_server(recorder, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield f"127.0.0.1:{port}"
    await server.stop(None)


@asynccontextmanager
async def serving(receiver_address: str, **options: Any) -> AsyncIterator[Method]:
    """The method of a running channel service."""
    settings = ChannelServerSettings(receiver_address=receiver_address, **options)
    async with running_server(channel_service(settings), drain_s=0.2) as server:
        await server.ready
        async with grpc.aio.insecure_channel(server.address, options=CHANNEL_OPTIONS) as channel:
            yield channel_pb2_grpc.ChannelStub(channel).Propagate


async def events(
    method: Method, requests: Iterator[Request], timeout_s: float | None = 15.0
) -> list[Event]:
    reader = EventReader()
    calls = events_from(method, requests, timeout_s=timeout_s, peer="the channel")
    return [found async for message in calls if (found := reader.feed(message)) is not None]


def run(test: Callable[[], Awaitable[None]], limit_s: float = 30.0) -> None:
    asyncio.run(asyncio.wait_for(test(), limit_s))
