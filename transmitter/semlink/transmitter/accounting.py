"""What a message costs on the air, stream by stream."""

from __future__ import annotations

from semlink.core.events import PayloadAccount
from semlink.core.frame import Frame, Stream
from semlink.core.message import BitsPayload, Message
from semlink.core.phy.layouts import CodedLayout


def accounts(message: Message, frame: Frame) -> tuple[PayloadAccount, ...]:
    """One entry per stream of the frame, in order."""
    containers = {
        payload.name: payload.container_bytes
        for payload in message.payloads
        if isinstance(payload, BitsPayload)
    }
    return tuple(
        _account(stream, frame.channel_uses(stream), containers.get(stream.name, 0))
        for stream in frame.streams
    )


def _account(stream: Stream, channel_uses: int, container_bytes: int) -> PayloadAccount:
    layout = stream.layout
    if not isinstance(layout, CodedLayout):
        return PayloadAccount(stream.name, layout.sample_count, 0, channel_uses)
    return PayloadAccount(
        name=stream.name,
        samples=0,
        payload_bytes=layout.payload_bytes,
        channel_uses=channel_uses,
        mcs=layout.mcs,
        code_rate=layout.info_bits / layout.coded_bits,
        blocks=layout.blocks,
        container_bytes=container_bytes,
    )
