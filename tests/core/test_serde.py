from __future__ import annotations

import math
from itertools import pairwise
from typing import Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semlink.core.errors import CorruptData, InvalidInput, SemlinkError, TooLarge
from semlink.core.frame import Frame, StreamDraw
from semlink.core.message import Message, SamplesPayload
from semlink.core.noise import NoiseKind
from semlink.core.phy import modulate
from semlink.core.pictures import Size
from semlink.core.schemes import Scheme
from semlink.core.serde import (
    CHUNK_BYTES,
    MAX_CHANNEL_USES,
    MAX_DIMENSIONS,
    MAX_NAME,
    MAX_STREAMS,
    FrameAssembler,
    byte_chunks,
    channel_settings_from_proto,
    channel_settings_to_proto,
    draw_from_proto,
    draw_to_proto,
    frame_head_to_proto,
    receiver_settings_from_proto,
    receiver_settings_to_proto,
    settings_from_proto,
    settings_to_proto,
    size_from_proto,
    size_to_proto,
    symbol_chunks,
    transmission_from_proto,
    transmission_to_proto,
)
from semlink.core.settings import (
    ChannelSettings,
    Denoiser,
    ReceiverSettings,
    Sampler,
    TransmissionSettings,
)
from semlink.core.transmission import Transmission
from semlink.protos.v1 import types_pb2 as pb


def frame(*sizes: int) -> Frame:
    generator = np.random.default_rng(0)
    payloads = [
        SamplesPayload(f"p{index}", generator.random(size, np.float32), 1.0)
        for index, size in enumerate(sizes)
    ]
    return modulate(Message(Scheme.GESCO, b"header", tuple(payloads)))


def head(frame: Frame) -> pb.FrameHead:
    """As it arrives: through bytes."""
    return pb.FrameHead.FromString(frame_head_to_proto(frame).SerializeToString())


def assembled(frame: Frame) -> Frame:
    assembler = FrameAssembler(head(frame))
    for chunk in symbol_chunks(frame):
        assembler.add(pb.SymbolChunk.FromString(chunk.SerializeToString()))
    return assembler.frame()


finite = st.floats(allow_nan=False, allow_infinity=False)
channel_settings = st.one_of(
    st.builds(ChannelSettings, level=st.floats(-30, 200) | st.just(math.inf)),
    st.builds(ChannelSettings, noise=st.just(NoiseKind.SIGMA), level=st.floats(0, 100)),
    st.just(ChannelSettings(noise=NoiseKind.GESCO_TABLE_DB, level=5.0)),
)
receiver_settings = st.builds(
    ReceiverSettings,
    network=st.just("somebody/network"),
    sampler=st.sampled_from(Sampler),
    steps=st.integers(1, 1000),
    guidance=st.floats(0, 20),
    denoiser=st.sampled_from(Denoiser),
    preview_steps=st.integers(0, 1000),
)
transmission_settings = st.builds(
    TransmissionSettings,
    size=st.sampled_from([64, 192, 512]),
    seed=st.integers(0, 2**63 - 1),
    channel=channel_settings,
    receiver=receiver_settings,
)


@given(channel_settings)
def test_channel_settings(value: ChannelSettings) -> None:
    assert channel_settings_from_proto(channel_settings_to_proto(value)) == value


@given(receiver_settings)
def test_receiver_settings(value: ReceiverSettings) -> None:
    assert receiver_settings_from_proto(receiver_settings_to_proto(value)) == value


@given(transmission_settings)
def test_transmission_settings(value: TransmissionSettings) -> None:
    data = settings_to_proto(value).SerializeToString()
    assert settings_from_proto(pb.TransmissionSettings.FromString(data)) == value


def test_what_is_not_set_takes_its_default_and_zero_is_set() -> None:
    assert settings_from_proto(pb.TransmissionSettings()) == TransmissionSettings()
    zero = channel_settings_from_proto(pb.ChannelSettings(level=0.0))
    assert zero == ChannelSettings(level=0.0)


def test_settings_off_the_wire_are_validated() -> None:
    with pytest.raises(InvalidInput, match="steps"):
        receiver_settings_from_proto(pb.ReceiverSettings(steps=0))
    with pytest.raises(InvalidInput, match="level"):
        channel_settings_from_proto(pb.ChannelSettings(level=math.nan))
    with pytest.raises(InvalidInput, match="seed"):
        settings_from_proto(pb.TransmissionSettings(seed=2**64 - 1))


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))
def test_size(height: int, width: int) -> None:
    assert size_from_proto(size_to_proto(Size(height, width))) == Size(height, width)


@given(st.integers(0, 2**63 - 1))
def test_transmission(seed: int) -> None:
    value = Transmission("0f" * 16, seed, "ab" * 32)
    assert transmission_from_proto(transmission_to_proto(value)) == value


@pytest.mark.parametrize("field", ["transmission_id", "photo_digest"])
@pytest.mark.parametrize("value", ["x" * (MAX_NAME + 1), "two\nlines", "\x1b[2J"])
def test_identities_are_fit_for_logs(field: str, value: str) -> None:
    message = pb.Transmission()
    setattr(message, field, value)
    with pytest.raises(InvalidInput, match=field):
        transmission_from_proto(message)


@given(finite, finite, st.floats(allow_nan=False))
def test_draw(power: float, measured: float, level_db: float) -> None:
    draw = StreamDraw("map", power, measured, level_db, -level_db)
    assert (
        draw_from_proto(pb.StreamDraw.FromString(draw_to_proto(draw).SerializeToString())) == draw
    )


@settings(max_examples=30)
@given(st.lists(st.integers(1, 50), max_size=MAX_STREAMS))
def test_frame(sizes: list[int]) -> None:
    sent = frame(*sizes)
    received = assembled(sent)
    assert (received.scheme, received.header) == (sent.scheme, sent.header)
    for one, other in zip(received.streams, sent.streams, strict=True):
        np.testing.assert_array_equal(one.symbols, other.symbols)
        assert one.symbols.dtype == np.complex64
        assert (one.name, one.peak, one.mean_power) == (other.name, other.peak, other.mean_power)
        assert one.layout == other.layout


def test_chunks_are_bounded_and_in_order() -> None:
    large = frame(3 * CHUNK_BYTES // 4 + 1, 5)
    chunks = list(symbol_chunks(large))
    assert max(len(chunk.symbols) for chunk in chunks) == CHUNK_BYTES
    assert [chunk.stream for chunk in chunks] == [0, 0, 0, 0, 1]
    np.testing.assert_array_equal(assembled(large).streams[0].symbols, large.streams[0].symbols)


@given(st.sampled_from([0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES]))
def test_byte_chunks(length: int) -> None:
    data = bytes(length)
    chunks = list(byte_chunks(data))
    assert b"".join(chunks) == data
    assert all(len(chunk) == CHUNK_BYTES for chunk, _ in pairwise(chunks))
    assert len(chunks) == max(1, math.ceil(length / CHUNK_BYTES))


def test_a_head_may_not_announce_too_much() -> None:
    many = [pb.StreamHead(name=str(index)) for index in range(MAX_STREAMS + 1)]
    with pytest.raises(TooLarge):
        FrameAssembler(pb.FrameHead(streams=many))
    for uses in (MAX_CHANNEL_USES + 1, 2**64 - 1):
        with pytest.raises(TooLarge, match="channel uses"):
            FrameAssembler(pb.FrameHead(streams=[pb.StreamHead(name="a", channel_uses=uses)]))


@pytest.mark.parametrize(
    "changes",
    [
        pb.StreamHead(name="x" * (MAX_NAME + 1)),
        pb.StreamHead(channel_uses=3),
        pb.StreamHead(samples=pb.SamplesLayout(shape=[2])),  # appended: 4 x 2
        pb.StreamHead(samples=pb.SamplesLayout(shape=[1] * MAX_DIMENSIONS)),
        pb.StreamHead(peak=-1.0),
        pb.StreamHead(peak=math.inf),
        pb.StreamHead(peak=math.nan),
        pb.StreamHead(mean_power=-1.0),
        pb.StreamHead(mean_power=math.nan),
    ],
)
def test_inconsistent_heads_are_refused(changes: pb.StreamHead) -> None:
    message = head(frame(4))
    message.streams[0].MergeFrom(changes)
    with pytest.raises(CorruptData):
        FrameAssembler(message)


@pytest.mark.parametrize("field", ["name", "peak", "channel_uses", "samples"])
def test_incomplete_heads_are_refused(
    field: Literal["name", "peak", "channel_uses", "samples"],
) -> None:
    message = head(frame(4))
    message.streams[0].ClearField(field)
    with pytest.raises(CorruptData):
        FrameAssembler(message)


def test_empty_streams_are_refused() -> None:
    with pytest.raises(CorruptData, match="shape"):
        FrameAssembler(head(frame(0)))


def test_two_streams_of_one_name_are_refused() -> None:
    message = head(frame(4, 4))
    message.streams[1].name = message.streams[0].name
    with pytest.raises(CorruptData, match="one name"):
        FrameAssembler(message)


def test_chunks_that_do_not_belong_are_refused() -> None:
    assembler = FrameAssembler(head(frame(4)))
    with pytest.raises(CorruptData, match="no stream 1"):
        assembler.add(pb.SymbolChunk(stream=1, symbols=bytes(8)))
    with pytest.raises(CorruptData, match="more symbols"):
        assembler.add(pb.SymbolChunk(stream=0, symbols=bytes(24)))


@pytest.mark.parametrize("count", [0, 1, 8, 15])
def test_missing_symbols_are_noticed(count: int) -> None:
    assembler = FrameAssembler(head(frame(4)))
    assembler.add(pb.SymbolChunk(stream=0, symbols=bytes(count)))
    with pytest.raises(CorruptData, match="lacks symbols"):
        assembler.frame()


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_symbols_that_are_no_numbers_are_refused(value: float) -> None:
    assembler = FrameAssembler(head(frame(4)))
    assembler.add(pb.SymbolChunk(symbols=np.array([0, 1, value, 1], "<f4").tobytes()))
    with pytest.raises(CorruptData, match="not finite"):
        assembler.frame()


def test_an_unknown_scheme_is_refused() -> None:
    with pytest.raises(CorruptData, match="'telepathy' is unknown"):
        FrameAssembler(pb.FrameHead(scheme="telepathy")).frame()


@given(st.binary(max_size=120))
def test_any_head_is_accepted_or_refused_by_an_error_of_ours(data: bytes) -> None:
    message = head(frame(4))
    try:
        message.MergeFromString(data)
    except Exception:  # not a wire message: gRPC itself refuses it
        return
    try:
        FrameAssembler(message).frame()
    except SemlinkError:
        pass
