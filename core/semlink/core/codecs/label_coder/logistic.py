"""The logistic function and its inverse as tables of integers.

The model adds evidence in the logistic domain, as stretch(p) = ln(p / (1 - p)) in units of
1 / 256, and codes with probabilities in units of 2^-16. Every entry is made by integer
arithmetic, so the tables are the same on every machine, whatever its mathematical library.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Int32

UNIT = 256  # of the logistic domain: one nat
LIMIT = 11 * UNIT  # beyond it a probability of 16 bits does not change
ONE = 1 << 16  # probability 1

_FRACTION = 62
_DECAY = 4593706758521714574  # exp(-1 / UNIT), with 62 bits after the point


def squash_table() -> Int32[np.ndarray, " logit"]:
    """Entry LIMIT + x is ONE / (1 + exp(-x / UNIT)), for x in -LIMIT .. LIMIT; 1 .. ONE - 1."""
    one = 1 << _FRACTION
    power, below = one, []
    for _ in range(LIMIT + 1):
        below.append(max(1, (ONE * power + (one + power) // 2) // (one + power)))
        power = power * _DECAY >> _FRACTION
    negative = np.array(below[:0:-1], np.int32)
    return np.concatenate([negative, [ONE // 2], ONE - negative[::-1]]).astype(np.int32)


def stretch_table() -> Int32[np.ndarray, " probability"]:
    """Entry p is the x at which `squash_table` reaches p; entry 0 is as entry 1. Odd about 1/2."""
    lower = np.searchsorted(squash_table(), np.arange(ONE // 2)) - LIMIT
    lower[0] = lower[1]
    return np.concatenate([lower, [0], -lower[:0:-1]]).astype(np.int32)


SQUASH = squash_table()
STRETCH = stretch_table()
