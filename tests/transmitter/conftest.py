from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import httpx
import numpy as np
import pytest
from PIL import Image

from semlink.core.choices import Csi
from semlink.core.event_serde import event_to_proto
from semlink.core.events import (
    Demodulated,
    Event,
    Lost,
    PayloadVerdict,
    Propagated,
    Reconstructed,
)
from semlink.core.frame import Frame, Gains, Propagation, StreamDraw
from semlink.core.frame_serde import FrameAssembler
from semlink.core.headers import MapHeader
from semlink.core.phy.demodulation import demodulate
from semlink.core.pictures import Rgb
from semlink.core.serving import Service, running_server
from semlink.protos.v1 import channel_pb2, channel_pb2_grpc
from semlink.protos.v1 import types_pb2 as pb
from semlink.transmitter.front import Front
from semlink.transmitter.rest import open_rest
from semlink.transmitter.settings import TransmitterServerSettings


@pytest.fixture(scope="session")
def photo() -> Rgb:
    """Coloured noise in blocks, so that a random network sees more than one class."""
    blocks = np.random.default_rng(1).integers(0, 256, (9, 13, 3), dtype=np.uint8)
    return blocks.repeat(10, axis=0).repeat(10, axis=1)


@pytest.fixture(scope="session")
def jpeg(photo: Rgb) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(photo).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


@dataclass
class NextHop(channel_pb2_grpc.ChannelServicer):
    """A channel service that notes what it gets and answers with a picture of the right size.

    Attributes:
        hold: whether calls stay open until they are cancelled.
        lost: how they end, if not with a picture.
        cancelled: set when one was.
    """

    hold: bool = False
    lost: Lost | None = None
    heads: list[channel_pb2.PropagateHead] = field(default_factory=list)
    frames: list[Frame] = field(default_factory=list)
    called: asyncio.Event = field(default_factory=asyncio.Event)
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)

    async def Propagate(  # noqa: N802
        self, request_iterator: AsyncIterator[Any], context: grpc.aio.ServicerContext[Any, Any]
    ) -> AsyncGenerator[pb.Event]:
        head = (await anext(request_iterator)).head
        assembler = FrameAssembler(head.frame)
        async for request in request_iterator:
            assembler.add(request.symbols)
        self.heads.append(head)
        self.frames.append(assembler.frame())
        self.called.set()
        if self.hold:
            await self._until_cancelled()
        for event in self._events(self.frames[-1]):
            for message in event_to_proto(event):
                yield message

    async def _until_cancelled(self) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            self.cancelled.set()

    def _events(self, frame: Frame) -> tuple[Event, ...]:
        draws = tuple(StreamDraw(s.name, 0.2, 0.2, 7.5, 10.25, 0.0) for s in frame.streams)
        gains = tuple(Gains(np.ones(1, np.complex64), s.symbols.size) for s in frame.streams)
        header = demodulate(Propagation(frame, draws, gains), Csi.PERFECT).header
        assert header is not None
        height, width = MapHeader.from_bytes(header).photo
        picture = np.full((height, width, 3), 77, np.uint8)
        verdict = PayloadVerdict("header", 3, 1, False)
        end = self.lost or Reconstructed(picture, picture, 0.1, 0.2, 0.3)
        return Propagated(draws, 0.1), Demodulated((verdict,), 0.1), end

    @property
    def service(self) -> Service:
        def add(server: grpc.aio.Server) -> None:
            channel_pb2_grpc.add_ChannelServicer_to_server(self, server)

        async def warm() -> None:
            pass

        return Service("channel", "semlink.protos.v1.Channel", add, warm)


@dataclass
class Running:
    """REST on a real socket, with the next hop behind it."""

    front: Front
    hop: NextHop
    client: httpx.AsyncClient
    url: str

    async def post(self, content: bytes, **fields: Any) -> httpx.Response:
        files = {"photo": ("photo", content)}
        data = {"segmenter": "tiny-segmenter", "size": "64"} | fields
        return await self.client.post("/v1/reconstructions", files=files, data=data)


Start = Callable[..., AbstractAsyncContextManager[Running]]


@pytest.fixture
def rest(tiny_segmenter: Path) -> Start:
    """Starts REST with the given server settings; `hold` and `lost` are the next hop's."""

    @asynccontextmanager
    async def start(
        *, hold: bool = False, lost: Lost | None = None, **changes: Any
    ) -> AsyncIterator[Running]:
        hop = NextHop(hold, lost)
        async with running_server(hop.service, drain_s=0.0) as channel:
            known = {"channel_address": channel.address, "segmenters": (str(tiny_segmenter),)}
            front = Front(TransmitterServerSettings(**(known | changes)))
            await front.warm()
            async with (
                open_rest(front, host="127.0.0.1", port=0, drain_s=1.0) as url,
                httpx.AsyncClient(base_url=url, timeout=20) as client,
            ):
                yield Running(front, hop, client, url)

    return start
