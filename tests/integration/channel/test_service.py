"""What the channel service hands on, and how its calls end."""

from __future__ import annotations

import asyncio
import socket
from time import monotonic

import grpc
import pytest
from tests.integration.channel.conftest import (
    SMALL,
    TRANSMISSION,
    Recorder,
    call_of,
    events,
    frame_of,
    head,
    recording,
    run,
    serving,
)

from semlink.channel.models import propagate
from semlink.core.channel_settings import ChannelModel, ChannelSettings
from semlink.core.errors import Busy, DeadlineExceeded, NotFound, Unavailable
from semlink.core.events import Progress, Propagated
from semlink.core.frame import Propagation
from semlink.core.serde import CHUNK_BYTES
from semlink.core.transmission import Transmission
from semlink.protos.v1 import receiver_pb2_grpc

FADING = ChannelSettings(model=ChannelModel.RAYLEIGH)


def contents(propagation: Propagation) -> list[object]:
    """All of it, to the last bit, to be compared."""
    frame = propagation.frame
    symbols = [vars(stream) | {"symbols": stream.symbols.tobytes()} for stream in frame.streams]
    gains = [(gains.hold, gains.values.tobytes()) for gains in propagation.gains]
    return [frame.scheme, frame.header, frame.grid, symbols, propagation.draws, gains]


@pytest.mark.parametrize("model", ChannelModel)
def test_the_receiver_gets_what_arrives_and_the_caller_every_event(model: ChannelModel) -> None:
    settings = ChannelSettings(model=model, level=10.0, subcarriers=12, packet_uses=8)
    sent = frame_of(1001, 4, settings=settings)
    expected = propagate(sent, settings, TRANSMISSION)  # as without a network

    async def test() -> None:
        recorder = Recorder()
        async with recording(recorder) as address, serving(address) as method:
            propagated, *rest = await events(method, call_of(sent, settings=settings))
        assert rest == [Progress(1, 2), Progress(2, 2)]
        assert isinstance(propagated, Propagated)
        assert propagated.draws == expected.draws
        assert propagated.propagate_s > 0
        (arrived,), (told,) = recorder.arrived, recorder.heads
        assert contents(arrived) == contents(expected)
        assert told.transmission == head().head.transmission
        assert told.settings == head().head.receiver

    run(test)


def test_frames_of_many_chunks() -> None:
    settings = ChannelSettings(model=ChannelModel.RAYLEIGH, coherence_uses=1)
    large = frame_of(3 * CHUNK_BYTES // 4, 9, settings=settings)

    async def test() -> None:
        recorder = Recorder()
        async with recording(recorder) as address, serving(address) as method:
            await events(method, call_of(large, settings=settings))
        expected = propagate(large, settings, TRANSMISSION)
        assert contents(recorder.arrived[0]) == contents(expected)
        assert recorder.parts == [["symbols"] * 4 + ["gains"] * 4]

    run(test)


def test_calls_side_by_side_get_draws_of_their_own() -> None:
    sent = frame_of(20_001)
    transmissions = [Transmission("0f", seed, "ab" * 32) for seed in range(12)]

    async def test() -> None:
        recorder = Recorder()
        async with recording(recorder) as address, serving(address) as method:
            calls = [
                events(method, call_of(sent, transmission, FADING))
                for transmission in transmissions
            ]
            await asyncio.gather(*calls)
        arrived = {
            told.transmission.seed: contents(received)
            for told, received in zip(recorder.heads, recorder.arrived, strict=True)
        }
        for transmission in transmissions:
            alone = propagate(sent, FADING, transmission)
            assert arrived[transmission.seed] == contents(alone)

    run(test)


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
            for sent in (SMALL, frame_of(2 * CHUNK_BYTES)):  # also while symbols are on their way
                with pytest.raises(NotFound, match=r"network=x: it is not served. Use y."):
                    await events(method, call_of(sent))

    run(test)


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
            while len(recorder.arrived) < 2:
                await asyncio.sleep(0.02)
            with pytest.raises(Busy, match=r"calls=2: .*again later"):
                await events(method, call_of())
            recorder.hold.set()
            assert [len(found) for found in await asyncio.gather(*held)] == [3, 3]
            assert len(await events(method, call_of())) == 3

    run(test)
