"""The channel as a gRPC service: takes a frame and hands on what arrives behind the medium."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing, contextmanager
from time import perf_counter
from typing import Any

import grpc

from semlink.channel.models import preload, propagate
from semlink.channel.settings import ChannelServerSettings
from semlink.core.errors import Busy, DeadlineExceeded, InvalidInput
from semlink.core.event_serde import event_to_proto
from semlink.core.events import Propagated
from semlink.core.frame import Propagation
from semlink.core.frame_serde import (
    FrameAssembler,
    draw_to_proto,
    frame_head_to_proto,
    gain_chunks,
    gains_head_to_proto,
    symbol_chunks,
)
from semlink.core.hop import CHANNEL_OPTIONS, events_from, remaining_s, reported
from semlink.core.serde import channel_settings_from_proto, transmission_from_proto
from semlink.core.serving import Service
from semlink.protos.v1 import channel_pb2 as pb
from semlink.protos.v1 import channel_pb2_grpc, receiver_pb2, receiver_pb2_grpc, types_pb2

FULL_NAME = pb.DESCRIPTOR.services_by_name["Channel"].full_name

Context = grpc.aio.ServicerContext[Any, Any]
Requests = AsyncIterator[pb.PropagateRequest]


class ChannelServicer(channel_pb2_grpc.ChannelServicer):
    """Serves `Propagate`; every call has its own connection to the next hop."""

    def __init__(self, settings: ChannelServerSettings):
        self._settings = settings
        self._calls = 0

    async def Propagate(
        self, request_iterator: Requests, context: Context
    ) -> AsyncGenerator[types_pb2.Event]:
        """Frame in, events out: its own `Propagated`, then whatever the receiver says."""
        async with reported(context):
            with self._slot():
                head, assembler = await self._upload(request_iterator)
                propagation, event = await asyncio.to_thread(_crossed, head, assembler)
                for message in event_to_proto(event):
                    yield message
                requests = _reconstruct_requests(head, propagation)
                del assembler, propagation  # the receiver may take long; `requests` has them
                async with aclosing(self._next_hop(requests, remaining_s(context))) as events:
                    async for message in events:
                        yield message

    @contextmanager
    def _slot(self) -> Iterator[None]:
        if self._calls >= self._settings.calls:
            raise Busy(
                f"the channel already carries {self._calls} transmissions.",
                field="calls",
                value=self._calls,
                cure="Send again later.",
            )
        self._calls += 1
        try:
            yield
        finally:
            self._calls -= 1

    async def _upload(self, requests: Requests) -> tuple[pb.PropagateHead, FrameAssembler]:
        try:
            async with asyncio.timeout(self._settings.upload_timeout_s):
                return await _read(requests)
        except TimeoutError as error:
            raise DeadlineExceeded(
                f"the frame did not arrive within {self._settings.upload_timeout_s:g} s.",
                field="frame",
                cure="Send it without pauses.",
            ) from error

    async def _next_hop(
        self, requests: Iterator[receiver_pb2.ReconstructRequest], timeout_s: float | None
    ) -> AsyncGenerator[types_pb2.Event]:
        address = self._settings.receiver_address
        async with grpc.aio.insecure_channel(address, options=CHANNEL_OPTIONS) as channel:
            method = receiver_pb2_grpc.ReceiverStub(channel).Reconstruct
            peer = f"the receiver at {address}"
            calls = events_from(method, requests, timeout_s=timeout_s, peer=peer)
            async with aclosing(calls) as events:
                async for event in events:
                    yield event


def channel_service(settings: ChannelServerSettings) -> Service:
    """The service, to be run by `core.serving`; warm when Sionna is loaded."""

    def add(server: grpc.aio.Server) -> None:
        channel_pb2_grpc.add_ChannelServicer_to_server(ChannelServicer(settings), server)

    async def warm() -> None:
        await asyncio.to_thread(preload)

    return Service("channel", FULL_NAME, add, warm)


async def _read(requests: Requests) -> tuple[pb.PropagateHead, FrameAssembler]:
    received = aiter(requests)
    head = _expect("head", await anext(received, None)).head
    assembler = FrameAssembler(head.frame)
    async for request in received:
        assembler.add(_expect("symbols", request).symbols)
    return head, assembler


def _expect(part: str, request: pb.PropagateRequest | None) -> pb.PropagateRequest:
    found = request.WhichOneof("part") if request else None
    if request is None or found != part:
        raise InvalidInput(
            f"the call goes on with {found or 'nothing'} where {part} belongs.",
            field="part",
            value=str(found),
            cure="Send one head, then the symbols.",
        )
    return request


def _crossed(head: pb.PropagateHead, assembler: FrameAssembler) -> tuple[Propagation, Propagated]:
    transmission = transmission_from_proto(head.transmission)
    settings = channel_settings_from_proto(head.settings)
    started = perf_counter()
    propagation = propagate(assembler.frame(), settings, transmission)
    return propagation, Propagated(propagation.draws, perf_counter() - started)


def _reconstruct_requests(
    head: pb.PropagateHead, propagation: Propagation
) -> Iterator[receiver_pb2.ReconstructRequest]:
    """What the receiver gets; the receiver's own settings go on as they came."""
    arrived = receiver_pb2.ReconstructHead(
        transmission=head.transmission,
        settings=head.receiver,
        frame=frame_head_to_proto(propagation.frame),
        draws=[draw_to_proto(draw) for draw in propagation.draws],
        gains=[gains_head_to_proto(gains) for gains in propagation.gains],
    )
    yield receiver_pb2.ReconstructRequest(head=arrived)
    for chunk in symbol_chunks(propagation.frame):
        yield receiver_pb2.ReconstructRequest(symbols=chunk)
    for gains in gain_chunks(propagation.gains):
        yield receiver_pb2.ReconstructRequest(gains=gains)
