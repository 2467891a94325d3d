from __future__ import annotations

import math
from dataclasses import replace
from typing import Literal

import numpy as np
import pytest

from semlink.core.errors import CorruptData, TooLarge
from semlink.core.frame import Frame, Stream
from semlink.core.frame_heads import (
    MAX_DIMENSIONS,
    MAX_STREAMS,
    MAX_SYMBOLS,
)
from semlink.core.frame_serde import (
    FrameAssembler,
    PropagationAssembler,
    frame_head_to_proto,
    symbol_chunks,
)
from semlink.core.phy.layouts import MAX_CODED_BITS, CodedLayout, SamplesLayout, coded_layout
from semlink.core.schemes import Scheme
from semlink.core.serde import MAX_NAME
from semlink.protos.v1 import types_pb2 as pb

MAP = Stream("map", np.ones(2, np.complex64), 1.0, 1.0, SamplesLayout((2, 2)))
CODE = coded_layout(5, "qpsk-1/2")
TOKENS = Stream("tokens", np.ones(CODE.channel_uses, np.complex64), None, 1.0, CODE)
FRAME = Frame(Scheme.GESCO, b"side", (MAP, TOKENS))


def head(frame: Frame = FRAME) -> pb.FrameHead:
    return frame_head_to_proto(frame)


def test_a_head_may_not_announce_too_much() -> None:
    many = [pb.StreamHead(name=str(index)) for index in range(MAX_STREAMS + 1)]
    with pytest.raises(TooLarge, match=r"frame=17: .*16 streams"):
        FrameAssembler(pb.FrameHead(scheme="gesco", streams=many))
    for symbols in (MAX_SYMBOLS + 1, 2**64 - 1):
        huge = [pb.StreamHead(name="a", symbols=symbols)]
        with pytest.raises(TooLarge, match=f"{MAX_SYMBOLS} symbols"):
            FrameAssembler(pb.FrameHead(scheme="gesco", streams=huge))


def of_bits(*coded_bits: int) -> pb.FrameHead:
    """Head of a frame whose streams have about so many coded bits."""
    layouts = [coded_layout(bits // 18, "16qam-1/2", bits // 4) for bits in coded_bits]
    empty = np.empty(0, np.complex64)
    streams = [Stream(f"p{i}", empty, None, 1.0, layout) for i, layout in enumerate(layouts)]
    message = head(Frame(Scheme.WEBP, b"", tuple(streams)))
    for stream, layout in zip(message.streams, layouts, strict=True):
        stream.symbols = layout.channel_uses
    return message


def test_coded_bits_have_a_bound_of_their_own() -> None:
    half = MAX_CODED_BITS // 2
    FrameAssembler(of_bits(half, half))
    for bits in ([half, half + 20_000], [MAX_CODED_BITS + 20_000]):
        with pytest.raises(TooLarge, match=f"{MAX_CODED_BITS} coded bits"):
            FrameAssembler(of_bits(*bits))


@pytest.mark.parametrize(
    "changes",
    [
        pb.StreamHead(name="x" * (MAX_NAME + 1)),
        pb.StreamHead(name="two\nlines"),
        pb.StreamHead(symbols=3),
        pb.StreamHead(samples=pb.SamplesLayout(shape=[2])),  # appended: 2 x 2 x 2
        pb.StreamHead(samples=pb.SamplesLayout(shape=[0])),
        pb.StreamHead(samples=pb.SamplesLayout(shape=[2**32 - 1] * 6)),
        pb.StreamHead(samples=pb.SamplesLayout(shape=[1] * MAX_DIMENSIONS)),
        pb.StreamHead(coded=pb.CodedLayout(payload_bytes=1, mcs="qpsk-1/2", block_uses=2)),
        *(pb.StreamHead(peak=peak) for peak in (-1.0, 0.0, 1e4, math.inf, math.nan)),
        *(pb.StreamHead(mean_power=p) for p in (-1.0, 1e-300, 1e7, math.inf, math.nan)),
    ],
)
def test_inconsistent_samples_are_refused(changes: pb.StreamHead) -> None:
    message = head()
    message.streams[0].MergeFrom(changes)
    with pytest.raises(CorruptData):
        FrameAssembler(message)


@pytest.mark.parametrize(
    "changes",
    [
        pb.StreamHead(peak=1.0),
        pb.StreamHead(symbols=CODE.channel_uses + 1),
        *(
            pb.StreamHead(coded=changes)
            for changes in (
                pb.CodedLayout(mcs="qpsk-9/10"),
                pb.CodedLayout(payload_bytes=1 << 20),
                pb.CodedLayout(payload_bytes=2**32 - 1),
                pb.CodedLayout(block_uses=1),
                pb.CodedLayout(block_uses=2**32 - 1),
            )
        ),
    ],
)
def test_inconsistent_codes_are_refused(changes: pb.StreamHead) -> None:
    message = head()
    message.streams[1].MergeFrom(changes)
    with pytest.raises(CorruptData):
        FrameAssembler(message)


@pytest.mark.parametrize("field", ["name", "peak", "symbols", "samples"])
def test_incomplete_heads_are_refused(
    field: Literal["name", "peak", "symbols", "samples"],
) -> None:
    message = head()
    message.streams[0].ClearField(field)
    with pytest.raises(CorruptData):
        FrameAssembler(message)


@pytest.mark.parametrize("field", ["payload_bytes", "mcs", "block_uses"])
def test_incomplete_codes_are_refused(
    field: Literal["payload_bytes", "mcs", "block_uses"],
) -> None:
    message = head()
    message.streams[1].coded.ClearField(field)
    with pytest.raises(CorruptData, match="code of stream 'tokens' is impossible"):
        FrameAssembler(message)


@pytest.mark.parametrize(
    "grid",
    [
        pb.ResourceGrid(),
        pb.ResourceGrid(rows=0, subcarriers=1),
        pb.ResourceGrid(rows=8, subcarriers=0),
        pb.ResourceGrid(rows=8, subcarriers=1, pilots=8),
        pb.ResourceGrid(rows=8, subcarriers=2),  # no carrier is alone, yet no spacing
        pb.ResourceGrid(rows=13, subcarriers=12, subcarrier_spacing_hz=15e3),
        pb.ResourceGrid(rows=14, subcarriers=3301, subcarrier_spacing_hz=15e3),
        pb.ResourceGrid(rows=14, subcarriers=2**32 - 1, subcarrier_spacing_hz=15e3),
        pb.ResourceGrid(rows=2**32 - 1, subcarriers=1),
        pb.ResourceGrid(rows=1 << 20, subcarriers=1, pilots=1 << 19),
        *(pb.ResourceGrid(rows=8, subcarriers=1, doppler_hz=x) for x in (-1, math.nan, 1e300)),
        *(pb.ResourceGrid(rows=8, subcarriers=1, delay_spread_s=x) for x in (-1, math.nan, 1.0)),
        pb.ResourceGrid(rows=8, subcarriers=1, subcarrier_spacing_hz=-1.0),
        pb.ResourceGrid(rows=14, subcarriers=1, subcarrier_spacing_hz=math.inf),
    ],
)
def test_impossible_grids_are_refused(grid: pb.ResourceGrid) -> None:
    message = head()
    message.grid.CopyFrom(grid)
    with pytest.raises(CorruptData, match=r"slot|pilot|statistics"):
        FrameAssembler(message)


def test_two_streams_of_one_name_are_refused() -> None:
    message = head()
    message.streams[1].name = message.streams[0].name
    with pytest.raises(CorruptData, match="one name"):
        FrameAssembler(message)


def renamed(stream: Stream) -> Stream:
    return replace(stream, name="header")


@pytest.mark.parametrize(
    "frame",
    [
        Frame(Scheme.GESCO, b"", ()),
        Frame(Scheme.GESCO, None, ()),
        Frame(Scheme.GESCO, None, (TOKENS,)),
        Frame(Scheme.GESCO, None, (MAP, renamed(TOKENS))),
        Frame(Scheme.GESCO, None, (renamed(MAP),)),
        Frame(Scheme.GESCO, b"", (renamed(TOKENS),)),
    ],
)
def test_a_frame_has_one_header(frame: Frame) -> None:
    with pytest.raises(CorruptData, match="header"):
        FrameAssembler(head(frame))


def test_an_unknown_scheme_is_refused_before_symbols_come() -> None:
    message = head()
    message.scheme = "telepathy"
    with pytest.raises(CorruptData, match="'telepathy' is unknown"):
        FrameAssembler(message)


GAINS = [pb.GainsHead(count=1, hold=1 << 40)] * 2
DRAWS = [pb.StreamDraw(name="map"), pb.StreamDraw(name="tokens")]


@pytest.mark.parametrize(
    ("draws", "gains"),
    [
        (DRAWS[:1], GAINS),
        (DRAWS[::-1], GAINS),
        (DRAWS, GAINS[:1]),
        (DRAWS, GAINS * 2),
        (DRAWS, [pb.GainsHead(count=1, hold=0), GAINS[1]]),
        (DRAWS, [pb.GainsHead(count=2, hold=2), GAINS[1]]),
        (DRAWS, [pb.GainsHead(count=1, hold=1), GAINS[1]]),
        (DRAWS, [pb.GainsHead(count=2**64 - 1, hold=1), GAINS[1]]),
    ],
)
def test_draws_and_gains_are_those_of_the_streams(
    draws: list[pb.StreamDraw], gains: list[pb.GainsHead]
) -> None:
    PropagationAssembler(head(), DRAWS, GAINS)
    with pytest.raises(CorruptData, match=r"one draw and one gain|do not fit"):
        PropagationAssembler(head(), draws, gains)


def test_every_layout_that_we_make_may_travel() -> None:
    for payload_bytes in (1, 2, 30, 31, 478, 479, 1000, 1053, 1054, 20_000):
        for mcs in ("qpsk-1/5", "qpsk-1/3", "16qam-1/3", "64qam-5/6", "256qam-2/3"):
            for granted in (None, 10**9):
                layout = coded_layout(payload_bytes, mcs, granted)
                stream = replace(TOKENS, layout=layout, symbols=np.empty(0, np.complex64))
                message = head(Frame(Scheme.WEBP, b"", (stream,)))
                message.streams[0].symbols = layout.channel_uses
                FrameAssembler(message)


def test_layouts_are_what_was_announced() -> None:
    assembled = FrameAssembler(head())
    for chunk in symbol_chunks(FRAME):
        assembled.add(chunk)
    layouts = [stream.layout for stream in assembled.frame().streams]
    assert layouts == [SamplesLayout((2, 2)), CodedLayout(5, "qpsk-1/2", CODE.block_uses)]
