"""What the library constriction's range coder has narrowed down to, as a number.

The library writes words of 32 bits; payloads of a few dozen bytes want to end at a byte.
"""

from __future__ import annotations

from itertools import count
from typing import Any, NamedTuple


class Interval(NamedTuple):
    """Numbers that all stand for the same symbols.

    Attributes:
        bottom: the least of them.
        length: how many there are, 2^32 .. 2^64 - 1.
        bits: in which they are written.
    """

    bottom: int
    length: int
    bits: int


def final_interval(encoder: Any) -> Interval:
    """Of a `constriction.stream.queue.RangeEncoder`."""
    words, (lower, length) = encoder.pos()
    whole = int.from_bytes(encoder.get_compressed()[:words].astype(">u4").tobytes())
    if lower + (1 << 32) > 1 << 64:  # the library chose a number beyond the next carry
        whole -= 1
    return Interval((whole << 64) + lower, length, 32 * words + 64)


def fewest_bytes(interval: Interval) -> bytes:
    """The shortest string that, followed by zeros, is in the interval; it never ends in a zero."""
    for size in count():
        rest = interval.bits - 8 * size
        number = -(-interval.bottom >> rest)
        if number << rest < interval.bottom + interval.length:
            return number.to_bytes(size)
    raise AssertionError("an interval of 2^32 numbers has one of so few bits")
