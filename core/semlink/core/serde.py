"""Our types to wire messages and back. Generated types stop here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar

import numpy as np
from google.protobuf.message import Message as WireMessage

from semlink.core.errors import CorruptData, InvalidInput, TooLarge
from semlink.core.frame import Frame, SamplesLayout, Stream, StreamDraw
from semlink.core.pictures import Size
from semlink.core.schemes import Scheme
from semlink.core.settings import (
    ChannelSettings,
    ReceiverSettings,
    Settings,
    TransmissionSettings,
    validated,
)
from semlink.core.transmission import Transmission
from semlink.protos.v1 import types_pb2 as pb

CHUNK_BYTES = 1 << 20
MAX_CHANNEL_USES = 1 << 24  # 128 MiB of symbols
MAX_STREAMS = 16
MAX_DIMENSIONS = 8
MAX_NAME = 128  # characters of whatever names something in a log
SYMBOL_BYTES = 8

W = TypeVar("W", bound=WireMessage)


def byte_chunks(data: bytes) -> Iterator[bytes]:
    """Runs of at most CHUNK_BYTES; at least one, which may be empty."""
    for start in range(0, max(len(data), 1), CHUNK_BYTES):
        yield data[start : start + CHUNK_BYTES]


# Sizes and identities


def size_to_proto(size: Size) -> pb.Size:
    """Size on the wire."""
    return pb.Size(height=size.height, width=size.width)


def size_from_proto(message: pb.Size) -> Size:
    """Inverse of `size_to_proto`."""
    return Size(message.height, message.width)


def transmission_to_proto(transmission: Transmission) -> pb.Transmission:
    """Identity on the wire."""
    return pb.Transmission(**vars(transmission))


def transmission_from_proto(message: pb.Transmission) -> Transmission:
    """Inverse of `transmission_to_proto`.

    Raises:
        InvalidInput: the identity is long or not printable; it ends up in logs.
    """
    for field in ("transmission_id", "photo_digest"):
        value = getattr(message, field)
        if len(value) > MAX_NAME or not value.isprintable():
            raise InvalidInput(
                f"it is not {MAX_NAME} printable characters at most.",
                field=field,
                value=repr(value[:40]),
                cure="Use hexadecimal digits.",
            )
    return Transmission(message.transmission_id, message.seed, message.photo_digest)


# Settings


def channel_settings_to_proto(settings: ChannelSettings) -> pb.ChannelSettings:
    """The channel's settings on the wire."""
    return pb.ChannelSettings(**settings.model_dump(mode="json"))


def channel_settings_from_proto(message: pb.ChannelSettings) -> ChannelSettings:
    """Inverse of `channel_settings_to_proto`; what is not set takes its default.

    Raises:
        InvalidInput: a value is out of range.
    """
    return validated(ChannelSettings, _fields_set(message))


def receiver_settings_to_proto(settings: ReceiverSettings) -> pb.ReceiverSettings:
    """The receiver's settings on the wire."""
    return pb.ReceiverSettings(**settings.model_dump(mode="json"))


def receiver_settings_from_proto(message: pb.ReceiverSettings) -> ReceiverSettings:
    """Inverse of `receiver_settings_to_proto`, as for the channel's."""
    return validated(ReceiverSettings, _fields_set(message))


def settings_to_proto(settings: TransmissionSettings) -> pb.TransmissionSettings:
    """A transmission's settings on the wire."""
    own = settings.model_dump(mode="json", exclude={"channel", "receiver"})
    return pb.TransmissionSettings(
        **own,
        channel=channel_settings_to_proto(settings.channel),
        receiver=receiver_settings_to_proto(settings.receiver),
    )


def settings_from_proto(message: pb.TransmissionSettings) -> TransmissionSettings:
    """Inverse of `settings_to_proto`, as for the channel's."""
    own = _fields_set(message)
    parts: dict[str, Settings] = {
        "channel": channel_settings_from_proto(message.channel),
        "receiver": receiver_settings_from_proto(message.receiver),
    }
    return validated(TransmissionSettings, own | parts)


def _fields_set(message: WireMessage) -> dict[str, Any]:
    return {
        field.name: value for field, value in message.ListFields() if field.message_type is None
    }


# Frames


def frame_head_to_proto(frame: Frame) -> pb.FrameHead:
    """Everything of a frame but its symbols."""
    streams = [
        pb.StreamHead(
            name=stream.name,
            channel_uses=stream.symbols.size,
            peak=stream.peak,
            mean_power=stream.mean_power,
            samples=pb.SamplesLayout(shape=stream.layout.shape),
        )
        for stream in frame.streams
    ]
    return pb.FrameHead(scheme=frame.scheme, header=frame.header, streams=streams)


def symbol_chunks(frame: Frame) -> Iterator[pb.SymbolChunk]:
    """The symbols of a frame, stream by stream, in chunks of at most CHUNK_BYTES."""
    for index, stream in enumerate(frame.streams):
        data = np.ascontiguousarray(stream.symbols, dtype="<c8").view(np.uint8)
        for start in range(0, len(data), CHUNK_BYTES):
            yield pb.SymbolChunk(stream=index, symbols=data[start : start + CHUNK_BYTES].tobytes())


class FrameAssembler:
    """Collects the chunks of one frame.

    Args:
        head: announces the streams; memory is bounded by what it says, and that by
            MAX_CHANNEL_USES.

    Raises:
        TooLarge: the head announces more than the bounds.
        CorruptData: the head is inconsistent.
    """

    def __init__(self, head: pb.FrameHead):
        uses = sum(stream.channel_uses for stream in head.streams)
        if uses > MAX_CHANNEL_USES or len(head.streams) > MAX_STREAMS:
            raise TooLarge(
                f"the frame exceeds {MAX_CHANNEL_USES} channel uses or {MAX_STREAMS} streams.",
                field="frame",
                value=f"{uses} channel uses",
                cure="Send a smaller picture.",
            )
        self._head = head
        self._layouts = [_layout(stream) for stream in head.streams]
        if len({stream.name for stream in head.streams}) < len(head.streams):
            raise _bad_frame("two streams have one name, which would give them one draw")
        self._buffers = [bytearray() for _ in head.streams]

    def add(self, chunk: pb.SymbolChunk) -> None:
        """Takes the next chunk.

        Raises:
            CorruptData: it belongs to no stream, or brings more than was announced.
        """
        if chunk.stream >= len(self._buffers):
            raise _bad_frame(f"there is no stream {chunk.stream}")
        buffer = self._buffers[chunk.stream]
        buffer += chunk.symbols
        if len(buffer) > self._head.streams[chunk.stream].channel_uses * SYMBOL_BYTES:
            raise _bad_frame(f"stream {chunk.stream} brings more symbols than announced")

    def frame(self) -> Frame:
        """The frame, when all chunks are in.

        Raises:
            CorruptData: symbols are missing or not finite, or the scheme is unknown.
        """
        streams = tuple(self._stream(index) for index in range(len(self._buffers)))
        if self._head.scheme not in list(Scheme):
            raise _bad_frame(f"its scheme {self._head.scheme[:40]!r} is unknown here")
        return Frame(Scheme(self._head.scheme), self._head.header, streams)

    def _stream(self, index: int) -> Stream:
        head, buffer = self._head.streams[index], self._buffers[index]
        if len(buffer) != head.channel_uses * SYMBOL_BYTES:
            raise _bad_frame(f"stream {index} lacks symbols")
        symbols = np.frombuffer(buffer, dtype="<c8").astype(np.complex64)
        if not np.isfinite(symbols).all():
            raise _bad_frame(f"stream {index} has symbols that are not finite")
        return Stream(head.name, symbols, head.peak, head.mean_power, self._layouts[index])


def _layout(head: pb.StreamHead) -> SamplesLayout:
    layout = SamplesLayout(tuple(head.samples.shape))
    if not 0 < len(head.name) <= MAX_NAME or len(layout.shape) > MAX_DIMENSIONS:
        raise _bad_frame("the name or the shape of a stream is out of bounds")
    if not 0 < layout.channel_uses == head.channel_uses:
        raise _bad_frame(f"the shape of stream {head.name[:40]!r} does not fit its symbols")
    if not (0.0 < head.peak < 1e6 and 0.0 <= head.mean_power < 1e12):
        raise _bad_frame(f"the power of stream {head.name[:40]!r} is out of bounds")
    return layout


def _bad_frame(reason: str) -> CorruptData:
    return CorruptData(
        f"{reason}.", field="frame", cure="Use the same version on both ends of the link."
    )


def draw_to_proto(draw: StreamDraw) -> pb.StreamDraw:
    """A channel draw on the wire."""
    return pb.StreamDraw(**vars(draw))


def draw_from_proto(message: pb.StreamDraw) -> StreamDraw:
    """Inverse of `draw_to_proto`."""
    return StreamDraw(
        name=message.name,
        noise_power=message.noise_power,
        measured_noise_power=message.measured_noise_power,
        measured_snr_db=message.measured_snr_db,
        measured_psnr_db=message.measured_psnr_db,
    )
