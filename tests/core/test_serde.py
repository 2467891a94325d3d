from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DataObject, SearchStrategy
from pydantic import BaseModel

from semlink.core.channel_settings import ChannelSettings
from semlink.core.choices import Preset
from semlink.core.errors import InvalidInput
from semlink.core.pictures import Size
from semlink.core.presets import PAPER
from semlink.core.schemes import Scheme
from semlink.core.serde import (
    CHUNK_BYTES,
    MAX_NAME,
    byte_chunks,
    channel_settings_from_proto,
    channel_settings_to_proto,
    receiver_settings_from_proto,
    receiver_settings_to_proto,
    settings_from_proto,
    settings_to_proto,
    size_from_proto,
    size_to_proto,
    transmission_from_proto,
    transmission_to_proto,
)
from semlink.core.settings import ReceiverSettings, TransmissionSettings, settings_from_fields
from semlink.core.transmission import Transmission
from semlink.protos.v1 import types_pb2 as pb


@settings(max_examples=200)
@given(st.data())
def test_settings(
    transmission_settings: SearchStrategy[TransmissionSettings], data: DataObject
) -> None:
    value = data.draw(transmission_settings)
    wire = settings_to_proto(value).SerializeToString()
    assert settings_from_proto(pb.TransmissionSettings.FromString(wire)) == value
    channel, receiver = value.channel, value.receiver
    assert channel_settings_from_proto(channel_settings_to_proto(channel)) == channel
    assert receiver_settings_from_proto(receiver_settings_to_proto(receiver)) == receiver


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (TransmissionSettings, pb.TransmissionSettings),
        (ChannelSettings, pb.ChannelSettings),
        (ReceiverSettings, pb.ReceiverSettings),
    ],
)
def test_every_setting_is_on_the_wire(model: type[BaseModel], message: Any) -> None:
    fields = message.DESCRIPTOR.fields_by_name
    assert set(model.model_fields) == set(fields)
    plain = [field for field in fields.values() if field.message_type is None]
    assert all(field.has_presence for field in plain)  # else zero would be the default


def test_what_is_not_set_takes_its_default_and_zero_is_set() -> None:
    assert settings_from_proto(pb.TransmissionSettings()) == TransmissionSettings()
    zero = channel_settings_from_proto(pb.ChannelSettings(level=0.0, pilots=0))
    assert zero == ChannelSettings(level=0.0, pilots=0)


@pytest.mark.parametrize("scheme", PAPER)
@pytest.mark.parametrize("own", [{}, {"steps": 7}, {"guidance": 0.0}, {"transport": "digital"}])
def test_presets_are_the_same_on_both_paths(scheme: str, own: dict[str, Any]) -> None:
    receiver = {name: own[name] for name in own if name in ReceiverSettings.model_fields}
    photo = {name: own[name] for name in own if name not in receiver}
    message = pb.TransmissionSettings(
        preset="paper", scheme=scheme, receiver=pb.ReceiverSettings(**receiver), **photo
    )
    settings = settings_from_proto(message)
    assert settings == settings_from_fields({"preset": "paper", "scheme": scheme} | own)
    assert settings.preset is Preset.PAPER
    assert settings.receiver != ReceiverSettings()


def test_a_preset_is_that_of_the_scheme_on_both_paths() -> None:
    paths: tuple[Callable[[], TransmissionSettings], ...] = (
        lambda: settings_from_proto(pb.TransmissionSettings(preset="paper", scheme="webp")),
        lambda: settings_from_fields({"preset": "paper", "scheme": "webp"}),
        lambda: TransmissionSettings(preset=Preset.PAPER, scheme=Scheme.WEBP),
    )
    for path in paths:
        with pytest.raises(InvalidInput, match=r"preset=paper, scheme webp: .*use scheme gesco"):
            path()


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (pb.TransmissionSettings(seed=2**64 - 1), "seed"),
        (pb.TransmissionSettings(scheme="telepathy"), "scheme"),
        (pb.TransmissionSettings(mcs="8psk-1/2"), "mcs=8psk-1/2"),
        (pb.TransmissionSettings(bpp=1.0, cpp=1.0), "bpp, cpp=1, 1"),
        (pb.TransmissionSettings(cpp=math.inf), "cpp"),
        (pb.TransmissionSettings(receiver=pb.ReceiverSettings(steps=0)), "steps"),
        (pb.TransmissionSettings(channel=pb.ChannelSettings(level=math.nan)), "level"),
        (pb.TransmissionSettings(channel=pb.ChannelSettings(pilots=256)), "pilots=256"),
        (
            pb.TransmissionSettings(
                channel=pb.ChannelSettings(pilots=0),
                receiver=pb.ReceiverSettings(csi="estimated"),
            ),
            "pilots=0",
        ),
    ],
)
def test_settings_off_the_wire_are_validated(message: pb.TransmissionSettings, said: str) -> None:
    with pytest.raises(InvalidInput, match=said) as caught:
        settings_from_proto(message)
    assert caught.value.value
    assert caught.value.cure


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


@given(st.sampled_from([0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES]))
def test_byte_chunks(length: int) -> None:
    data = bytes(length)
    chunks = list(byte_chunks(data))
    assert b"".join(chunks) == data
    assert all(len(chunk) == CHUNK_BYTES for chunk, _ in pairwise(chunks))
    assert len(chunks) == max(1, math.ceil(length / CHUNK_BYTES))
