from __future__ import annotations

from fractions import Fraction

import pytest

from semlink.core.errors import InvalidInput
from semlink.core.phy.mcs import DEFAULT_MCS, HEADER_MCS, MCS, mcs_named, protection


def test_names_say_modulation_and_rate() -> None:
    for name, mcs in MCS.items():
        modulation, rate = name.split("-")
        points = 4 if modulation == "qpsk" else int(modulation.removesuffix("qam"))
        assert (mcs.name, 2**mcs.bits_per_symbol, mcs.code_rate) == (name, points, Fraction(rate))


def test_an_index_finds_its_scheme_again() -> None:
    assert [mcs.index for mcs in MCS.values()] == list(range(len(MCS)))


def test_the_header_has_the_strongest_scheme() -> None:
    assert MCS[HEADER_MCS].efficiency == min(mcs.efficiency for mcs in MCS.values())
    assert DEFAULT_MCS in MCS


def test_efficiency_is_information_bits_per_channel_use() -> None:
    assert mcs_named("16qam-1/2").efficiency == 2.0
    assert mcs_named("256qam-3/4").efficiency == 6.0


@pytest.mark.parametrize("name", ["", "16qam", "16QAM-1/2", "8psk-1/2", "qpsk-7/8"])
def test_an_unknown_scheme_is_refused_with_the_table(name: str) -> None:
    with pytest.raises(InvalidInput, match="qpsk-1/5, qpsk-1/3") as error:
        mcs_named(name)
    assert error.value.field == "mcs"


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", {}),
        (" ", {}),
        ("64qam-2/3", {"": "64qam-2/3"}),
        ("map=qpsk-1/2,picture=16qam-1/2", {"map": "qpsk-1/2", "picture": "16qam-1/2"}),
        (" map = qpsk-1/2 , 16qam-3/4,", {"map": "qpsk-1/2", "": "16qam-3/4"}),
    ],
)
def test_protection_of_payloads(text: str, names: dict[str, str]) -> None:
    assert {payload: mcs.name for payload, mcs in protection(text).items()} == names


@pytest.mark.parametrize("text", ["qpsk-1/2,16qam-1/2", "map=qpsk-1/2,map=qpsk-1/2"])
def test_two_schemes_for_one_payload_are_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="two schemes"):
        protection(text)


def test_an_unknown_scheme_of_a_payload_is_refused() -> None:
    with pytest.raises(InvalidInput, match="no such"):
        protection("map=qpsk")
