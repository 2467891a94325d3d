"""Frames and what the channel made of them to wire messages and back."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import Complex64

from semlink.core.errors import CorruptData, InvalidInput, TooLarge
from semlink.core.frame import Frame, Gains, Layout, Propagation, Stream, StreamDraw
from semlink.core.phy.grid import ResourceGrid
from semlink.core.phy.layouts import CodedLayout, SamplesLayout, check_coded
from semlink.core.schemes import Scheme
from semlink.core.serde import CHUNK_BYTES, MAX_NAME
from semlink.protos.v1 import types_pb2 as pb

MAX_SYMBOLS = 1 << 24  # of a frame: 128 MiB
MAX_STREAMS = 16
MAX_DIMENSIONS = 8
MAX_ROWS = 1 << 20
MAX_SUBCARRIERS = 3300
SYMBOL_BYTES = 8


# To the wire


def frame_head_to_proto(frame: Frame) -> pb.FrameHead:
    """Everything of a frame but its symbols."""
    return pb.FrameHead(
        scheme=frame.scheme,
        header=frame.header,
        streams=[_stream_head(stream) for stream in frame.streams],
        grid=pb.ResourceGrid(**vars(frame.grid)) if frame.grid else None,
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
    return pb.StreamDraw(**vars(draw))


def _stream_head(stream: Stream) -> pb.StreamHead:
    head = pb.StreamHead(
        name=stream.name,
        symbols=stream.symbols.size,
        peak=stream.peak,
        mean_power=stream.mean_power,
    )
    match stream.layout:
        case SamplesLayout(shape):
            head.samples.shape.extend(shape)
        case CodedLayout(payload_bytes, mcs, block_uses):
            coded = pb.CodedLayout(payload_bytes=payload_bytes, mcs=mcs, block_uses=block_uses)
            head.coded.CopyFrom(coded)
    return head


def _chunks(values: Complex64[np.ndarray, "values"]) -> Iterator[bytes]:
    data = np.ascontiguousarray(values, dtype="<c8").view(np.uint8)
    for start in range(0, len(data), CHUNK_BYTES):
        yield data[start : start + CHUNK_BYTES].tobytes()


# From the wire


class FrameAssembler:
    """Collects the chunks of one frame.

    Args:
        head: announces the streams; memory is bounded by what it says, and that by MAX_SYMBOLS.

    Raises:
        TooLarge: the head announces more than the bounds.
        CorruptData: the head is inconsistent.
    """

    def __init__(self, head: pb.FrameHead):
        symbols = sum(stream.symbols for stream in head.streams)
        if symbols > MAX_SYMBOLS or len(head.streams) > MAX_STREAMS:
            raise TooLarge(
                f"the frame exceeds {MAX_SYMBOLS} symbols or {MAX_STREAMS} streams.",
                field="frame",
                value=f"{symbols} symbols",
                cure="Send a smaller picture.",
            )
        self._head = head
        self._grid = _grid(head.grid) if head.HasField("grid") else None
        self._layouts = [_layout(stream, self._grid) for stream in head.streams]
        if len({stream.name for stream in head.streams}) < len(head.streams):
            raise bad_frame("two streams have one name, which would give them one draw")
        self._values = _Values("stream", [stream.symbols for stream in head.streams])

    def add(self, chunk: pb.SymbolChunk) -> None:
        """Takes the next chunk.

        Raises:
            CorruptData: it belongs to no stream, or brings more than was announced.
        """
        self._values.add(chunk.stream, chunk.symbols)

    def frame(self) -> Frame:
        """The frame, when all chunks are in.

        Raises:
            CorruptData: symbols are missing or not finite, or the scheme is unknown.
        """
        if self._head.scheme not in list(Scheme):
            raise bad_frame(f"its scheme {self._head.scheme[:40]!r} is unknown here")
        streams = tuple(
            Stream(
                head.name,
                self._values.array(index),
                head.peak if head.HasField("peak") else None,
                head.mean_power,
                layout,
            )
            for index, (head, layout) in enumerate(
                zip(self._head.streams, self._layouts, strict=True)
            )
        )
        header = self._head.header if self._head.HasField("header") else None
        return Frame(Scheme(self._head.scheme), header, streams, self._grid)


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
            if not head.hold or head.count != Gains.count(stream.symbols, head.hold):
                raise bad_frame(f"the gains of stream {stream.name[:40]!r} do not fit it")
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
        """All of it, when all chunks are in.

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
        values = np.frombuffer(buffer, dtype="<c8").astype(np.complex64)
        if not np.isfinite(values).all():
            raise bad_frame(f"{self._what} {stream} has symbols that are not finite")
        return values


def draw_from_proto(message: pb.StreamDraw) -> StreamDraw:
    """Inverse of `draw_to_proto`.

    Raises:
        CorruptData: a noise power is negative, infinite or not a number.
    """
    for power in (message.noise_power, message.measured_noise_power):
        if not 0.0 <= power < math.inf:
            raise bad_frame(f"the noise power {power:g} is out of bounds")
    return StreamDraw(
        name=message.name,
        noise_power=message.noise_power,
        measured_noise_power=message.measured_noise_power,
        measured_snr_db=message.measured_snr_db,
        measured_psnr_db=message.measured_psnr_db,
        measured_gain_db=message.measured_gain_db,
    )


def _grid(message: pb.ResourceGrid) -> ResourceGrid:
    statistics = (message.subcarrier_spacing_hz, message.delay_spread_s, message.doppler_hz)
    sizes_fit = 0 < message.rows <= MAX_ROWS and 0 < message.subcarriers <= MAX_SUBCARRIERS
    if not sizes_fit or message.pilots >= message.rows:
        raise bad_frame("the resource grid is out of bounds")
    if message.rows * message.subcarriers > MAX_SYMBOLS:
        raise bad_frame("a slot of the resource grid is out of bounds")
    if not all(0.0 <= value < 1e9 for value in statistics):
        raise bad_frame("the statistics of the resource grid are out of bounds")
    return ResourceGrid(message.rows, message.subcarriers, message.pilots, *statistics)


def _layout(head: pb.StreamHead, grid: ResourceGrid | None) -> Layout:
    name = repr(head.name[:40])
    if not 0 < len(head.name) <= MAX_NAME:
        raise bad_frame("the name of a stream is out of bounds")
    if not 0.0 <= head.mean_power < 1e12:
        raise bad_frame(f"the power of stream {name} is out of bounds")
    layout = _coded(head) if head.WhichOneof("layout") == "coded" else _samples(head)
    data = layout.channel_uses
    symbols = grid.slots(data) * grid.size if grid else data
    if not 0 < symbols == head.symbols:
        raise bad_frame(f"the layout of stream {name} does not fit its symbols")
    return layout


def _samples(head: pb.StreamHead) -> SamplesLayout:
    if len(head.samples.shape) > MAX_DIMENSIONS:
        raise bad_frame("the shape of a stream is out of bounds")
    if not (head.HasField("peak") and 0.0 < head.peak < 1e6):
        raise bad_frame(f"the peak of stream {head.name[:40]!r} is out of bounds")
    return SamplesLayout(tuple(head.samples.shape))


def _coded(head: pb.StreamHead) -> CodedLayout:
    layout = CodedLayout(head.coded.payload_bytes, head.coded.mcs, head.coded.block_uses)
    try:
        check_coded(layout)
    except InvalidInput as error:
        raise bad_frame(f"the code of stream {head.name[:40]!r} is impossible") from error
    return layout


def bad_frame(reason: str) -> CorruptData:
    """The error for a frame that does not follow the format."""
    return CorruptData(
        f"{reason}.", field="frame", cure="Use the same version on both ends of the link."
    )
