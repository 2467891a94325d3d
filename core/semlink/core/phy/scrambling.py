"""Pseudo-random bits that both ends know (3GPP TS 38.211, 5.2.1)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from jaxtyping import UInt8

DISCARDED = 1600  # Nc
REGISTER_BITS = 31
C_INIT = 0x5E311  # of our radio; any number below 2^31 would do

Bits = UInt8[np.ndarray, "bits"]


@lru_cache(maxsize=4)
def scrambling_sequence(length: int, c_init: int = C_INIT) -> Bits:
    """The Gold sequence of length 31 that starts from `c_init`; read-only."""
    x1 = _register(1, (0, 3), DISCARDED + length)
    x2 = _register(c_init, (0, 1, 2, 3), DISCARDED + length)
    sequence: Bits = (x1 ^ x2)[DISCARDED:]
    sequence.flags.writeable = False
    return sequence


def _register(start: int, taps: Sequence[int], length: int) -> Bits:
    """Output of a linear feedback register: x(i + 31) is the sum of x(i + tap) over the taps.

    Over GF(2) this implies the same with all distances doubled, again and again, so that a run
    of bits that grows with what is known follows at once.
    """
    bits = np.zeros(max(length, REGISTER_BITS), np.uint8)
    bits[:REGISTER_BITS] = [start >> i & 1 for i in range(REGISTER_BITS)]
    known, stride = REGISTER_BITS, 1
    while known < length:
        if known >= 2 * REGISTER_BITS * stride:
            stride *= 2
        new = min((REGISTER_BITS - max(taps)) * stride, length - known)
        first = known - REGISTER_BITS * stride
        runs = [bits[first + tap * stride :][:new] for tap in taps]
        bits[known : known + new] = np.bitwise_xor.reduce(runs)
        known += new
    return bits[:length]
