"""What happens to a photo that comes in, whether by gRPC or by REST."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass

import grpc

from semlink.core.errors import Busy, DeadlineExceeded, Unavailable
from semlink.core.event_serde import event_to_proto
from semlink.core.events import Encoded
from semlink.core.frame import Frame
from semlink.core.frame_serde import frame_head_to_proto, symbol_chunks
from semlink.core.healthcheck import health_of
from semlink.core.hop import CHANNEL_OPTIONS, events_from
from semlink.core.pictures import PictureLimits, photo_digest, read_photo
from semlink.core.serde import (
    channel_settings_to_proto,
    receiver_settings_to_proto,
    transmission_to_proto,
)
from semlink.core.settings import TransmissionSettings
from semlink.core.transmission import Transmission
from semlink.protos.v1 import channel_pb2, channel_pb2_grpc
from semlink.protos.v1 import types_pb2 as pb
from semlink.transmitter.settings import TransmitterServerSettings
from semlink.transmitter.transmitter import Transmitter
from semlink.transmitter.worker import Worker

LOG = logging.getLogger(__name__)
HEALTH_TIMEOUT_S = 2.0


@dataclass(frozen=True)
class Job:
    """One photo as it came in.

    Attributes:
        transmission_id: names it in logs and replies; no draw depends on it.
        photo: the file's content.
        settings: of the transmission.
        timeout_s: until the last event.
    """

    transmission_id: str
    photo: bytes
    settings: TransmissionSettings
    timeout_s: float


class Front:
    """Owns the networks and the device's thread, and knows the next hop.

    Args:
        settings: of the service.
    """

    def __init__(self, settings: TransmitterServerSettings):
        self.settings = settings
        self.worker = Worker(settings.queue)
        self._transmitter: Transmitter | None = None
        self._calls = 0

    async def warm(self) -> None:
        """Loads the networks and runs each once."""
        self._transmitter = await self.worker.run(_warm_transmitter, self.settings)

    async def check_ready(self) -> None:
        """Returns when a photo could be sent now.

        Raises:
            Unavailable: the networks are not warm, or the channel does not say SERVING.
        """
        self._warm_one()
        address = self.settings.channel_address
        status = await asyncio.to_thread(health_of, address, HEALTH_TIMEOUT_S)
        if status != "SERVING":
            raise Unavailable(
                f"the channel at {address} is {status}.",
                cure="Start it and wait until it is ready.",
            )

    @contextmanager
    def slot(self) -> Iterator[None]:
        """Holds a place among the transmissions in flight.

        Raises:
            Busy: there is none left.
        """
        if self._calls >= self.settings.calls:
            raise Busy(
                f"the transmitter already carries {self._calls} transmissions.",
                field="calls",
                value=self._calls,
                cure="Send it again in a moment.",
            )
        self._calls += 1
        try:
            yield
        finally:
            self._calls -= 1

    async def transmit(self, job: Job) -> AsyncGenerator[pb.Event]:
        """Everything that happens to the photo; closing the generator stops it everywhere.

        Raises:
            SemlinkError: whatever ended the transmission, here or at a later hop.
        """
        ends_at = asyncio.get_running_loop().time() + job.timeout_s
        transmission, frame, encoded = await self._encoded(job)
        LOG.info("%s: %s, %s", job.transmission_id, encoded.photo, job.settings.scheme)
        for event in event_to_proto(encoded):
            yield event
        requests = _propagate_requests(transmission, job.settings, frame)
        remaining_s = max(0.001, ends_at - asyncio.get_running_loop().time())
        async with aclosing(self._next_hop(requests, remaining_s)) as events:
            async for event in events:
                yield event

    async def _encoded(self, job: Job) -> tuple[Transmission, Frame, Encoded]:
        transmitter, limits = self._warm_one(), self.settings.limits
        try:
            async with asyncio.timeout(job.timeout_s):
                return await self.worker.run(_encode, transmitter, job, limits)
        except TimeoutError as error:
            raise DeadlineExceeded(
                "the photo was not on its way in time.",
                field="timeout_s",
                value=f"{job.timeout_s:g}",
                cure="Grant more time.",
            ) from error

    async def _next_hop(
        self, requests: Iterator[channel_pb2.PropagateRequest], timeout_s: float
    ) -> AsyncGenerator[pb.Event]:
        address = self.settings.channel_address
        async with grpc.aio.insecure_channel(address, options=CHANNEL_OPTIONS) as channel:
            method = channel_pb2_grpc.ChannelStub(channel).Propagate
            peer = f"the channel at {address}"
            calls = events_from(method, requests, timeout_s=timeout_s, peer=peer)
            async with aclosing(calls) as events:
                async for event in events:
                    yield event

    def _warm_one(self) -> Transmitter:
        if self._transmitter is None:
            raise Unavailable(
                "the transmitter is still loading its networks.", cure="Send it again in a moment."
            )
        return self._transmitter


def upload_too_slow(timeout_s: float) -> DeadlineExceeded:
    """The error when a photo takes too long to come in."""
    return DeadlineExceeded(
        f"the photo did not arrive within {timeout_s:g} s.",
        field="photo",
        cure="Send it without pauses.",
    )


def _warm_transmitter(settings: TransmitterServerSettings) -> Transmitter:
    transmitter = Transmitter.load(
        settings.segmenters, settings.device, tokenizers=settings.tokenizers
    )
    transmitter.warm()
    return transmitter


def _encode(
    transmitter: Transmitter, job: Job, limits: PictureLimits
) -> tuple[Transmission, Frame, Encoded]:
    photo = read_photo(job.photo, limits)
    frame, encoded = transmitter.encode(photo, job.settings)
    identity = Transmission(job.transmission_id, job.settings.seed, photo_digest(photo))
    return identity, frame, encoded


def _propagate_requests(
    transmission: Transmission, settings: TransmissionSettings, frame: Frame
) -> Iterator[channel_pb2.PropagateRequest]:
    head = channel_pb2.PropagateHead(
        transmission=transmission_to_proto(transmission),
        settings=channel_settings_to_proto(settings.channel),
        receiver=receiver_settings_to_proto(settings.receiver),
        frame=frame_head_to_proto(frame),
    )
    yield channel_pb2.PropagateRequest(head=head)
    for chunk in symbol_chunks(frame):
        yield channel_pb2.PropagateRequest(symbols=chunk)
