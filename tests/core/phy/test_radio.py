from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from semlink.core.errors import InvalidInput
from semlink.core.phy.grid import ResourceGrid
from semlink.core.phy.layouts import coded_layout
from semlink.core.phy.mcs import DEFAULT_MCS, HEADER_MCS, MCS, protection
from semlink.core.phy.radio import HEADER, Radio, impossible_budget, largest_payload
from semlink.core.pictures import Size
from semlink.core.settings import settings_from_fields

WORKING = Size(192, 256)
OFDM = ResourceGrid(14, 72, 2, 30e3)
GRIDS = [None, OFDM, ResourceGrid(256, 1, 8)]

names = st.sampled_from(list(MCS))


def radio_of(**fields: object) -> Radio:
    return Radio.of(settings_from_fields(fields), WORKING)


def test_budgets_are_per_pixel_of_the_working_picture() -> None:
    assert radio_of(bpp=0.5).most_bytes == 192 * 256 // 16
    assert radio_of(cpp=0.25).granted_uses == 192 * 256 // 4
    assert not radio_of().has_budget
    assert radio_of(bpp=0.5).has_budget
    assert radio_of(cpp=0.5).has_budget


def test_a_radio_is_what_the_settings_say() -> None:
    radio = radio_of(channel="tdl-a", mcs="16qam-1/2", preset="paper")
    assert radio.grid == settings_from_fields({"channel": "tdl-a"}).grid
    assert radio.asked == protection("16qam-1/2")
    assert radio.free_header
    assert not radio_of().free_header


def test_the_users_scheme_goes_first_and_the_header_keeps_its_own() -> None:
    radio = Radio(asked=protection("map=qpsk-1/2,64qam-2/3"))
    assert radio.mcs("map", DEFAULT_MCS) == "qpsk-1/2"
    assert radio.mcs("picture", DEFAULT_MCS) == "64qam-2/3"
    assert radio.mcs(HEADER, HEADER_MCS) == HEADER_MCS
    assert Radio(asked=protection("header=qpsk-1/2")).mcs(HEADER, HEADER_MCS) == "qpsk-1/2"
    assert Radio().mcs("map", DEFAULT_MCS) == DEFAULT_MCS


def test_a_free_header_has_no_layout_and_no_control_information() -> None:
    sizes = (1, 127, 128, 16_383, 16_384)
    assert Radio(free_header=True).header_layout(20, sizes) is None
    assert Radio(free_header=True).control_bytes(sizes) == 0
    layout = Radio().header_layout(20, sizes)
    assert layout
    assert layout.payload_bytes == 20 + 2 + 2 + 3 + 3 + 4


@given(st.integers(0, 200_000), names)
def test_largest_payload_fits_and_one_byte_more_does_not(data_uses: int, mcs: str) -> None:
    largest = largest_payload(data_uses, mcs)
    assert largest == 0 or coded_layout(largest, mcs).channel_uses <= data_uses
    assert coded_layout(largest + 1, mcs).channel_uses > data_uses


@given(names, st.integers(1, 3000), st.integers(0, 40))
def test_a_larger_payload_never_takes_less(mcs: str, size: int, more: int) -> None:
    """`largest_payload` bisects."""
    uses = [coded_layout(size + extra, mcs).channel_uses for extra in (0, more)]
    assert uses == sorted(uses)


@given(st.integers(40, 100_000), st.integers(0, 30), names, st.booleans())
@example(20 + 2 + 127, 20, DEFAULT_MCS, False)
@example(20 + 3 + 127, 20, DEFAULT_MCS, False)
def test_a_budget_of_bytes_counts_the_header_even_if_it_is_free(
    most: int, header_bytes: int, mcs: str, free: bool
) -> None:
    radio = Radio(most_bytes=most, free_header=free)
    largest = radio.most_payload_bytes(header_bytes, mcs)
    assert largest

    def total(payload_bytes: int) -> int:
        return header_bytes + radio.control_bytes([payload_bytes]) + payload_bytes

    assert total(largest) <= most < total(largest + 1)


@given(st.sampled_from(GRIDS), st.integers(2000, 100_000), names, st.booleans())
def test_the_largest_payload_takes_what_a_grant_leaves(
    grid: ResourceGrid | None, granted: int, mcs: str, free: bool
) -> None:
    radio = Radio(grid=grid, granted_uses=granted, free_header=free)
    largest = radio.most_payload_bytes(20, mcs)
    assert largest

    def total(payload_bytes: int) -> int:
        uses = radio.air_uses(coded_layout(payload_bytes, mcs).channel_uses)
        header = radio.header_layout(20, [payload_bytes])
        return uses + (radio.air_uses(header.channel_uses) if header else 0)

    assert total(largest) <= granted < total(largest + 1)


def test_there_is_no_largest_payload_without_a_budget() -> None:
    assert Radio().most_payload_bytes(20, DEFAULT_MCS) is None
    assert Radio().remaining_uses(20) is None


@pytest.mark.parametrize(("field", "value"), [("bpp", 0.003), ("cpp", 0.002)])
def test_a_budget_that_the_header_eats_up_is_refused_in_the_users_unit(
    field: str, value: float
) -> None:
    with pytest.raises(InvalidInput, match=rf"^{field}=0\.00\d+: the header alone.*Grant more"):
        radio_of(**{field: value}).most_payload_bytes(20, DEFAULT_MCS)


def test_a_budget_without_pixels_is_refused_in_its_own_unit() -> None:
    assert impossible_budget("no.", Radio(most_bytes=7)).value == "7 bytes"
    error = impossible_budget("no.", Radio(granted_uses=9), "Cure.")
    assert (error.field, error.value, error.cure) == ("cpp", "9 channel uses", "Cure.")


@given(st.sampled_from(GRIDS), st.integers(1000, 50_000), st.integers(1, 10_000))
def test_the_strongest_scheme_is_the_least_efficient_that_fits(
    grid: ResourceGrid | None, granted: int, payload_bytes: int
) -> None:
    radio = Radio(grid=grid, granted_uses=granted)
    left = radio.remaining_uses(20, last_bytes=payload_bytes)
    assert left is not None
    fitting = [
        mcs for mcs in MCS.values() if coded_layout(payload_bytes, mcs.name).channel_uses <= left
    ]
    strongest = radio.strongest_mcs(20, payload_bytes)
    if strongest is None:
        assert not fitting
    else:
        assert MCS[strongest] in fitting
        assert MCS[strongest].efficiency == min(mcs.efficiency for mcs in fitting)


def test_all_of_the_strongest_is_at_hand_without_a_grant() -> None:
    assert Radio(grid=OFDM).strongest_mcs(20, 1000) == "qpsk-1/5"
