"""Frames and what the channel made of them to wire messages and back."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace

import numpy as np
from jaxtyping import Complex64

from semlink.core.frame import Frame, Gains, Propagation, Stream, StreamDraw
from semlink.core.frame_heads import announced_frame, bad_frame, check_gains
from semlink.core.phy.layouts import CodedLayout, SamplesLayout
from semlink.core.serde import CHUNK_BYTES, scalars
from semlink.protos.v1 import types_pb2 as pb

SYMBOL_BYTES = 8
MAX_AMPLITUDE = 1e6  # of symbols and gains, per real dimension
MAX_NOISE_POWER = 1e12


# To the wire


def frame_head_to_proto(frame: Frame) -> pb.FrameHead:
    """Everything of a frame but its symbols."""
    return pb.FrameHead(
        scheme=frame.scheme,
        header=frame.header,
        streams=[_stream_head(stream) for stream in frame.streams],
        grid=pb.ResourceGrid(**asdict(frame.grid)) if frame.grid else None,
    )


def symbol_chunks(frame: Frame) -> Iterator[pb.SymbolChunk]:
    """The symbols of a frame, stream by stream, in chunks of at most CHUNK_BYTES."""
    for index, stream in enumerate(frame.streams):
        for data in _chunks(stream.symbols):
            yield pb.SymbolChunk(stream=index, symbols=data)


def gains_head_to_proto(gains: Gains) -> pb.GainsHead:
    """Everything of a stream's gains but their values."""
    return pb.GainsHead(count=gains.values.size, hold=gains.hold)


def gain_chunks(gains: Sequence[Gains]) -> Iterator[pb.GainChunk]:
    """The gains of all streams, in chunks of at most CHUNK_BYTES."""
    for index, stream in enumerate(gains):
        for data in _chunks(stream.values):
            yield pb.GainChunk(stream=index, gains=data)


def draw_to_proto(draw: StreamDraw) -> pb.StreamDraw:
    """A channel draw on the wire."""
    return pb.StreamDraw(**asdict(draw))


def complex_bytes(values: Complex64[np.ndarray, "values"]) -> bytes:
    """Little-endian float32, real and imaginary part in turn."""
    return np.ascontiguousarray(values, dtype="<c8").tobytes()


def _chunks(values: Complex64[np.ndarray, "values"]) -> Iterator[bytes]:
    for start in range(0, values.size, CHUNK_BYTES // SYMBOL_BYTES):
        yield complex_bytes(values[start : start + CHUNK_BYTES // SYMBOL_BYTES])


def _stream_head(stream: Stream) -> pb.StreamHead:
    head = pb.StreamHead(
        name=stream.name,
        symbols=stream.symbols.size,
        peak=stream.peak,
        mean_power=stream.mean_power,
    )
    match stream.layout:
        case SamplesLayout(shape):
            head.samples.CopyFrom(pb.SamplesLayout(shape=shape))
        case CodedLayout() as layout:
            head.coded.CopyFrom(pb.CodedLayout(**asdict(layout)))
    return head


# From the wire


class FrameAssembler:
    """Collects the chunks of one frame.

    Args:
        head: announces the streams. Memory is taken as the symbols come, and bounded by the head.

    Raises:
        TooLarge, CorruptData: as `frame_heads.announced_frame`.
    """

    def __init__(self, head: pb.FrameHead):
        self._frame = announced_frame(head)
        self._symbols = _Values("stream", [stream.symbols for stream in head.streams])

    def add(self, chunk: pb.SymbolChunk) -> None:
        """Takes the next chunk.

        Raises:
            CorruptData: it belongs to no stream, or brings more than was announced.
        """
        self._symbols.add(chunk.stream, chunk.symbols)

    def frame(self) -> Frame:
        """The frame, once all chunks are in; it has the assembler's memory for its own.

        Raises:
            CorruptData: symbols are missing, not finite, or beyond MAX_AMPLITUDE.
        """
        streams = enumerate(self._frame.streams)
        filled = (replace(stream, symbols=self._symbols.array(i)) for i, stream in streams)
        return replace(self._frame, streams=tuple(filled))


class PropagationAssembler:
    """Collects what arrives behind a channel: a frame, then the gains.

    Args:
        frame: head of the frame.
        draws: of its streams.
        gains: heads of its streams' gains.

    Raises:
        TooLarge, CorruptData: as `FrameAssembler`; or draws and gains are not those of the
            streams, or out of bounds.
    """

    def __init__(
        self,
        frame: pb.FrameHead,
        draws: Sequence[pb.StreamDraw],
        gains: Sequence[pb.GainsHead],
    ):
        self._frame = FrameAssembler(frame)
        self._draws = tuple(draw_from_proto(draw) for draw in draws)
        names = [stream.name for stream in frame.streams]
        if [draw.name for draw in draws] != names or len(gains) != len(names):
            raise bad_frame(f"{len(names)} streams do not have one draw and one gain each")
        for stream, head in zip(frame.streams, gains, strict=True):
            check_gains(stream, head)
        self._holds = [head.hold for head in gains]
        self._gains = _Values("gains of stream", [head.count for head in gains])

    def add_symbols(self, chunk: pb.SymbolChunk) -> None:
        """Takes the next symbols, as `FrameAssembler.add`."""
        self._frame.add(chunk)

    def add_gains(self, chunk: pb.GainChunk) -> None:
        """Takes the next gains.

        Raises:
            CorruptData: they belong to no stream, or are more than was announced.
        """
        self._gains.add(chunk.stream, chunk.gains)

    def propagation(self) -> Propagation:
        """All of it, once all chunks are in.

        Raises:
            CorruptData: as `FrameAssembler.frame`, for the gains as well.
        """
        gains = (Gains(self._gains.array(i), hold) for i, hold in enumerate(self._holds))
        return Propagation(self._frame.frame(), self._draws, tuple(gains))


class _Values:
    """Complex numbers of several streams, of announced lengths, as they come in."""

    def __init__(self, what: str, counts: Sequence[int]):
        self._what = what
        self._counts = counts
        self._buffers = [bytearray() for _ in counts]

    def add(self, stream: int, data: bytes) -> None:
        if stream >= len(self._buffers):
            raise bad_frame(f"there is no stream {stream}")
        buffer = self._buffers[stream]
        if len(buffer) + len(data) > self._counts[stream] * SYMBOL_BYTES:
            raise bad_frame(f"{self._what} {stream} brings more symbols than announced")
        buffer += data

    def array(self, stream: int) -> Complex64[np.ndarray, "values"]:
        buffer = self._buffers[stream]
        if len(buffer) != self._counts[stream] * SYMBOL_BYTES:
            raise bad_frame(f"{self._what} {stream} lacks symbols")
        values = np.frombuffer(buffer, dtype="<c8").astype(np.complex64, copy=False)
        parts = values.view(np.float32)
        with np.errstate(invalid="ignore"):  # a NaN makes the comparison false
            bounded = -MAX_AMPLITUDE <= parts.min() and parts.max() <= MAX_AMPLITUDE
        if not bounded:
            raise bad_frame(f"{self._what} {stream} has symbols that are out of bounds")
        return values


def draw_from_proto(message: pb.StreamDraw) -> StreamDraw:
    """Inverse of `draw_to_proto`.

    Raises:
        CorruptData: a noise power is not within 0 .. MAX_NOISE_POWER, or a level is no number.
    """
    draw = StreamDraw(**scalars(message))
    for power in (draw.noise_power, draw.measured_noise_power):
        if not 0.0 <= power <= MAX_NOISE_POWER:
            raise bad_frame(f"the noise power {power:g} is out of bounds")
    levels = (draw.measured_snr_db, draw.measured_psnr_db, draw.measured_gain_db)
    if any(math.isnan(level) for level in levels):
        raise bad_frame("a measured level is not a number")
    return draw
