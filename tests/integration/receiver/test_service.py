"""What the receiver service does for its callers."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.integration.receiver.conftest import ENDLESS, FAST, TRANSMISSION, Client, Request, Talk

from semlink.core.errors import Busy, CorruptData, DeadlineExceeded, InternalError, Unavailable
from semlink.core.events import (
    Demodulated,
    Denoised,
    Event,
    Lost,
    Outcome,
    Progress,
    Reconstructed,
)
from semlink.core.frame import Gains, Propagation, StreamDraw
from semlink.core.headers import PictureHeader
from semlink.core.message import Message, SamplesPayload
from semlink.core.phy.coding import decode_blocks
from semlink.core.phy.layouts import CodedLayout
from semlink.core.phy.modulation import modulate
from semlink.core.phy.radio import Radio
from semlink.core.pictures import Size
from semlink.core.schemes import Scheme
from semlink.core.settings import ReceiverSettings
from semlink.protos.v1 import types_pb2
from semlink.receiver import service
from semlink.receiver.receiver import Receiver
from semlink.receiver.schemes import DECODERS
from semlink.receiver.settings import ReceiverServerSettings


def test_over_the_network_it_is_the_same_picture(
    talk: Talk, tiny_gesco: Path, arrived: Propagation
) -> None:
    receiver = Receiver.load((str(tiny_gesco),), "cpu")
    expected = list(receiver.reconstruct(arrived, FAST, TRANSMISSION))

    async def conversation(client: Client) -> None:
        events = await client.all_events(client.requests())
        assert [type(event) for event in events] == [
            Demodulated,
            Denoised,
            *[Progress] * 3,
            Reconstructed,
        ]
        for ours, theirs in zip(expected, events, strict=True):
            for name, value in vars(ours).items():
                if not name.endswith("_s"):
                    np.testing.assert_array_equal(getattr(theirs, name), value)

    talk(conversation)


def test_pictures_at_once_do_not_touch_each_other(talk: Talk) -> None:
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


def test_hanging_up_frees_the_place(talk: Talk) -> None:
    async def conversation(client: Client) -> None:
        async with aclosing(client.events(client.requests(ENDLESS))) as events:  # type: ignore[type-var]
            async for event in events:
                if isinstance(event, Progress) and event.step == 2:
                    break
            with pytest.raises(Busy, match="queue"):
                await client.all_events(client.requests())
        assert await client.patient_events(client.requests())

    talk(conversation, queue=1)


def test_a_deadline_is_kept_and_frees_the_place(talk: Talk) -> None:
    async def conversation(client: Client) -> None:
        loop = asyncio.get_running_loop()
        started = loop.time()
        with pytest.raises(DeadlineExceeded):
            await client.all_events(client.requests(ENDLESS), timeout_s=0.5)
        assert 0.4 < loop.time() - started < 2.0
        assert await client.patient_events(client.requests())

    talk(conversation, queue=1)


def test_a_stalled_upload_is_ended(talk: Talk) -> None:
    async def conversation(client: Client) -> None:
        async def stalled() -> AsyncIterator[Request]:
            yield client.requests()[0]
            await asyncio.sleep(30)

        with pytest.raises(DeadlineExceeded, match="did not arrive"):
            await client.all_events(stalled())
        assert await client.patient_events(client.requests())

    talk(conversation, queue=1, upload_timeout_s=0.3)


def test_a_defect_is_logged_and_not_told(
    talk: Talk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
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


def analog() -> Propagation:
    """A picture of 32x32 that travels as samples, its header coded and first."""
    size = Size(32, 32)
    picture = np.full((3, *size), 0.5, np.float32)
    header = PictureHeader(size, size, size).to_bytes()
    message = Message(Scheme.ANALOG, header, (SamplesPayload("picture", picture, 1.0),))
    frame = modulate(message, Radio())
    draws = [StreamDraw(s.name, 1e-3, 1e-3, 30.0, 30.0, 0.0) for s in frame.streams]
    gains = [Gains(np.ones(1, np.complex64), s.symbols.size) for s in frame.streams]
    return Propagation(frame, tuple(draws), tuple(gains))


def test_a_scheme_without_a_network_asks_for_none(talk: Talk) -> None:
    async def conversation(client: Client) -> None:
        stranger = ReceiverSettings(network="owner/stranger")
        events = await client.all_events(client.requests(stranger, analog()))
        assert [type(event) for event in events] == [Demodulated, Reconstructed]
        assert isinstance(events[1], Reconstructed)
        assert (np.abs(events[1].picture.astype(int) - 191) <= 1).all()

    talk(conversation)


def test_a_lost_header_is_told(talk: Talk) -> None:
    arrived = analog()
    header, picture = arrived.gains
    erased = (replace(header, values=0 * header.values), picture)

    async def conversation(client: Client) -> None:
        demodulated, lost = await client.all_events(
            client.requests(arrived=replace(arrived, gains=erased))
        )
        assert isinstance(demodulated, Demodulated)
        assert demodulated.blocks_lost == 1
        assert lost == Lost(Outcome.OUTAGE, ("header",))

    talk(conversation)


def test_once_it_is_ready_it_has_decoded(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[CodedLayout] = []

    def recorded(*arguments: Any) -> Any:
        decoded.append(arguments[-1])
        return decode_blocks(*arguments)

    monkeypatch.setattr(service, "decode_blocks", recorded)

    async def conversation(client: Client) -> None:
        assert len(decoded) == 1

    talk(conversation)


def test_before_it_is_ready_it_is_unavailable(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_events_stay_below_a_mebibyte_each(talk: Talk, arrived: Propagation) -> None:
    async def conversation(client: Client) -> None:
        call: Any = client.stub.Reconstruct(iter(client.requests()))
        messages: list[types_pb2.Event] = [message async for message in call]
        assert max(message.ByteSize() for message in messages) < (1 << 20) + 1024

    talk(conversation)
