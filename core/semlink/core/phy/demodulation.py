"""From received symbols to bytes and samples."""

from __future__ import annotations

from semlink.core.choices import Csi
from semlink.core.errors import CorruptData
from semlink.core.frame import Frame, Gains, Propagation, Stream, StreamDraw
from semlink.core.phy.coding import decode_blocks
from semlink.core.phy.equalisation import equalise
from semlink.core.phy.layouts import CodedLayout
from semlink.core.phy.modulation import control_information
from semlink.core.phy.radio import HEADER
from semlink.core.phy.samples import symbols_to_samples, variance_per_sample
from semlink.core.received import Received, ReceivedBits, ReceivedPayload, ReceivedSamples


def demodulate(propagation: Propagation, csi: Csi) -> Received:
    """What the receiver can know of the message.

    Behind a lost header nothing can be decoded, and nothing is.

    Args:
        propagation: what arrived.
        csi: whether the channel's gains are granted or have to be estimated.

    Raises:
        InvalidInput: they have to be estimated and the frame has no pilots.
        CorruptData: the header, though its CRC holds, does not describe the frame.
    """
    frame = propagation.frame
    streams = zip(frame.streams, propagation.draws, propagation.gains, strict=True)
    arriving = (_received(frame, *stream, csi) for stream in streams)
    if frame.header is not None:
        return Received(frame.scheme, frame.header, (), tuple(arriving))
    header = next(arriving, None)
    if not isinstance(header, ReceivedBits) or header.name != HEADER:
        raise CorruptData("the frame's first stream is not its header.", field="frame")
    if not header.intact:
        return Received(frame.scheme, None, header.blocks_ok, ())
    data = _checked_header(header, frame)
    return Received(frame.scheme, data, header.blocks_ok, tuple(arriving))


def _received(
    frame: Frame, stream: Stream, draw: StreamDraw, gains: Gains, csi: Csi
) -> ReceivedPayload:
    arrived = equalise(stream, draw.noise_power, gains, frame.grid, csi)
    layout = stream.layout
    if isinstance(layout, CodedLayout):
        data, verdicts = decode_blocks(arrived.symbols, arrived.noise_variance, layout)
        return ReceivedBits(stream.name, data, verdicts, layout.block_bytes)
    samples = symbols_to_samples(arrived.symbols, layout)
    variance = variance_per_sample(arrived.noise_variance, layout)
    return ReceivedSamples(stream.name, samples, variance)


def _checked_header(header: ReceivedBits, frame: Frame) -> bytes:
    """The scheme's part of the header, if its control information is that of the frame."""
    control = control_information([stream.layout for stream in frame.streams[1:]])
    own = len(header.data) - len(control)
    if own < 0 or header.data[own:] != control:
        raise CorruptData(
            "the header describes other payloads than the frame has.",
            field="header",
            cure="Use the same version on both ends of the link.",
        )
    return header.data[:own]
