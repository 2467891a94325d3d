"""The transmitter as a gRPC service, with REST as its other door."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AbstractAsyncContextManager, aclosing
from typing import Any
from uuid import uuid4

import grpc

from semlink.core.errors import InvalidInput
from semlink.core.hop import remaining_s, reported
from semlink.core.pictures import PictureLimits, too_many_bytes
from semlink.core.serde import settings_from_proto
from semlink.core.serving import Service
from semlink.core.settings import TransmissionSettings
from semlink.protos.v1 import transmitter_pb2 as pb
from semlink.protos.v1 import transmitter_pb2_grpc, types_pb2
from semlink.transmitter.front import Front, Job, upload_too_slow
from semlink.transmitter.rest import open_rest
from semlink.transmitter.settings import TransmitterServerSettings

FULL_NAME = pb.DESCRIPTOR.services_by_name["Transmitter"].full_name

Context = grpc.aio.ServicerContext[Any, Any]
Requests = AsyncIterator[pb.SendRequest]


class TransmitterServicer(transmitter_pb2_grpc.TransmitterServicer):
    """Serves `Send`."""

    def __init__(self, front: Front):
        self._front = front

    async def Send(
        self, request_iterator: Requests, context: Context
    ) -> AsyncGenerator[types_pb2.Event]:
        """Settings and a photo in, everything that happens to it out."""
        async with reported(context):
            with self._front.slot():
                job = await self._job(request_iterator, context)
                async with aclosing(self._front.transmit(job)) as events:
                    async for event in events:
                        yield event

    async def _job(self, requests: Requests, context: Context) -> Job:
        own = self._front.settings
        try:
            async with asyncio.timeout(own.upload_timeout_s):
                settings, photo = await _read(requests, own.limits)
        except TimeoutError as error:
            raise upload_too_slow(own.upload_timeout_s) from error
        granted_s = remaining_s(context)
        timeout_s = own.timeout_s if granted_s is None else min(granted_s, own.timeout_s)
        return Job(uuid4().hex, photo, settings, timeout_s)


def transmitter_service(settings: TransmitterServerSettings) -> Service:
    """The service, to be run by `core.serving`; warm when its networks are."""
    front = Front(settings)

    def add(server: grpc.aio.Server) -> None:
        transmitter_pb2_grpc.add_TransmitterServicer_to_server(TransmitterServicer(front), server)

    def rest(drain_s: float) -> AbstractAsyncContextManager[str]:
        return open_rest(front, host=settings.host, port=settings.rest_port, drain_s=drain_s)

    return Service("transmitter", FULL_NAME, add, front.warm, (rest,))


async def _read(requests: Requests, limits: PictureLimits) -> tuple[TransmissionSettings, bytes]:
    """Settings and photo; refuses a photo as soon as it exceeds its bound."""
    received = aiter(requests)
    settings = settings_from_proto(_expect("settings", await anext(received, None)).settings)
    photo = bytearray()
    async for request in received:
        photo += _expect("photo", request).photo
        if len(photo) > limits.upload_bytes:
            raise too_many_bytes(len(photo), limits)
    return settings, bytes(photo)


def _expect(part: str, request: pb.SendRequest | None) -> pb.SendRequest:
    found = request.WhichOneof("part") if request else None
    if request is None or found != part:
        raise InvalidInput(
            f"the call goes on with {found or 'nothing'} where {part} belongs.",
            field="part",
            value=str(found),
            cure="Send the settings once, then the photo.",
        )
    return request
