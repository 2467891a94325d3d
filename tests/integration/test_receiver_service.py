from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest

from semlink.core.errors import (
    Busy,
    CorruptData,
    DeadlineExceeded,
    InternalError,
    InvalidInput,
    NotFound,
    SemlinkError,
    TooLarge,
    Unavailable,
)
from semlink.core.event_serde import EventReader
from semlink.core.events import Denoised, Event, Progress, Reconstructed
from semlink.core.frame import Propagation
from semlink.core.hop import CHANNEL_OPTIONS, events_from
from semlink.core.schemes import Scheme
from semlink.core.serde import (
    draw_to_proto,
    frame_head_to_proto,
    receiver_settings_to_proto,
    symbol_chunks,
    transmission_to_proto,
)
from semlink.core.serving import running_server
from semlink.core.settings import ReceiverSettings
from semlink.core.transmission import Transmission
from semlink.protos.v1 import receiver_pb2 as pb
from semlink.protos.v1 import receiver_pb2_grpc, types_pb2
from semlink.receiver.receiver import Receiver
from semlink.receiver.schemes import DECODERS
from semlink.receiver.service import receiver_service
from semlink.receiver.settings import ReceiverServerSettings

NAME = "tiny-gesco"
FAST = ReceiverSettings(network=NAME, steps=3, preview_steps=2)
ENDLESS = ReceiverSettings(network=NAME, steps=1000)
TRANSMISSION = Transmission("t", 0, "d" * 64)

Requests = Iterator[pb.ReconstructRequest]
Spoil = Callable[[list[pb.ReconstructRequest]], object]


@dataclass(frozen=True)
class Client:
    """A caller of a receiver that runs."""

    stub: receiver_pb2_grpc.ReceiverStub
    arrived: Propagation

    def requests(self, settings: ReceiverSettings = FAST) -> list[pb.ReconstructRequest]:
        head = pb.ReconstructHead(
            transmission=transmission_to_proto(TRANSMISSION),
            settings=receiver_settings_to_proto(settings),
            frame=frame_head_to_proto(self.arrived.frame),
            draws=[draw_to_proto(draw) for draw in self.arrived.draws],
        )
        symbols = symbol_chunks(self.arrived.frame)
        return [
            pb.ReconstructRequest(head=head),
            *(pb.ReconstructRequest(symbols=chunk) for chunk in symbols),
        ]

    async def events(
        self,
        requests: list[pb.ReconstructRequest] | AsyncIterator[pb.ReconstructRequest],
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


def test_over_the_network_it_is_the_same_picture(
    talk: Callable[..., None], tiny_gesco: Path, arrived: Propagation
) -> None:
    receiver = Receiver.load((str(tiny_gesco),), "cpu")
    expected = list(receiver.reconstruct(arrived, FAST, TRANSMISSION))

    async def conversation(client: Client) -> None:
        events = await client.all_events(client.requests())
        assert [type(event) for event in events] == [Denoised, *[Progress] * 3, Reconstructed]
        for ours, theirs in zip(expected, events, strict=True):
            for name, value in vars(ours).items():
                if not name.endswith("_s"):
                    np.testing.assert_array_equal(getattr(theirs, name), value)

    talk(conversation)


def test_pictures_at_once_do_not_touch_each_other(talk: Callable[..., None]) -> None:
    async def conversation(client: Client) -> None:
        calls = [client.all_events(client.requests()) for _ in range(3)]
        spoilt = client.requests()
        del spoilt[-1]
        *good, bad = await asyncio.gather(
            *calls, client.all_events(spoilt), return_exceptions=True
        )
        assert isinstance(bad, CorruptData)
        pictures = [events[-1].picture for events in good]  # type: ignore[union-attr, index]
        assert all((picture == pictures[0]).all() for picture in pictures)

    talk(conversation)


def test_hanging_up_frees_the_place(talk: Callable[..., None]) -> None:
    async def conversation(client: Client) -> None:
        async with aclosing(client.events(client.requests(ENDLESS))) as events:  # type: ignore[type-var]
            async for event in events:
                if isinstance(event, Progress) and event.step == 2:
                    break
            with pytest.raises(Busy, match="queue"):
                await client.all_events(client.requests())
        assert await client.patient_events(client.requests())

    talk(conversation, queue=1)


def test_a_deadline_is_kept_and_frees_the_place(talk: Callable[..., None]) -> None:
    async def conversation(client: Client) -> None:
        loop = asyncio.get_running_loop()
        started = loop.time()
        with pytest.raises(DeadlineExceeded):
            await client.all_events(client.requests(ENDLESS), timeout_s=0.5)
        assert 0.4 < loop.time() - started < 2.0
        assert await client.patient_events(client.requests())

    talk(conversation, queue=1)


def test_a_stalled_upload_is_ended(talk: Callable[..., None]) -> None:
    async def conversation(client: Client) -> None:
        async def stalled() -> AsyncIterator[pb.ReconstructRequest]:
            yield client.requests()[0]
            await asyncio.sleep(30)

        with pytest.raises(DeadlineExceeded, match="did not arrive"):
            await client.all_events(stalled())
        assert await client.patient_events(client.requests())

    talk(conversation, queue=1, upload_timeout_s=0.3)


def test_a_refusal_reaches_a_caller_that_is_still_sending(talk: Callable[..., None]) -> None:
    async def conversation(client: Client) -> None:
        requests = client.requests(ReceiverSettings(network="stranger"))
        for _ in range(10):
            with pytest.raises(NotFound):
                await client.all_events(requests + requests[1:] * 20)

    talk(conversation)


def no_draws(requests: list[pb.ReconstructRequest]) -> None:
    requests[0].head.ClearField("draws")


def foreign_draws(requests: list[pb.ReconstructRequest]) -> None:
    requests[0].head.draws[0].name = "picture"


def symbols_of_no_stream(requests: list[pb.ReconstructRequest]) -> None:
    requests[1].symbols.stream = 7


def vast_frame(requests: list[pb.ReconstructRequest]) -> None:
    requests[0].head.frame.streams[0].channel_uses = 1 << 40


def foreign_scheme(requests: list[pb.ReconstructRequest]) -> None:
    requests[0].head.frame.scheme = "morse"


def foreign_header(requests: list[pb.ReconstructRequest]) -> None:
    requests[0].head.frame.header = bytes(64)


def foreign_network(requests: list[pb.ReconstructRequest]) -> None:
    requests[0].head.settings.network = "owner/stranger"


def endless_steps(requests: list[pb.ReconstructRequest]) -> None:
    requests[0].head.settings.steps = 1_000_000


@pytest.mark.parametrize(
    ("spoil", "error", "said"),
    [
        (list.clear, InvalidInput, "head"),
        (lambda requests: requests.pop(0), InvalidInput, "head"),
        (lambda requests: requests.append(requests[0]), InvalidInput, "symbols"),
        (lambda requests: requests.pop(), CorruptData, "lacks symbols"),
        (lambda requests: requests.append(requests[1]), CorruptData, "more symbols"),
        (symbols_of_no_stream, CorruptData, "no stream 7"),
        (no_draws, CorruptData, "0 for 1"),
        (foreign_draws, CorruptData, "draws"),
        (vast_frame, TooLarge, "channel uses"),
        (foreign_scheme, CorruptData, "morse"),
        (foreign_header, CorruptData, "header"),
        (foreign_network, NotFound, f"Use {NAME}"),
        (endless_steps, InvalidInput, "steps"),
    ],
)
def test_bad_calls_say_what_is_wrong(
    talk: Callable[..., None], spoil: Spoil, error: type[SemlinkError], said: str
) -> None:
    async def conversation(client: Client) -> None:
        requests = client.requests()
        spoil(requests)
        with pytest.raises(error, match=said) as caught:
            await client.all_events(requests)
        assert not isinstance(caught.value, InternalError)

    talk(conversation)


def test_a_defect_is_logged_and_not_told(
    talk: Callable[..., None], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> Iterator[Event]:
        raise RuntimeError("secret detail")

    monkeypatch.setitem(DECODERS, Scheme.GESCO, broken)

    async def conversation(client: Client) -> None:
        with pytest.raises(InternalError) as caught:
            await client.all_events(client.requests())
        assert "secret" not in str(caught.value)

    with caplog.at_level(logging.ERROR):
        talk(conversation)
    assert "secret detail" in caplog.text


def test_before_it_is_ready_it_is_unavailable(
    talk: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Receiver, "warm", lambda _: time.sleep(1.0))

    async def conversation(client: Client) -> None:
        with pytest.raises(Unavailable, match="loading"):
            await client.all_events(client.requests())

    talk(conversation, ready=False)


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEMLINK_RECEIVER_NETWORKS", "one,two")
    monkeypatch.setenv("SEMLINK_RECEIVER_QUEUE", "3")
    settings = ReceiverServerSettings()
    assert (settings.networks, settings.queue) == (("one", "two"), 3)
    assert settings.host == "127.0.0.1"


def test_events_stay_below_a_mebibyte_each(
    talk: Callable[..., None], arrived: Propagation
) -> None:
    async def conversation(client: Client) -> None:
        call: Any = client.stub.Reconstruct(iter(client.requests()))
        messages: list[types_pb2.Event] = [message async for message in call]
        assert max(message.ByteSize() for message in messages) < (1 << 20) + 1024

    talk(conversation)
