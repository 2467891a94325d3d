"""Modulation and coding schemes, by name."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from semlink.core.errors import InvalidInput


@dataclass(frozen=True)
class Mcs:
    """One row of the table.

    Attributes:
        name: modulation and nominal code rate, as in "16qam-1/2".
        bits_per_symbol: coded bits per channel use: 2, 4, 6 or 8.
        code_rate: information bits, CRC included, per coded bit.
    """

    name: str
    bits_per_symbol: int
    code_rate: Fraction

    @property
    def index(self) -> int:
        """Place in the table, which is what the header says."""
        return list(MCS).index(self.name)

    @property
    def efficiency(self) -> float:
        """Information bits, CRC included, per channel use."""
        return float(self.bits_per_symbol * self.code_rate)


_MODULATIONS = {"qpsk": 2, "16qam": 4, "64qam": 6, "256qam": 8}
_RATES = {
    "qpsk": ("1/5", "1/3", "1/2", "2/3"),
    "16qam": ("1/3", "1/2", "2/3", "3/4"),
    "64qam": ("1/2", "2/3", "3/4", "5/6"),
    "256qam": ("2/3", "3/4", "5/6"),
}

MCS: dict[str, Mcs] = {
    f"{modulation}-{rate}": Mcs(f"{modulation}-{rate}", _MODULATIONS[modulation], Fraction(rate))
    for modulation, rates in _RATES.items()
    for rate in rates
}

HEADER_MCS = "qpsk-1/5"  # the strongest of the table
DEFAULT_MCS = "16qam-1/2"


def mcs_named(name: str) -> Mcs:
    """The row of that name.

    Raises:
        InvalidInput: there is none.
    """
    if name not in MCS:
        raise InvalidInput(
            "there is no such modulation and coding scheme.",
            field="mcs",
            value=name[:40],
            cure=f"Use one of {', '.join(MCS)}.",
        )
    return MCS[name]


def protection(text: str) -> dict[str, Mcs]:
    """What a user asks for: one scheme for all payloads, or one each.

    Args:
        text: as in "64qam-2/3" or "map=qpsk-1/2,picture=16qam-1/2"; empty for the schemes' own
            defaults. A scheme without a payload's name stands for all that are not named.

    Returns:
        Schemes by payload name; that of all others under the empty name.

    Raises:
        InvalidInput: a scheme is not in the table, or a payload has two.
    """
    asked: dict[str, Mcs] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        payload, _, name = part.rpartition("=")
        if payload.strip() in asked:
            raise InvalidInput(
                f"{payload.strip() or 'the default'} has two schemes.",
                field="mcs",
                value=text[:80],
                cure="Keep one of them.",
            )
        asked[payload.strip()] = mcs_named(name.strip())
    return asked
