from __future__ import annotations

import dataclasses
import math
from typing import Any, Literal, get_args

import numpy as np
import pytest
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st

from semlink.core import event_serde
from semlink.core.errors import CorruptData, SemlinkError, TooLarge
from semlink.core.event_serde import EventReader, event_to_proto
from semlink.core.events import (
    Demodulated,
    Denoised,
    Encoded,
    Event,
    Lost,
    Outcome,
    PayloadAccount,
    PayloadVerdict,
    Progress,
    Propagated,
    Reconstructed,
)
from semlink.core.frame import StreamDraw
from semlink.core.pictures import LabelMap, Rgb, Size, encode_png
from semlink.core.serde import CHUNK_BYTES
from semlink.protos.v1 import types_pb2 as pb

GENERATOR = np.random.default_rng(0)


def picture(height: int, width: int) -> Rgb:
    return GENERATOR.integers(0, 256, (height, width, 3), np.uint8)


def labels(height: int, width: int) -> LabelMap:
    return GENERATOR.integers(0, 12, (height, width), np.uint8)


ANALOG = PayloadAccount("map", 48, 0, 24)
CODED = PayloadAccount("tokens", 0, 40, 700, "qpsk-1/2", 0.49, 3, 12)
NOISELESS = StreamDraw("edges", 0.0, 0.0, math.inf, math.inf, -math.inf)
SIZES = (Size(30, 40), Size(6, 8))
EVENTS: list[Event] = [
    Encoded(*SIZES, "camvid", 23, (ANALOG, CODED), labels(6, 8), 0.5, 0.25),
    Encoded(*SIZES, "", 0, (), None, 0.0, 0.25),
    Propagated((StreamDraw("map", 0.2, 0.21, 3.0, 9.9, 0.1), NOISELESS), 0.1),
    Demodulated((PayloadVerdict("map", 0, 0, True), PayloadVerdict("tokens", 3, 1, False)), 0.1),
    Denoised(labels(6, 8), labels(6, 8), 0.1),
    Progress(1, 12),
    Progress(2, 12, picture(6, 8)),
    Reconstructed(picture(30, 40), picture(6, 8), 1.0, 1.5, 0.1),
    Reconstructed(picture(30, 40), picture(6, 8), 1.0, 1.5, 0.1, ("map", "tokens")),
    Lost(Outcome.LOST, ("map",)),
    Lost(Outcome.OUTAGE, ("header",)),
]


def over_the_wire(reader: EventReader, event: Event) -> list[Event]:
    messages = [pb.Event.FromString(m.SerializeToString()) for m in event_to_proto(event)]
    return [found for message in messages if (found := reader.feed(message)) is not None]


def assert_same(one: Event, other: Event) -> None:
    assert type(one) is type(other)
    for field in dataclasses.fields(one):
        ours, theirs = getattr(one, field.name), getattr(other, field.name)
        if isinstance(ours, np.ndarray):
            np.testing.assert_array_equal(ours, theirs)
        else:
            assert ours == theirs


def test_every_event_is_here() -> None:
    assert {type(event) for event in EVENTS} == set(get_args(Event))
    kinds = {field.name for field in pb.Event.DESCRIPTOR.oneofs_by_name["kind"].fields}
    assert kinds == {"picture", *event_serde._READERS}
    assert set(event_serde._WRITERS) == set(get_args(Event))


@given(st.lists(st.sampled_from(EVENTS), max_size=6))
def test_round_trip_in_any_order(events: list[Event]) -> None:
    reader = EventReader()
    for event in events:
        (found,) = over_the_wire(reader, event)
        assert_same(found, event)


@given(st.integers(0, 1000), st.integers(0, 1000))
def test_progress(step: int, steps: int) -> None:
    assert over_the_wire(EventReader(), Progress(step, steps)) == [Progress(step, steps)]


def test_large_pictures_travel_in_chunks() -> None:
    event = Progress(1, 2, picture(700, 900))
    messages = list(event_to_proto(event))
    assert len(messages) == 3
    assert all(message.ByteSize() <= CHUNK_BYTES + 100 for message in messages)
    assert_same(over_the_wire(EventReader(), event)[0], event)


def test_a_picture_is_not_taken_for_the_next_event() -> None:
    reader = EventReader()
    over_the_wire(reader, Progress(1, 2, picture(3, 3)))
    assert over_the_wire(reader, Progress(2, 2)) == [Progress(2, 2)]


def chunk(name: str, png: bytes) -> pb.Event:
    return pb.Event(picture=pb.PictureChunk(name=name, png=png))


def test_a_missing_picture_is_noticed() -> None:
    with pytest.raises(CorruptData, match="event=received_map"):
        EventReader().feed(pb.Event(denoised=pb.Denoised()))


def test_the_kind_of_picture_is_checked() -> None:
    reader = EventReader()
    reader.feed(chunk("received_map", encode_png(picture(4, 4))))
    with pytest.raises(CorruptData, match="wrong kind"):
        reader.feed(pb.Event(denoised=pb.Denoised()))


@pytest.mark.parametrize("empty", ["photo", "working"])
def test_pictures_have_pixels(empty: Literal["photo", "working"]) -> None:
    (message,) = event_to_proto(Encoded(*SIZES, "", 0, (), None, 0.0, 0.0))
    message.encoded.ClearField(empty)
    with pytest.raises(CorruptData, match="no pixels"):
        EventReader().feed(message)


@pytest.mark.parametrize("outcome", ["", "reconstructed", "partial", "astray"])
def test_what_is_lost_has_an_outcome(outcome: str) -> None:
    with pytest.raises(CorruptData, match="outcome"):
        EventReader().feed(pb.Event(lost=pb.Lost(outcome=outcome)))


def test_impossible_draws_are_refused() -> None:
    draws = [pb.StreamDraw(noise_power=-1.0)]
    with pytest.raises(CorruptData, match="noise power"):
        EventReader().feed(pb.Event(propagated=pb.Propagated(draws=draws)))


@pytest.mark.parametrize(
    ("event", "message"),
    [
        (PayloadAccount, pb.PayloadAccount),
        (PayloadVerdict, pb.PayloadVerdict),
        (StreamDraw, pb.StreamDraw),
    ],
)
def test_rows_of_events_have_the_fields_of_their_messages(event: Any, message: Any) -> None:
    ours = [field.name for field in dataclasses.fields(event)]
    assert set(ours) == set(message.DESCRIPTOR.fields_by_name)


SENT = Encoded(*SIZES, "", 20, (ANALOG, CODED), None, 0.0, 0.0)


def test_what_a_transmission_costs() -> None:
    header = PayloadAccount("header", 0, 20, 100, "qpsk-1/5", 0.2, 1)
    sent = dataclasses.replace(SENT, payloads=(header, ANALOG, CODED))
    assert (sent.channel_uses, sent.channel_uses_per_pixel) == (824, 824 / 48)
    assert (sent.sent_bytes, sent.bits_per_pixel) == (60, 10.0)
    assert SENT.sent_bytes == 60  # a header that is free of channel uses is not free of bytes


def test_lost_blocks_add_up() -> None:
    verdicts = (PayloadVerdict("a", 3, 1, False), PayloadVerdict("b", 2, 2, True))
    assert Demodulated(verdicts, 0.0).blocks_lost == 3


@given(st.binary(max_size=60))
def test_any_message_is_an_event_or_an_error_of_ours(data: bytes) -> None:
    for kind in event_serde._READERS:
        message = pb.Event()
        getattr(message, kind).SetInParent()
        try:
            message.MergeFromString(data)
        except DecodeError:  # gRPC itself refuses it
            continue
        try:
            EventReader().feed(message)
        except SemlinkError:
            pass


def test_a_damaged_picture_is_noticed() -> None:
    reader = EventReader()
    reader.feed(chunk("preview", encode_png(picture(9, 9))[:-40]))
    with pytest.raises(CorruptData, match="event=preview"):
        reader.feed(pb.Event(progress=pb.Progress(step=1, steps=2)))


def test_an_empty_event_is_refused() -> None:
    with pytest.raises(CorruptData, match="no known kind"):
        EventReader().feed(pb.Event())


def test_pictures_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_serde, "MAX_PICTURE_BYTES", 100)
    reader = EventReader()
    reader.feed(chunk("preview", bytes(100)))
    with pytest.raises(TooLarge, match="exceed"):
        reader.feed(chunk("preview", b"\0"))


def test_the_number_of_pictures_is_bounded() -> None:
    reader = EventReader()
    for index in range(event_serde.MAX_PICTURES):
        reader.feed(chunk(str(index), b""))
    with pytest.raises(TooLarge, match="too many"):
        reader.feed(chunk("one more", b""))
