"""The receiver as a gRPC service: takes a frame and answers with events, picture included."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Generator
from contextlib import aclosing
from typing import Any

import grpc
import numpy as np

from semlink.core.errors import DeadlineExceeded, InvalidInput, Unavailable
from semlink.core.event_serde import event_to_proto
from semlink.core.events import Event
from semlink.core.frame_serde import PropagationAssembler
from semlink.core.hop import reported
from semlink.core.phy.coding import decode_blocks
from semlink.core.phy.layouts import coded_layout
from semlink.core.phy.mcs import HEADER_MCS
from semlink.core.schemes import GENERATIVE
from semlink.core.serde import receiver_settings_from_proto, transmission_from_proto
from semlink.core.serving import Service
from semlink.protos.v1 import receiver_pb2 as pb
from semlink.protos.v1 import receiver_pb2_grpc, types_pb2
from semlink.receiver.engine import Engine
from semlink.receiver.receiver import Receiver
from semlink.receiver.settings import ReceiverServerSettings

FULL_NAME = pb.DESCRIPTOR.services_by_name["Receiver"].full_name

Context = grpc.aio.ServicerContext[Any, Any]
Requests = AsyncIterator[pb.ReconstructRequest]
Work = Generator[Event, None, None]


class ReceiverServicer(receiver_pb2_grpc.ReceiverServicer):
    """Serves `Reconstruct`; all calls share one engine."""

    def __init__(self, settings: ReceiverServerSettings):
        self._settings = settings
        self._engine = Engine(settings.queue)
        self._receiver: Receiver | None = None

    async def warm(self) -> None:
        """Loads the networks, on the thread that will use them."""
        self._receiver = await self._engine.call(self._warm_receiver)

    def _warm_receiver(self) -> Receiver:
        receiver = Receiver.load(self._settings.networks, self._settings.device)
        receiver.warm()
        _rehearse_decoding()
        return receiver

    async def Reconstruct(
        self, request_iterator: Requests, context: Context
    ) -> AsyncGenerator[types_pb2.Event, None]:
        """A received frame in, events out."""
        async with reported(context):
            with self._engine.admission():
                work = await self._uploaded(request_iterator)
                async with aclosing(self._engine.run(work)) as events:
                    async for event in events:
                        for message in await asyncio.to_thread(_messages, event):
                            yield message

    async def _uploaded(self, requests: Requests) -> Work:
        """What a call asks for, once its frame is in."""
        if self._receiver is None:
            raise Unavailable(
                "the receiver is still loading its networks.", cure="Send again in a moment."
            )
        try:
            async with asyncio.timeout(self._settings.upload_timeout_s):
                return await _work(self._receiver, aiter(requests))
        except TimeoutError as error:
            raise DeadlineExceeded(
                f"the frame did not arrive within {self._settings.upload_timeout_s:g} s.",
                field="frame",
                cure="Send it without pauses.",
            ) from error


def receiver_service(settings: ReceiverServerSettings) -> Service:
    """The service, to be run by `core.serving`; warm when its networks have answered once."""
    servicer = ReceiverServicer(settings)

    def add(server: grpc.aio.Server) -> None:
        receiver_pb2_grpc.add_ReceiverServicer_to_server(servicer, server)

    return Service("receiver", FULL_NAME, add, servicer.warm)


async def _work(receiver: Receiver, requests: Requests) -> Work:
    """Reads a call; what its head gives away is refused before the symbols come."""
    first = await anext(requests, None)
    if first is None or first.WhichOneof("part") != "head":
        raise _misplaced(first, "the head")
    head = first.head
    transmission = transmission_from_proto(head.transmission)
    settings = receiver_settings_from_proto(head.settings)
    if head.frame.scheme in GENERATIVE:
        receiver.network(settings.network)
    assembler = PropagationAssembler(head.frame, head.draws, head.gains)
    await _collect(assembler, requests)
    propagation = await asyncio.to_thread(assembler.propagation)
    return receiver.reconstruct(propagation, settings, transmission)


async def _collect(assembler: PropagationAssembler, requests: Requests) -> None:
    async for request in requests:
        match request.WhichOneof("part"):
            case "symbols":
                assembler.add_symbols(request.symbols)
            case "gains":
                assembler.add_gains(request.gains)
            case _:
                raise _misplaced(request, "symbols or gains")


def _misplaced(request: pb.ReconstructRequest | None, expected: str) -> InvalidInput:
    found = request.WhichOneof("part") if request else None
    return InvalidInput(
        f"the call goes on with {found or 'nothing'} where {expected} belongs.",
        field="part",
        value=str(found),
        cure="Send one head, then the symbols, then the gains.",
    )


def _rehearse_decoding() -> None:
    """Decodes a block, so that no frame pays for the import of Sionna."""
    layout = coded_layout(1, HEADER_MCS)
    noise = np.ones(layout.channel_uses, np.float32)
    decode_blocks(noise.astype(np.complex64), noise, layout)


def _messages(event: Event) -> list[types_pb2.Event]:
    return list(event_to_proto(event))
