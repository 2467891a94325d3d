from __future__ import annotations

import math
import tracemalloc
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DataObject, SearchStrategy

from semlink.core.errors import CorruptData
from semlink.core.frame import Frame, Gains, Propagation, Stream, StreamDraw
from semlink.core.frame_heads import (
    MAX_SYMBOLS,
)
from semlink.core.frame_serde import (
    MAX_AMPLITUDE,
    MAX_NOISE_POWER,
    FrameAssembler,
    PropagationAssembler,
    draw_from_proto,
    draw_to_proto,
    frame_head_to_proto,
    gain_chunks,
    gains_head_to_proto,
    symbol_chunks,
)
from semlink.core.phy.layouts import SamplesLayout, coded_layout
from semlink.core.schemes import Scheme
from semlink.core.serde import CHUNK_BYTES
from semlink.protos.v1 import types_pb2 as pb

Same = Callable[[Propagation, Propagation], bool]
MAP = Stream("map", np.ones(2, np.complex64), 1.0, 1.0, SamplesLayout((2, 2)))
CODE = coded_layout(5, "qpsk-1/2")
TOKENS = Stream("tokens", np.ones(CODE.channel_uses, np.complex64), None, 1.0, CODE)
FRAME = Frame(Scheme.GESCO, b"side", (MAP, TOKENS))


def head(frame: Frame = FRAME) -> pb.FrameHead:
    return frame_head_to_proto(frame)


def over_the_wire(sent: Propagation) -> Propagation:
    frame = sent.frame
    assembler = PropagationAssembler(
        pb.FrameHead.FromString(frame_head_to_proto(frame).SerializeToString()),
        [draw_to_proto(draw) for draw in sent.draws],
        [gains_head_to_proto(gains) for gains in sent.gains],
    )
    for symbols in symbol_chunks(frame):
        assembler.add_symbols(pb.SymbolChunk.FromString(symbols.SerializeToString()))
    for gains in gain_chunks(sent.gains):
        assembler.add_gains(pb.GainChunk.FromString(gains.SerializeToString()))
    return assembler.propagation()


@settings(max_examples=200)
@given(st.data())
def test_round_trip(
    propagations: SearchStrategy[Propagation], same_propagation: Same, data: DataObject
) -> None:
    sent = data.draw(propagations)
    assert same_propagation(over_the_wire(sent), sent)


def test_chunks_are_bounded_and_in_order() -> None:
    uses = 3 * CHUNK_BYTES // 8 + 1
    large = replace(MAP, symbols=np.arange(uses).astype(np.complex64))
    chunks = list(symbol_chunks(replace(FRAME, streams=(large, TOKENS))))
    assert max(len(chunk.symbols) for chunk in chunks) == CHUNK_BYTES
    assert [chunk.stream for chunk in chunks] == [0, 0, 0, 0, 1]
    joined = b"".join(chunk.symbols for chunk in chunks[:4])
    np.testing.assert_array_equal(np.frombuffer(joined, "<c8"), large.symbols)


def test_the_gain_of_every_symbol() -> None:
    gains = Gains(np.array([1, 2, 3], np.complex64), 2)
    np.testing.assert_array_equal(gains.per_symbol(5), [1, 1, 2, 2, 3])
    assert [Gains.count(symbols, 2) for symbols in (1, 2, 5)] == [1, 1, 3]
    forever = Gains(np.ones(1, np.complex64), 1 << 62)
    assert forever.per_symbol(5).size == 5


finite = st.floats(0, MAX_NOISE_POWER)


@given(finite, finite, st.floats(allow_nan=False))
def test_draw(power: float, measured: float, level_db: float) -> None:
    draw = StreamDraw("map", power, measured, level_db, -level_db, level_db)
    assert draw_from_proto(draw_to_proto(draw)) == draw


@pytest.mark.parametrize("power", [-1.0, math.nan, math.inf, 2 * MAX_NOISE_POWER])
def test_impossible_noise_powers(power: float) -> None:
    for draw in (pb.StreamDraw(noise_power=power), pb.StreamDraw(measured_noise_power=power)):
        with pytest.raises(CorruptData, match=r"noise power .* out of bounds"):
            draw_from_proto(draw)


def test_measured_levels_are_numbers() -> None:
    with pytest.raises(CorruptData, match="measured level"):
        draw_from_proto(pb.StreamDraw(measured_gain_db=math.nan))


def test_memory_is_taken_as_symbols_come() -> None:
    message = head(replace(FRAME, streams=(MAP,)))
    message.streams[0].symbols = MAX_SYMBOLS
    message.streams[0].samples.shape[:] = [2, MAX_SYMBOLS]
    draws = [pb.StreamDraw(name="map")]
    gains = [pb.GainsHead(count=MAX_SYMBOLS, hold=1)]
    chunk = pb.SymbolChunk(symbols=bytes(CHUNK_BYTES))
    tracemalloc.start()
    try:
        assembler = PropagationAssembler(message, draws, gains)
        assert tracemalloc.get_traced_memory()[1] < 100_000
        assembler.add_symbols(chunk)
        assert tracemalloc.get_traced_memory()[1] < 2.5 * CHUNK_BYTES
    finally:
        tracemalloc.stop()


def test_a_frame_takes_its_size_and_little_more() -> None:
    uses = 1 << 20
    message = head(replace(FRAME, streams=(replace(MAP, layout=SamplesLayout((2 * uses,))),)))
    message.streams[0].symbols = uses
    assembler = FrameAssembler(message)
    tracemalloc.start()
    try:
        for _ in range(8 * uses // CHUNK_BYTES):
            assembler.add(pb.SymbolChunk(symbols=bytes(CHUNK_BYTES)))
        assert assembler.frame().streams[0].symbols.size == uses
        assert tracemalloc.get_traced_memory()[1] < 1.5 * 8 * uses
    finally:
        tracemalloc.stop()


def test_chunks_that_do_not_belong_are_refused() -> None:
    assembler = FrameAssembler(head())
    with pytest.raises(CorruptData, match="no stream 2"):
        assembler.add(pb.SymbolChunk(stream=2, symbols=bytes(8)))
    with pytest.raises(CorruptData, match="more symbols"):
        assembler.add(pb.SymbolChunk(stream=0, symbols=bytes(24)))


@pytest.mark.parametrize("count", [0, 1, 8, 15])
def test_missing_symbols_are_noticed(count: int) -> None:
    assembler = FrameAssembler(head())
    assembler.add(pb.SymbolChunk(stream=0, symbols=bytes(count)))
    with pytest.raises(CorruptData, match="lacks symbols"):
        assembler.frame()


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 2 * MAX_AMPLITUDE])
def test_symbols_and_gains_are_bounded(value: float) -> None:
    symbols = np.array([value, 1], np.complex64)
    hostile = replace(FRAME, header=b"", streams=(replace(MAP, symbols=symbols),))
    draws = (StreamDraw("map", 0.0, 0.0, 0.0, 0.0, 0.0),)
    with pytest.raises(CorruptData, match="stream 0 has symbols that are out of bounds"):
        over_the_wire(Propagation(hostile, draws, (Gains(np.ones(1, np.complex64), 2),)))
    with pytest.raises(CorruptData, match="gains of stream 0"):
        over_the_wire(Propagation(replace(FRAME, streams=(MAP,)), draws, (Gains(symbols, 1),)))


GAINS = [pb.GainsHead(count=1, hold=1 << 40)] * 2
DRAWS = [pb.StreamDraw(name="map"), pb.StreamDraw(name="tokens")]


def test_gains_that_do_not_belong_are_refused() -> None:
    assembler = PropagationAssembler(head(), DRAWS, GAINS)
    with pytest.raises(CorruptData, match="gains of stream 1 brings more"):
        assembler.add_gains(pb.GainChunk(stream=1, gains=bytes(16)))
    for chunk in symbol_chunks(FRAME):
        assembler.add_symbols(chunk)
    with pytest.raises(CorruptData, match="gains of stream 0 lacks"):
        assembler.propagation()
