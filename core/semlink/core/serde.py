"""Our types to wire messages and back. Generated types stop here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from google.protobuf.message import Message as WireMessage

from semlink.core.base_settings import Settings, validated
from semlink.core.channel_settings import ChannelSettings
from semlink.core.errors import InvalidInput
from semlink.core.pictures import Size
from semlink.core.presets import with_preset
from semlink.core.settings import ReceiverSettings, TransmissionSettings
from semlink.core.transmission import Transmission
from semlink.protos.v1 import types_pb2 as pb

CHUNK_BYTES = 1 << 20
MAX_NAME = 128  # characters of whatever names something in a log


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
    return pb.Transmission(**asdict(transmission))


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
    own = with_preset(_fields_set(message))
    preset = {name: own.pop(name) for name in ReceiverSettings.model_fields if name in own}
    parts: dict[str, Settings] = {
        "channel": channel_settings_from_proto(message.channel),
        "receiver": validated(ReceiverSettings, preset | _fields_set(message.receiver)),
    }
    return validated(TransmissionSettings, own | parts)


def _fields_set(message: WireMessage) -> dict[str, Any]:
    return {
        field.name: value for field, value in message.ListFields() if field.message_type is None
    }


def scalars(message: WireMessage) -> dict[str, Any]:
    """Every field of a message that has none but plain numbers, words and switches."""
    return {field.name: getattr(message, field.name) for field in message.DESCRIPTOR.fields}
