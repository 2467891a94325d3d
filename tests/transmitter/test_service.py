from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest

from semlink.core.errors import InvalidInput, NotFound, SemlinkError, TooLarge, Unavailable
from semlink.core.event_serde import EventReader
from semlink.core.events import Encoded, Event, Reconstructed
from semlink.core.hop import events_from
from semlink.core.serde import settings_to_proto
from semlink.core.serving import from_environment, running_server
from semlink.core.settings import TransmissionSettings
from semlink.protos.v1.transmitter_pb2 import SendRequest
from semlink.protos.v1.transmitter_pb2_grpc import TransmitterStub
from semlink.transmitter.service import transmitter_service
from semlink.transmitter.settings import TransmitterServerSettings

SETTINGS = TransmissionSettings(segmenter="tiny-segmenter", size=64)


def requests(
    photo: bytes, settings: TransmissionSettings = SETTINGS, chunk: int = 1000
) -> Iterator[SendRequest]:
    yield SendRequest(settings=settings_to_proto(settings))
    for start in range(0, len(photo), chunk):
        yield SendRequest(photo=photo[start : start + chunk])


async def send(
    address: str, parts: Iterator[SendRequest], timeout_s: float | None = 20.0
) -> list[Event]:
    reader = EventReader()
    async with grpc.aio.insecure_channel(address) as channel:
        method = TransmitterStub(channel).Send
        messages = events_from(method, parts, timeout_s=timeout_s, peer="the transmitter")
        return [event async for message in messages if (event := reader.feed(message))]


@pytest.fixture
def served(rest: Any, tiny_segmenter: Path) -> Callable[..., Any]:
    """The whole service in front of the recording next hop of `rest`."""

    @asynccontextmanager
    async def start(*, hold: bool = False, **changes: Any) -> AsyncIterator[Any]:
        async with rest(hold=hold) as running:
            known = {
                "channel_address": running.front.settings.channel_address,
                "segmenters": (str(tiny_segmenter),),
                "rest_port": 0,
            }
            service = transmitter_service(TransmitterServerSettings(**(known | changes)))
            async with running_server(service, drain_s=1.0) as server:
                await server.ready
                yield running.hop, server

    return start


def test_a_photo_goes_out_and_the_events_come_back(served: Any, jpeg: bytes) -> None:
    async def scenario() -> None:
        async with served() as (hop, server):
            events = await send(server.address, requests(jpeg))
            assert isinstance(events[0], Encoded)
            assert isinstance(events[-1], Reconstructed)
            assert events[-1].picture.shape == (90, 130, 3)
            frame = hop.frames[0]
            uses = sum(map(frame.channel_uses, frame.streams))
            assert events[0].channel_uses == uses

    asyncio.run(scenario())


def test_both_doors_lead_to_the_same_frame(served: Any, jpeg: bytes) -> None:
    async def scenario() -> None:
        import httpx

        async with served() as (hop, server), httpx.AsyncClient() as client:
            await send(server.address, requests(jpeg))
            await client.post(
                f"{server.doors[0]}/v1/reconstructions",
                files={"photo": jpeg},
                data={"segmenter": "tiny-segmenter", "size": "64"},
            )
            by_grpc, by_rest = hop.heads
            assert by_grpc.transmission.transmission_id != by_rest.transmission.transmission_id
            by_rest.transmission.transmission_id = by_grpc.transmission.transmission_id
            assert by_grpc == by_rest
            assert (hop.frames[0].streams[0].symbols == hop.frames[1].streams[0].symbols).all()

    asyncio.run(scenario())


def out_of_order(jpeg: bytes) -> Iterator[SendRequest]:
    yield SendRequest(photo=jpeg)
    yield from requests(jpeg)


def test_bad_calls_are_refused_and_the_next_one_works(served: Any, jpeg: bytes) -> None:
    unknown = SETTINGS.model_copy(update={"segmenter": "unheard-of"})
    cases: list[tuple[Iterator[SendRequest], type[SemlinkError]]] = [
        (out_of_order(jpeg), InvalidInput),
        (iter([]), InvalidInput),
        (requests(jpeg, unknown), NotFound),
        (requests(bytes(3 << 20), chunk=1 << 16), TooLarge),
    ]

    async def scenario() -> None:
        async with served(upload_bytes=1 << 20) as (_, server):
            for parts, kind in cases:
                with pytest.raises(kind) as caught:
                    await send(server.address, parts)
                assert caught.value.cure
            assert isinstance((await send(server.address, requests(jpeg)))[-1], Reconstructed)

    asyncio.run(scenario())


def test_a_caller_that_leaves_stops_the_next_hop(served: Any, jpeg: bytes) -> None:
    async def scenario() -> None:
        async with served(hold=True) as (hop, server):
            call = asyncio.create_task(send(server.address, requests(jpeg)))
            await asyncio.wait_for(hop.called.wait(), 10)
            call.cancel()
            await asyncio.wait_for(hop.cancelled.wait(), 5)

    asyncio.run(scenario())


def test_a_call_without_a_deadline_gets_the_service_s_own(served: Any, jpeg: bytes) -> None:
    async def scenario() -> None:
        async with served(hold=True, timeout_s=0.7) as (hop, server):
            with pytest.raises(SemlinkError, match="not ready in time"):
                await send(server.address, requests(jpeg), timeout_s=None)
            await asyncio.wait_for(hop.cancelled.wait(), 5)

    asyncio.run(scenario())


def test_a_taken_rest_port_is_an_error_that_names_it(tiny_segmenter: Path) -> None:
    async def scenario() -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            service = transmitter_service(TransmitterServerSettings(rest_port=port))
            with pytest.raises(Unavailable, match=f"rest_port=127.0.0.1:{port}"):
                async with running_server(service, drain_s=0.0):
                    pass

    asyncio.run(scenario())


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEMLINK_TRANSMITTER_SEGMENTERS", "one,owner/two")
    monkeypatch.setenv("SEMLINK_TRANSMITTER_PIXELS", "1000")
    settings = from_environment(TransmitterServerSettings)
    assert settings.segmenters == ("one", "owner/two")
    assert settings.limits.pixels == 1000
    monkeypatch.setenv("SEMLINK_TRANSMITTER_REST_PORT", "70000")
    with pytest.raises(InvalidInput, match="SEMLINK_TRANSMITTER_REST_PORT='70000'"):
        from_environment(TransmitterServerSettings)


def test_the_program_says_where_it_listens_and_ends_on_a_signal(tiny_segmenter: Path) -> None:
    own = {
        "PYTHONPATH": os.pathsep.join(sys.path),
        "SEMLINK_TRANSMITTER_PORT": "0",
        "SEMLINK_TRANSMITTER_REST_PORT": "0",
        "SEMLINK_TRANSMITTER_SEGMENTERS": str(tiny_segmenter),
    }
    with subprocess.Popen(
        [sys.executable, "-m", "semlink.transmitter"],
        env=os.environ | own,
        stdout=subprocess.PIPE,
        text=True,
    ) as program:
        assert program.stdout is not None
        listens = program.stdout.readline()
        ready = program.stdout.readline()
        program.send_signal(signal.SIGTERM)
        assert program.wait(20) == 0
    assert listens.startswith("transmitter listens on 127.0.0.1:")
    assert " and http://127.0.0.1:" in listens
    assert ready == "transmitter ready\n"
