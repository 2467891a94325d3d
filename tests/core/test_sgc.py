"""What SGC adds to headers and settings."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from semlink.core.choices import Sampler
from semlink.core.errors import CorruptData, InvalidInput
from semlink.core.headers import MAX_BYTES, MAX_SIDE, ColouredMapHeader, MapHeader, reduced_size
from semlink.core.pictures import Size
from semlink.core.presets import RECEIVER_DEFAULTS
from semlink.core.schemes import Scheme
from semlink.core.serde import settings_from_proto, settings_to_proto
from semlink.core.settings import ReceiverSettings, TransmissionSettings, settings_from_fields

MAP = MapHeader(Size(360, 480), Size(192, 256), "camvid", 12, (0, 2, 11))
HEADER = ColouredMapHeader(MAP, 32, 16)


@given(st.integers(1, MAX_SIDE), st.integers(1, MAX_SIDE))
def test_headers_come_back(map_side: int, colour_side: int) -> None:
    header = ColouredMapHeader(MAP, map_side, colour_side)
    assert ColouredMapHeader.from_bytes(header.to_bytes()) == header
    assert len(header.to_bytes()) <= MAX_BYTES


def test_the_bytes_of_headers_never_change() -> None:
    expected = "9a01cd0168cd01e0ccc0cd0100a663616d766964" + "0cc4020508" + "2010"
    assert HEADER.to_bytes().hex() == expected


def test_the_header_says_what_travels() -> None:
    assert (HEADER.sent_map.working, HEADER.colour_size) == (Size(32, 43), Size(16, 21))
    assert (HEADER.sent_map.present, HEADER.sent_map.classes) == (MAP.present, 12)


@given(st.integers(1, 600), st.integers(1, 600), st.integers(1, 128))
def test_what_is_reduced_is_no_larger(height: int, width: int, side: int) -> None:
    size = reduced_size(Size(height, width), side)
    assert min(size) == min(side, height, width)
    assert size.height <= height
    assert size.width <= width


@pytest.mark.parametrize(
    "data",
    [
        MAP.to_bytes(),
        ColouredMapHeader(MAP, 0, 16).to_bytes(),
        ColouredMapHeader(MAP, 32, MAX_SIDE + 1).to_bytes(),
        HEADER.to_bytes()[:-1],
        b"",
    ],
)
def test_other_headers_are_corrupt(data: bytes) -> None:
    with pytest.raises(CorruptData):
        ColouredMapHeader.from_bytes(data)


@given(st.binary(max_size=40))
def test_any_bytes_are_a_header_or_corrupt(data: bytes) -> None:
    with suppress(CorruptData):
        assert ColouredMapHeader.from_bytes(data).map_side <= MAX_SIDE


def test_what_is_not_set_takes_the_schemes_default() -> None:
    found = TransmissionSettings(scheme=Scheme.SGC)
    assert found.receiver == ReceiverSettings(**RECEIVER_DEFAULTS[Scheme.SGC])
    assert (found.receiver.network, found.receiver.start_timestep) == ("sgc-camvid", 700)
    assert (found.map_side, found.colour_side, found.receiver.guidance) == (32, 16, 2.0)
    assert settings_from_proto(settings_to_proto(found)) == found


def test_the_paper_takes_seventy_percent_of_two_hundred_steps() -> None:
    published = settings_from_fields({"scheme": "sgc", "preset": "paper", "size": 512})
    assert (published.map_side, published.colour_side) == (32, 16)
    receiver = published.receiver
    assert (receiver.sampler, receiver.steps, receiver.start_timestep) == (Sampler.DDIM, 140, 700)
    assert receiver.guidance == 2.0


@pytest.mark.parametrize("wrong", [{"map_side": 7}, {"map_side": 129}, {"colour_side": 33}])
def test_sides_have_bounds(wrong: dict[str, int]) -> None:
    with pytest.raises(InvalidInput, match=next(iter(wrong))):
        settings_from_fields({"scheme": "sgc", **wrong})
