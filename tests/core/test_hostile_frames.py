"""What a stranger may send: an error of ours or something that the receiver can use, always."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from google.protobuf.message import Message as WireMessage
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from semlink.core.capture import Capture, capture_from_bytes, capture_to_bytes
from semlink.core.choices import Csi
from semlink.core.errors import CorruptData, InvalidInput, SemlinkError
from semlink.core.frame import Frame, Gains, Propagation, StreamDraw
from semlink.core.frame_serde import (
    PropagationAssembler,
    draw_to_proto,
    frame_head_to_proto,
    gain_chunks,
    gains_head_to_proto,
    symbol_chunks,
)
from semlink.core.message import BitsPayload, Message, SamplesPayload
from semlink.core.phy.demodulation import demodulate
from semlink.core.phy.grid import ResourceGrid
from semlink.core.phy.layouts import CodedLayout
from semlink.core.phy.modulation import modulate
from semlink.core.phy.radio import Radio
from semlink.core.received import Received, ReceivedBits, ReceivedSamples
from semlink.core.schemes import Scheme
from semlink.core.settings import TransmissionSettings
from semlink.core.transmission import Transmission
from semlink.protos.v1 import types_pb2 as pb

MAP = SamplesPayload("map", np.ones((2, 3, 2), np.float32), 1.0)
EDGES = SamplesPayload("edges", np.zeros(5, np.float32), 1.0)
TOKENS = BitsPayload("tokens", b"three", "qpsk-1/2")
OFDM = ResourceGrid(14, 12, 2, 30e3, 1e-7, 10.0)
BLOCKS = ResourceGrid(7, 1, 2)
TRANSMISSION = Transmission("0f" * 8, 7, "ab" * 32)


def propagation(frame: Frame, noise: float = 0.1) -> Propagation:
    draws = [StreamDraw(s.name, noise, noise, 10.0, 10.0, 0.0) for s in frame.streams]
    gains = [Gains(np.ones(1, np.complex64), s.symbols.size) for s in frame.streams]
    return Propagation(frame, tuple(draws), tuple(gains))


EXAMPLES = [1_000, pytest.param(10_000, marks=pytest.mark.slow)]


def many(examples: int, *strategies: SearchStrategy[Any]) -> Callable[[Any], Any]:
    return lambda test: settings(max_examples=examples)(given(*strategies)(test))


KINDS = range(6)  # with and without bits; without a grid, OFDM, coherence blocks


@cache
def arrival(kind: int) -> Propagation:
    """A frame as it was sent."""
    grid, free = (None, OFDM, BLOCKS)[kind % 3], kind < 3
    payloads = (MAP, EDGES) if free else (TOKENS, MAP)
    frame = modulate(Message(Scheme.GESCO, b"side", payloads), Radio(grid, free_header=free))
    return propagation(frame)


def survives(arrived: Propagation) -> None:
    """Demodulation has an answer, or an error of ours."""
    for csi in Csi:
        try:
            received = demodulate(arrived, csi)
        except SemlinkError:
            continue
        assert received.scheme is arrived.frame.scheme
        for payload in received.payloads:
            if isinstance(payload, ReceivedSamples):
                assert np.isfinite(payload.samples).all()
                assert (payload.noise_variance >= 0).all()
            else:
                assert isinstance(payload, ReceivedBits)
                assert len(payload.prefix) <= len(payload.data)


def coded_bits(frame: Frame) -> int:
    layouts = [stream.layout for stream in frame.streams]
    return sum(x.blocks * x.coded_bits for x in layouts if isinstance(x, CodedLayout))


# Bytes of a file


@cache
def file(kind: int) -> bytes:
    return capture_to_bytes(Capture(TRANSMISSION, TransmissionSettings(), arrival(kind)))


def flip(data: bytearray, at: int, value: int) -> None:
    data[at] ^= value or 255


def overwrite(data: bytearray, at: int, value: int) -> None:
    data[at] = value


def insert(data: bytearray, at: int, value: int) -> None:
    data.insert(at, value)


def remove(data: bytearray, at: int, value: int) -> None:
    del data[at : at + 1 + value % 8]


def truncate(data: bytearray, at: int, value: int) -> None:
    del data[at:]


def repeat(data: bytearray, at: int, value: int) -> None:
    data[at:at] = data[at : at + value]


def saturate(data: bytearray, at: int, value: int) -> None:
    data[at : at + 1 + value % 8] = b"\xff" * (1 + value % 8)


MUTATIONS = (flip, overwrite, insert, remove, truncate, repeat, saturate)
places = st.integers(0, (1 << 16) - 1)
mutations = st.lists(
    st.tuples(st.sampled_from(MUTATIONS), places, st.integers(0, 255)), min_size=1, max_size=3
)


def read_mutated(kind: int, mutations: list[tuple[Any, int, int]]) -> None:
    data = bytearray(file(kind))
    for mutate, place, value in mutations:
        if len(data) > 5:
            mutate(data, 5 + place % (len(data) - 5), value)
    try:
        found = capture_from_bytes(bytes(data))
    except SemlinkError:
        return
    again = capture_from_bytes(capture_to_bytes(found))
    assert (again.transmission, again.settings) == (found.transmission, found.settings)
    if not coded_bits(found.propagation.frame):
        survives(found.propagation)


@pytest.mark.parametrize("examples", EXAMPLES)
def test_mutated_captures(examples: int) -> None:
    many(examples, st.sampled_from([0, 2, 3]), mutations)(read_mutated)()


# Fields of messages


@dataclass(frozen=True)
class Call:
    """What a channel sends to a receiver."""

    frame: pb.FrameHead
    draws: list[pb.StreamDraw]
    gains: list[pb.GainsHead]
    symbols: list[pb.SymbolChunk]
    values: list[pb.GainChunk]

    @classmethod
    def of(cls, arrived: Propagation) -> Call:
        return cls(
            frame_head_to_proto(arrived.frame),
            [draw_to_proto(draw) for draw in arrived.draws],
            [gains_head_to_proto(gains) for gains in arrived.gains],
            list(symbol_chunks(arrived.frame)),
            list(gain_chunks(arrived.gains)),
        )

    def read(self) -> Propagation:
        assembler = PropagationAssembler(self.frame, self.draws, self.gains)
        for symbols in self.symbols:
            assembler.add_symbols(symbols)
        for gains in self.values:
            assembler.add_gains(gains)
        return assembler.propagation()


WORDS = ["", "header", "map", "x" * 200, "a\nb", "\0", "gesco", "webp", "qpsk-1/5", "256qam-5/6"]
NUMBERS = [0, 1, 2, 3, 7, 14, 255, 4096, 1 << 20, 1 << 24, (1 << 32) - 1, 1 << 40, (1 << 64) - 1]
REALS = [0.0, -1.0, 1e-300, 1e-9, 1e-3, 0.5, 1e3, 1e9, 1e300, math.inf, -math.inf, math.nan]


def fields_of(message: WireMessage) -> Iterator[tuple[WireMessage, str]]:
    """Every field that a message and its parts have."""
    for field in message.DESCRIPTOR.fields:
        value = getattr(message, field.name)
        yield message, field.name
        if field.message_type is not None and field.is_repeated:
            for item in value:
                yield from fields_of(item)
        elif field.message_type is not None and message.HasField(field.name):
            yield from fields_of(value)


def edit(message: WireMessage, name: str, choice: int) -> None:
    """Clears, doubles or replaces a field."""
    field = message.DESCRIPTOR.fields_by_name[name]
    if field.message_type is not None or choice % 8 == 0:
        if field.is_repeated and choice % 2 and len(getattr(message, name)):
            getattr(message, name).append(getattr(message, name)[0])
        elif choice % 3 == 0:
            message.ClearField(name)
        elif field.message_type is not None and not field.is_repeated:
            getattr(message, name).SetInParent()
        return
    if field.is_repeated:
        getattr(message, name)[:] = [NUMBERS[choice % 8]] * (choice % 10)
        return
    by_type: dict[int, list[Any]] = {
        field.TYPE_STRING: WORDS,
        field.TYPE_BYTES: [b"", b"\xff" * 300],
        field.TYPE_DOUBLE: REALS,
    }
    values = by_type.get(field.type, NUMBERS)
    value = values[choice % len(values)]
    if field.type == field.TYPE_UINT32:
        value = min(value, (1 << 32) - 1)
    setattr(message, name, value)


def repair(call: Call) -> Call:
    """The same with as many symbols and gains as a frame of those layouts would have, if few."""
    streams, grid = call.frame.streams, call.frame.grid
    symbols, values = [], []
    for index, (stream, gains) in enumerate(zip(streams, call.gains, strict=False)):
        data = math.ceil(math.prod(stream.samples.shape) / 2)
        if stream.WhichOneof("layout") == "coded":
            try:
                code = stream.coded
                uses, least = code.block_uses, code.least_blocks
                layout = CodedLayout(code.payload_bytes, code.mcs, uses, least)
                data = layout.channel_uses
            except (SemlinkError, ZeroDivisionError):
                pass
        if call.frame.HasField("grid") and grid.pilots < grid.rows and grid.subcarriers:
            used = (grid.rows - grid.pilots) * grid.subcarriers
            data = math.ceil(data / used) * grid.rows * grid.subcarriers
        if data > 5000:
            return call
        stream.symbols = data
        gains.count = Gains.count(data, gains.hold or 1)
        noise = np.random.default_rng(index).standard_normal(2 * data).astype("<f4").tobytes()
        symbols.append(pb.SymbolChunk(stream=index, symbols=noise))
        values.append(pb.GainChunk(stream=index, gains=noise[: 8 * gains.count]))
    return replace(call, symbols=symbols, values=values)


def parts(call: Call) -> list[tuple[WireMessage, str]]:
    messages = [call.frame, *call.draws, *call.gains]
    return [found for message in messages for found in fields_of(message)]


edits = st.lists(st.tuples(places, places), min_size=1, max_size=3)


def read_edited(kind: int, edits: list[tuple[int, int]], repaired: bool) -> None:
    call = Call.of(arrival(kind))
    for place, choice in edits:
        fields = parts(call)
        edit(*fields[place % len(fields)], choice)
    try:
        found = (repair(call) if repaired else call).read()
    except SemlinkError:
        return
    if coded_bits(found.frame) < 2000:
        survives(found)


@pytest.mark.parametrize("examples", EXAMPLES)
def test_edited_samples(examples: int) -> None:
    many(examples, st.sampled_from(KINDS[:3]), edits, st.booleans())(read_edited)()


@pytest.mark.parametrize("examples", [100, pytest.param(2_000, marks=pytest.mark.slow)])
def test_edited_codes(examples: int) -> None:
    many(examples, st.sampled_from(KINDS[3:]), edits, st.booleans())(read_edited)()


# What passes and is nonsense


@pytest.mark.parametrize("kind", KINDS[3:])
def test_what_was_sent_arrives(kind: int) -> None:
    arrived = arrival(kind)
    for csi in Csi if arrived.frame.grid else [Csi.PERFECT]:
        received = demodulate(Call.of(arrived).read(), csi)
        assert (received.header, received.bits("tokens").data) == (b"side", b"three")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("noise", "scale", "gain"),
    [
        (0.0, 0.0, 0.0),
        (0.0, 1e6, 1e6),
        (1e-300, 1e6, 1e-9),
        (1.0, 1e-30, 1e-30),
        (1e12, 1e6, 1e-9),
        (1e12, 0.0, 1e6),
    ],
)
def test_garbage_behind_a_valid_head(kind: int, noise: float, scale: float, gain: float) -> None:
    random = np.random.default_rng(1)
    frame, streams = arrival(kind).frame, []
    for stream in frame.streams:
        values = scale * random.uniform(-1, 1, 2 * stream.symbols.size)
        streams.append(replace(stream, symbols=values.astype(np.float32).view(np.complex64)))
    spoilt = propagation(replace(frame, streams=tuple(streams)), noise)
    gains = (replace(g, values=g.values * np.float32(gain)) for g in spoilt.gains)
    survives(Call.of(replace(spoilt, gains=tuple(gains))).read())


def test_garbage_is_no_header() -> None:
    random = np.random.default_rng(2)
    first, *rest = arrival(3).frame.streams
    noise = random.standard_normal(2 * first.symbols.size).astype(np.float32).view(np.complex64)
    frame = replace(arrival(3).frame, streams=(replace(first, symbols=noise), *rest))
    received = demodulate(Call.of(propagation(frame)).read(), Csi.PERFECT)
    assert isinstance(received, Received)
    assert (received.header, received.header_blocks_ok) == (None, (False,))


@pytest.mark.parametrize(
    "header", [b"", b"side", b"side" + bytes(4), b"\5\5\0\0", b"x" * 300, bytes(1)]
)
def test_a_header_that_describes_another_frame(header: bytes) -> None:
    """Its CRC holds; its control information is not that of the frame."""
    foreign = modulate(Message(Scheme.GESCO, header or b"\0", ()), Radio())
    frame = arrival(3).frame
    doctored = replace(frame, streams=(*foreign.streams, *frame.streams[1:]))
    with pytest.raises(CorruptData, match="describes other payloads"):
        demodulate(Call.of(propagation(doctored)).read(), Csi.PERFECT)


def test_estimating_without_pilots() -> None:
    with pytest.raises(InvalidInput, match="csi=estimated"):
        demodulate(Call.of(arrival(0)).read(), Csi.ESTIMATED)
