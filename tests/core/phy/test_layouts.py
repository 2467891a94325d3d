from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from semlink.core.errors import InvalidInput
from semlink.core.phy.layouts import CodedLayout, SamplesLayout, check_coded, coded_layout
from semlink.core.phy.mcs import MCS

# 3GPP TS 38.212: bits per code block with CRC, and the lowest rate without repetition.
MOST_INFO_BITS = {1: 8448, 2: 3840}
LEAST_RATE = {1: Fraction(1, 3), 2: Fraction(1, 5)}

sizes = st.integers(1, 1000) | st.integers(1, 1_000_000)
schemes = st.sampled_from(list(MCS))
cuts = st.just(1) | st.integers(1, 16)


@st.composite
def layouts(draw: st.DrawFn) -> CodedLayout:
    """At the nominal rate, or with a grant up to ten times as large."""
    least = draw(cuts)
    nominal = coded_layout(draw(sizes), draw(schemes), least_blocks=least)
    granted = draw(st.none() | st.integers(nominal.channel_uses, 10 * nominal.channel_uses))
    return coded_layout(nominal.payload_bytes, nominal.mcs, granted, least_blocks=least)


@given(layouts())
def test_every_layout_is_a_code_of_the_standard(layout: CodedLayout) -> None:
    rate = Fraction(layout.info_bits, layout.coded_bits)
    assert layout.info_bits <= MOST_INFO_BITS[layout.base_graph]
    assert LEAST_RATE[layout.base_graph] <= rate <= Fraction(948, 1024)
    assert rate <= layout.scheme.code_rate
    assert layout.coded_bits % layout.scheme.bits_per_symbol == 0
    check_coded(layout)


@given(layouts())
def test_base_graph_and_crc_are_those_of_the_standard(layout: CodedLayout) -> None:
    payload, rate = 8 * layout.block_bytes, layout.info_bits / layout.coded_bits
    second = payload <= 292 or (payload <= 3824 and rate <= 0.67) or rate <= 0.25
    assert layout.base_graph == (2 if second else 1)
    assert layout.crc_bits == (24 if payload > 3824 else 16)
    assert layout.info_bits == payload + layout.crc_bits


@given(layouts())
def test_blocks_hold_the_payload_and_none_is_empty(layout: CodedLayout) -> None:
    assert layout.blocks * layout.block_bytes >= layout.payload_bytes
    assert (layout.blocks - 1) * layout.block_bytes < layout.payload_bytes
    assert layout.channel_uses == layout.blocks * layout.block_uses


@given(sizes, schemes, cuts)
def test_a_payload_is_cut_as_finely_as_was_asked(size: int, mcs: str, least: int) -> None:
    layout = coded_layout(size, mcs, least_blocks=least)
    needed = coded_layout(size, mcs).blocks
    assert layout.blocks == max(needed, least) or layout.block_bytes < max(needed, least)
    if size % least == 0 and least >= needed:
        assert (layout.blocks, layout.block_bytes) == (least, size // least)


@pytest.mark.parametrize("least", [-1, 0, 17])
def test_an_impossible_number_of_blocks_is_refused(least: int) -> None:
    with pytest.raises(InvalidInput, match="1 to 16 blocks"):
        coded_layout(100, "qpsk-1/2", least_blocks=least)
    with pytest.raises(InvalidInput, match="1 to 16 blocks"):
        check_coded(replace(coded_layout(100, "qpsk-1/2"), least_blocks=least))


@given(sizes, schemes)
def test_the_nominal_rate_is_met_up_to_one_symbol(size: int, mcs: str) -> None:
    layout = coded_layout(size, mcs)
    nominal_bits = layout.info_bits / layout.scheme.code_rate
    assert 0 <= layout.coded_bits - nominal_bits < layout.scheme.bits_per_symbol


@given(sizes, schemes, st.floats(1, 10))
def test_a_grant_is_spent_up_to_the_lowest_rate(size: int, mcs: str, factor: float) -> None:
    least = coded_layout(size, mcs)
    granted = int(least.channel_uses * factor)
    layout = coded_layout(size, mcs, granted)
    assert least.channel_uses <= layout.channel_uses <= granted
    one_more = (layout.block_uses + 1) * layout.scheme.bits_per_symbol
    lowest = Fraction(1, 5) if 8 * layout.block_bytes <= 3824 else Fraction(1, 3)
    unspent = granted - layout.channel_uses
    assert unspent < layout.blocks or Fraction(layout.info_bits, one_more) < lowest


@given(sizes, schemes)
def test_too_small_a_grant_is_refused(size: int, mcs: str) -> None:
    needed = coded_layout(size, mcs).channel_uses
    with pytest.raises(InvalidInput, match=f"need {needed} channel uses"):
        coded_layout(size, mcs, needed - 1)


def test_an_empty_payload_is_refused() -> None:
    with pytest.raises(InvalidInput, match="no bytes"):
        coded_layout(0, "qpsk-1/2")


@given(layouts())
def test_a_block_of_other_size_than_allowed_is_refused(layout: CodedLayout) -> None:
    least = layout.least_blocks
    nominal = coded_layout(layout.payload_bytes, layout.mcs, least_blocks=least).block_uses
    for uses in (0, nominal - 1, layout.most_block_uses + 1):
        with pytest.raises(InvalidInput, match="outside of what"):
            check_coded(replace(layout, block_uses=uses))


@pytest.mark.parametrize("payload_bytes", [-1, 0, 1 << 24])
def test_a_payload_of_impossible_size_is_refused(payload_bytes: int) -> None:
    with pytest.raises(InvalidInput):
        check_coded(CodedLayout(payload_bytes, "qpsk-1/2", 24))


def test_known_sizes() -> None:
    layout = coded_layout(1000, "16qam-1/2")
    assert (layout.blocks, layout.info_bits, layout.coded_bits) == (1, 8024, 16048)
    layout = coded_layout(1000, "qpsk-1/5")
    assert (layout.blocks, layout.block_bytes, layout.info_bits) == (3, 334, 2688)
    assert layout.bits_per_use == pytest.approx(0.4)


def test_two_samples_share_a_symbol() -> None:
    assert SamplesLayout((3, 5, 7)).channel_uses == 53
