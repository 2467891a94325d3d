"""Numbers and bits through constriction's range coder, or merely priced.

Writer, reader and scale take the same calls, so that what is coded is said once for all of them.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np

from semlink.core.codecs.final_interval import fewest_bytes, final_interval
from semlink.core.codecs.label_coder.logistic import ONE
from semlink.core.errors import CorruptData

WORD_BYTES = 4


class Writer:
    """Collects what is coded."""

    def __init__(self) -> None:
        import constriction

        self._encoder = constriction.stream.queue.RangeEncoder()

    def number(self, size: int, value: int | None) -> int:
        """See `Coder`."""
        assert value is not None, "a writer is told what to write"
        if size > 1:
            self._encoder.encode(value, uniform(size))
        return value

    def bit(self, one: int, value: int | None) -> int:
        """See `Coder`."""
        assert value is not None, "a writer is told what to write"
        self._encoder.encode(np.array([value], np.int32), chances(), np.array([one / ONE]))
        return value

    def finish(self) -> bytes:
        """The fewest bytes that a reader needs, zeros following."""
        return fewest_bytes(final_interval(self._encoder))


class Reader:
    """Gives back what a writer was told.

    Args:
        data: behind its end there are zeros.
        field: for errors.
    """

    def __init__(self, data: bytes, field: str):
        self._decoder, self._field = decoder_of(data), field

    def number(self, size: int, value: int | None) -> int:
        """See `Coder`.

        Raises:
            CorruptData: no writer makes such bytes.
        """
        return int(self._read(uniform(size))) if size > 1 else 0

    def bit(self, one: int, value: int | None) -> int:
        """See `Coder`.

        Raises:
            CorruptData: no writer makes such bytes.
        """
        return int(self._read(chances(), np.array([one / ONE]))[0])

    def _read(self, *model: Any) -> Any:
        try:
            return self._decoder.decode(*model)
        except (AssertionError, ValueError) as error:
            raise damaged(self._field) from error


class Scale:
    """Weighs what a writer would write.

    Attributes:
        bits: so far.
    """

    def __init__(self) -> None:
        self.bits = 0.0

    def number(self, size: int, value: int | None) -> int:
        """See `Coder`."""
        assert value is not None, "a scale is told what to weigh"
        self.bits += math.log2(size)
        return value

    def bit(self, one: int, value: int | None) -> int:
        """See `Coder`."""
        assert value is not None, "a scale is told what to weigh"
        self.bits -= math.log2((one if value else ONE - one) / ONE)
        return value


Coder = Writer | Reader | Scale
"""Codes one thing after another: `number`, one of 0 .. size - 1 that are all equally likely, and
`bit`, which is one with the probability one / ONE. Each returns the value, which it is told
unless it is to read it."""


def decoder_of(data: bytes) -> Any:
    """The library's decoder of bytes that zeros follow."""
    import constriction

    padded = data + bytes(-len(data) % WORD_BYTES + 2 * WORD_BYTES)
    words = np.frombuffer(padded, ">u4").astype(np.uint32)
    return constriction.stream.queue.RangeDecoder(words)


def damaged(field: str) -> CorruptData:
    """The error for bytes that no writer makes."""
    return CorruptData(
        "the tokens cannot be decoded: their bytes are damaged.",
        field=field,
        cure="Use the same version and network on both ends of the link.",
    )


@cache
def uniform(size: int) -> Any:
    """The library's model of equally likely numbers."""
    import constriction

    return constriction.stream.model.Uniform(size)


@cache
def chances() -> Any:
    """The library's models of bits, by the probability of a one."""
    import constriction

    return constriction.stream.model.Bernoulli(perfect=False)
