"""What SPIC adds to headers, settings and budgets."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from semlink.core.choices import Start
from semlink.core.errors import CorruptData
from semlink.core.headers import MAX_BYTES, MAX_FACTOR, CoarseMapHeader, MapHeader
from semlink.core.phy.layouts import coded_layout
from semlink.core.phy.radio import Radio
from semlink.core.pictures import Size
from semlink.core.presets import RECEIVER_DEFAULTS
from semlink.core.schemes import Scheme
from semlink.core.serde import settings_from_proto, settings_to_proto
from semlink.core.settings import ReceiverSettings, TransmissionSettings, settings_from_fields
from semlink.protos.v1 import types_pb2 as pb

MAP = MapHeader(Size(360, 480), Size(192, 256), "camvid", 12, (0, 2, 11))
HEADER = CoarseMapHeader(MAP, 4)


@given(st.integers(1, MAX_FACTOR))
def test_headers_come_back(factor: int) -> None:
    header = CoarseMapHeader(MAP, factor)
    assert CoarseMapHeader.from_bytes(header.to_bytes()) == header
    assert len(header.to_bytes()) == len(MAP.to_bytes()) + 1 <= MAX_BYTES


def test_the_bytes_of_headers_never_change() -> None:
    expected = "9901cd0168cd01e0ccc0cd0100a663616d766964" + "0cc4020508" + "04"
    assert HEADER.to_bytes().hex() == expected


@pytest.mark.parametrize(
    "data", [MAP.to_bytes(), CoarseMapHeader(MAP, 0).to_bytes(), HEADER.to_bytes()[:-1], b""]
)
def test_other_headers_are_corrupt(data: bytes) -> None:
    with pytest.raises(CorruptData):
        CoarseMapHeader.from_bytes(data)


@given(st.binary(max_size=40))
def test_any_bytes_are_a_header_or_corrupt(data: bytes) -> None:
    with suppress(CorruptData):
        assert CoarseMapHeader.from_bytes(data).factor <= MAX_FACTOR


PATHS: dict[str, Callable[[], TransmissionSettings]] = {
    "python": lambda: TransmissionSettings(
        scheme=Scheme.SPIC, receiver=ReceiverSettings(preview_steps=3)
    ),
    "fields": lambda: settings_from_fields({"scheme": "spic", "preview_steps": 3}),
    "wire": lambda: settings_from_proto(
        pb.TransmissionSettings(scheme="spic", receiver=pb.ReceiverSettings(preview_steps=3))
    ),
}


@pytest.mark.parametrize("path", PATHS)
def test_what_is_not_set_takes_the_schemes_default(path: str) -> None:
    found = PATHS[path]().receiver
    assert found == ReceiverSettings(preview_steps=3, **RECEIVER_DEFAULTS[Scheme.SPIC])
    assert (found.network, found.steps, found.guidance) == ("spic-camvid", 20, 1.5)
    assert (found.start_timestep, found.start) == (200, Start.NOISED)


def test_what_is_set_stays_even_if_it_is_another_schemes_default() -> None:
    usual = ReceiverSettings()
    given = settings_from_fields({"scheme": "spic", **usual.model_dump()})
    assert given.receiver == usual
    assert settings_from_proto(settings_to_proto(given)) == given


def test_other_schemes_keep_the_common_defaults() -> None:
    for scheme in set(Scheme) - set(RECEIVER_DEFAULTS):
        assert TransmissionSettings(scheme=scheme).receiver == ReceiverSettings()


def test_the_paper_starts_clean() -> None:
    published = settings_from_fields({"scheme": "spic", "preset": "paper"})
    assert (published.receiver.start, published.receiver.steps) == (Start.CLEAN, 20)
    assert published.receiver.network == "spic-camvid"
    assert published.coarse_factor == 4


@given(st.integers(1, 60), st.integers(1, 60), st.booleans(), st.integers(200, 3000))
def test_the_last_payload_gets_what_is_left(
    header_bytes: int, ahead_bytes: int, free_header: bool, budget: int
) -> None:
    ahead = coded_layout(ahead_bytes, "qpsk-1/2")
    in_bytes = Radio(most_bytes=budget, free_header=free_header)
    left = in_bytes.most_last_payload_bytes(header_bytes, (ahead,), "16qam-1/2")
    assert left is not None
    others = header_bytes + ahead_bytes + (0 if free_header else 3)
    assert left + (1 if left < 128 else 2) * (not free_header) + others in (budget, budget - 1)
    in_uses = Radio(granted_uses=budget, free_header=free_header)
    most = in_uses.most_last_payload_bytes(header_bytes, (ahead,), "16qam-1/2")
    assert most is not None

    def total(last_bytes: int) -> int:
        header = in_uses.header_layout(header_bytes, [ahead_bytes, last_bytes])
        taken = ahead.channel_uses + (header.channel_uses if header else 0)
        return taken + coded_layout(last_bytes, "16qam-1/2").channel_uses

    if most:
        assert total(most) <= budget
    assert total(most + 1) > budget
