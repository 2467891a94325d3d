"""Numbers and bits through constriction's range coder, one after another."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from jaxtyping import Bool, Int64

from semlink.core.codecs.final_interval import fewest_bytes, final_interval
from semlink.core.codecs.label_coder.logistic import ONE
from semlink.core.errors import CorruptData

WORD_BYTES = 4


class Writer:
    """Collects what is coded."""

    def __init__(self) -> None:
        import constriction

        self._encoder = constriction.stream.queue.RangeEncoder()

    def number(self, size: int, value: int) -> None:
        """A number of 0 .. size - 1, all equally likely."""
        if size > 1:
            self._encoder.encode(value, uniform(size))

    def bits(self, ones: Int64[np.ndarray, " bits"], bits: Bool[np.ndarray, " bits"]) -> None:
        """Bits, each of which is one with the probability ones / ONE."""
        self._encoder.encode(bits.astype(np.int32), chances(), ones / ONE)

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

    def number(self, size: int) -> int:
        """A number of 0 .. size - 1, all equally likely.

        Raises:
            CorruptData: no writer makes such bytes.
        """
        return int(self._read(uniform(size))) if size > 1 else 0

    def bit(self, one: int) -> int:
        """A bit, which is one with the probability one / ONE.

        Raises:
            CorruptData: no writer makes such bytes.
        """
        return int(self._read(chances(), np.array([one / ONE]))[0])

    def _read(self, *model: Any) -> Any:
        try:
            return self._decoder.decode(*model)
        except (AssertionError, ValueError) as error:
            raise damaged(self._field) from error


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
