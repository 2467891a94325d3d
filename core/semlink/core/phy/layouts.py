"""How a payload becomes data symbols; what the receiver needs to undo it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

from semlink.core.errors import InvalidInput, TooLarge
from semlink.core.phy.mcs import Mcs, mcs_named

# 3GPP TS 38.212, 5.2.2, 7.2.1 and 7.2.2: up to 3824 bits of payload have a CRC of 16 bits and may
# use base graph 2, which goes down to rate 1/5; more of them have one of 24 bits and use base
# graph 1, which goes down to rate 1/3 and holds 8448 bits, CRC included.
LONG_BLOCK_ABOVE_BITS = 3824
LARGEST_BLOCK_BITS = 8448 - 24
SHORT_BLOCK_UP_TO_BITS = 292  # always in base graph 2
BASE_GRAPH_2_MOST_RATE = 0.67  # for blocks between the two
LONG_BLOCK_LEAST_RATE = Fraction(1, 3)
LEAST_RATE = Fraction(1, 5)
MAX_PAYLOAD_BYTES = (1 << 24) - 1
MOST_LEAST_BLOCKS = 16  # what the control information has room for
MAX_CODED_BITS = 1 << 22  # of a frame, see `check_decoding`


@dataclass(frozen=True)
class SamplesLayout:
    """Analog mapping: sample 2k and 2k+1 are the real and imaginary part of symbol k.

    Attributes:
        shape: of the payload; an odd number of samples is completed by one zero.
    """

    shape: tuple[int, ...]

    @property
    def sample_count(self) -> int:
        """Number of samples, without the completing zero."""
        return math.prod(self.shape)

    @property
    def channel_uses(self) -> int:
        """Number of data symbols."""
        return (self.sample_count + 1) // 2


@dataclass(frozen=True)
class CodedLayout:
    """Transport blocks of equal size, each with a CRC and one LDPC codeword of its own.

    Attributes:
        payload_bytes: size of the payload, >= 1; the last block is completed by zeros.
        mcs: name of the modulation and coding scheme.
        block_uses: data symbols of one block. `coded_layout` takes the least that the scheme's
            nominal rate allows; more of them make the code stronger (rate matching).
        least_blocks: 1 .. MOST_LEAST_BLOCKS; there are more blocks where the standard needs
            more, and fewer where some would be empty.
    """

    payload_bytes: int
    mcs: str
    block_uses: int
    least_blocks: int = 1

    @cached_property
    def scheme(self) -> Mcs:
        """The row of the table."""
        return mcs_named(self.mcs)

    @property
    def blocks(self) -> int:
        """Number of transport blocks."""
        return _blocks(self.payload_bytes, self.scheme, self.least_blocks)

    @property
    def block_bytes(self) -> int:
        """Bytes of the payload in one block."""
        return math.ceil(self.payload_bytes / self.blocks)

    @property
    def crc_bits(self) -> int:
        """16 or 24."""
        return 24 if self._is_long else 16

    @property
    def info_bits(self) -> int:
        """Bits that the code protects per block, CRC included: k."""
        return 8 * self.block_bytes + self.crc_bits

    @property
    def coded_bits(self) -> int:
        """Bits on the air per block: n."""
        return self.block_uses * self.scheme.bits_per_symbol

    @property
    def base_graph(self) -> int:
        """Base graph of the LDPC code, 1 or 2 (TS 38.212, 7.2.2)."""
        if 8 * self.block_bytes <= SHORT_BLOCK_UP_TO_BITS:
            return 2
        low_rate = self.info_bits <= BASE_GRAPH_2_MOST_RATE * self.coded_bits
        return 2 if low_rate and not self._is_long else 1

    @property
    def most_block_uses(self) -> int:
        """Data symbols of a block at the lowest rate that its code has."""
        rate = LONG_BLOCK_LEAST_RATE if self._is_long else LEAST_RATE
        return math.floor(self.info_bits / rate / self.scheme.bits_per_symbol)

    @property
    def channel_uses(self) -> int:
        """Number of data symbols."""
        return self.blocks * self.block_uses

    @property
    def _is_long(self) -> bool:
        return 8 * self.block_bytes > LONG_BLOCK_ABOVE_BITS

    @property
    def bits_per_use(self) -> float:
        """Information bits, CRC included, per data symbol."""
        return self.info_bits / self.block_uses


def coded_layout(
    payload_bytes: int, mcs: str, granted_uses: int | None = None, *, least_blocks: int = 1
) -> CodedLayout:
    """The layout of a payload at the scheme's nominal rate, or at the rate that fills a grant.

    Args:
        payload_bytes: size of the payload.
        mcs: name of the modulation and coding scheme.
        granted_uses: data symbols that may be spent; what exceeds the lowest rate of the code
            (1/5 or 1/3, TS 38.212) stays unspent.
        least_blocks: transport blocks to cut it into at least, so that the loss of one leaves
            the others; 1 .. MOST_LEAST_BLOCKS.

    Raises:
        InvalidInput: the payload is empty, the grant is less than the scheme needs, or so many
            blocks are too many.
    """
    if payload_bytes < 1:
        raise InvalidInput("a payload of no bytes cannot be sent.", field="payload", value=0)
    _check_least_blocks(least_blocks)
    uses = _nominal_uses(payload_bytes, mcs_named(mcs), least_blocks)
    least = CodedLayout(payload_bytes, mcs, uses, least_blocks)
    if granted_uses is None:
        return least
    if granted_uses < least.channel_uses:
        raise InvalidInput(
            f"{payload_bytes} bytes at {mcs} need {least.channel_uses} channel uses.",
            field="budget",
            value=f"{granted_uses} channel uses",
            cure="Grant more, or send fewer bytes.",
        )
    uses = min(granted_uses // least.blocks, least.most_block_uses)
    return CodedLayout(payload_bytes, mcs, uses, least_blocks)


def check_coded(layout: CodedLayout) -> None:
    """Refuses what no encoder of ours makes.

    Raises:
        InvalidInput: the scheme is unknown, the code rate is outside of what TS 38.212 has, or
            so many blocks are too many.
    """
    mcs = mcs_named(layout.mcs)
    _check_least_blocks(layout.least_blocks)
    sizes_fit = 1 <= layout.payload_bytes <= MAX_PAYLOAD_BYTES and layout.block_uses > 0
    if (
        not sizes_fit
        or layout.block_uses > layout.most_block_uses
        or (layout.block_uses < _nominal_uses(layout.payload_bytes, mcs, layout.least_blocks))
    ):
        raise InvalidInput(
            "the code is outside of what the modulation and coding scheme allows.",
            field="layout",
            value=f"{layout.payload_bytes} bytes, {layout.block_uses} uses per block",
        )


def check_decoding(layouts: Iterable[SamplesLayout | CodedLayout]) -> None:
    """Refuses frames that would take too long to decode.

    Bits that arrive as noise cost the most, as they take all iterations: about 5 us per coded bit
    on one slow core, so that the bound stands for 20 s. It is four coded bits per pixel of the
    largest working picture, and eighty per pixel of the usual one of 192 x 256.

    Raises:
        TooLarge: more than MAX_CODED_BITS.
    """
    coded = [layout for layout in layouts if isinstance(layout, CodedLayout)]
    coded_bits = sum(layout.blocks * layout.coded_bits for layout in coded)
    if coded_bits > MAX_CODED_BITS:
        raise TooLarge(
            f"the frame exceeds {MAX_CODED_BITS} coded bits.",
            field="frame",
            value=str(coded_bits),
            cure="Send a smaller picture, or grant less.",
        )


def _check_least_blocks(least_blocks: int) -> None:
    if not 1 <= least_blocks <= MOST_LEAST_BLOCKS:
        raise InvalidInput(
            f"a payload is cut into 1 to {MOST_LEAST_BLOCKS} blocks at least.",
            field="least_blocks",
            value=least_blocks,
        )


def _blocks(payload_bytes: int, mcs: Mcs, least_blocks: int) -> int:
    fits_long = mcs.code_rate >= LONG_BLOCK_LEAST_RATE
    most_bits = LARGEST_BLOCK_BITS if fits_long else LONG_BLOCK_ABOVE_BITS
    blocks = max(least_blocks, math.ceil(8 * payload_bytes / most_bits))
    return math.ceil(payload_bytes / math.ceil(payload_bytes / blocks))


def _nominal_uses(payload_bytes: int, mcs: Mcs, least_blocks: int) -> int:
    layout = CodedLayout(payload_bytes, mcs.name, 1, least_blocks)
    return math.ceil(layout.info_bits / (mcs.code_rate * mcs.bits_per_symbol))
