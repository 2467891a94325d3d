"""A receiver service over real gRPC, and its caller."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest

from semlink.core.errors import Busy
from semlink.core.event_serde import EventReader
from semlink.core.events import Event
from semlink.core.frame import Propagation
from semlink.core.frame_serde import (
    draw_to_proto,
    frame_head_to_proto,
    gain_chunks,
    gains_head_to_proto,
    symbol_chunks,
)
from semlink.core.hop import CHANNEL_OPTIONS, events_from
from semlink.core.serde import receiver_settings_to_proto, transmission_to_proto
from semlink.core.serving import running_server
from semlink.core.settings import ReceiverSettings
from semlink.core.transmission import Transmission
from semlink.protos.v1 import receiver_pb2, receiver_pb2_grpc
from semlink.receiver.service import receiver_service
from semlink.receiver.settings import ReceiverServerSettings

NAME = "tiny-gesco"
FAST = ReceiverSettings(network=NAME, steps=3, preview_steps=2)
ENDLESS = ReceiverSettings(network=NAME, steps=1000)
TRANSMISSION = Transmission("t", 0, "d" * 64)

Request = receiver_pb2.ReconstructRequest
Talk = Callable[..., None]


@dataclass(frozen=True)
class Client:
    """A caller of a receiver that runs."""

    stub: receiver_pb2_grpc.ReceiverStub
    arrived: Propagation

    def requests(
        self, settings: ReceiverSettings = FAST, arrived: Propagation | None = None
    ) -> list[Request]:
        arrived = arrived or self.arrived
        head = receiver_pb2.ReconstructHead(
            transmission=transmission_to_proto(TRANSMISSION),
            settings=receiver_settings_to_proto(settings),
            frame=frame_head_to_proto(arrived.frame),
            draws=[draw_to_proto(draw) for draw in arrived.draws],
            gains=[gains_head_to_proto(gains) for gains in arrived.gains],
        )
        return [
            Request(head=head),
            *(Request(symbols=chunk) for chunk in symbol_chunks(arrived.frame)),
            *(Request(gains=chunk) for chunk in gain_chunks(arrived.gains)),
        ]

    async def events(
        self,
        requests: list[Request] | AsyncIterator[Request],
        timeout_s: float | None = 60.0,
    ) -> AsyncIterator[Event]:
        """What comes back; leaving early hangs up."""
        reader = EventReader()
        call: Any = iter(requests) if isinstance(requests, list) else requests
        messages = events_from(self.stub.Reconstruct, call, timeout_s=timeout_s, peer="it")
        async with aclosing(messages) as incoming:
            async for message in incoming:
                if (event := reader.feed(message)) is not None:
                    yield event

    async def all_events(self, requests: Any, timeout_s: float | None = 60.0) -> list[Event]:
        return [event async for event in self.events(requests, timeout_s)]

    async def patient_events(self, requests: Any) -> list[Event]:
        """Sends again while the receiver is busy, for two seconds at most."""
        for _ in range(40):
            try:
                return await self.all_events(requests)
            except Busy:
                await asyncio.sleep(0.05)
        raise AssertionError("the place was never freed")


@pytest.fixture
def talk(tiny_gesco: Path, arrived: Propagation) -> Callable[..., None]:
    """Runs a conversation with a receiver that is ready."""

    def run(
        conversation: Callable[[Client], Coroutine[Any, Any, None]],
        *,
        ready: bool = True,
        **options: Any,
    ) -> None:
        async def main() -> None:
            async with running_receiver(tiny_gesco, ready=ready, **options) as address:
                async with grpc.aio.insecure_channel(address, options=CHANNEL_OPTIONS) as channel:
                    await conversation(Client(receiver_pb2_grpc.ReceiverStub(channel), arrived))

        asyncio.run(main())

    return run


@asynccontextmanager
async def running_receiver(folder: Path, *, ready: bool, **options: Any) -> AsyncIterator[str]:
    settings = ReceiverServerSettings(networks=(str(folder),), device="cpu", **options)
    async with running_server(receiver_service(settings), drain_s=0.0) as server:
        if ready:
            await server.ready
        yield server.address
