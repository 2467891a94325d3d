"""Bits with given probabilities as bytes, by the range coder of the library constriction.

The writer knows all probabilities before it codes, so one call of the library codes a map.
The reader needs a bit before it knows the probability of the next, 50 000 times and more.
From Python each would take a call of the library (half a microsecond) and one of the compiled
model (seven), several times what the whole map takes here, under Python's lock. So the
reader follows the library's bitstream inside the compiled loop (`read_bit`), and the tests
hold it against the library's own decoder.

The bitstream: a range coder of 64 bits that puts out words of 32, probabilities of 24 bits
(Bamler, "Understanding entropy coding with asymmetric numeral systems", arXiv:2201.01741,
and the library's documentation). A probability p / ONE becomes what the library makes
of that number: zero has floor((ONE - p) (2^24 - 2) / ONE) + 1 parts of 2^24.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from semlink.core.codecs.final_interval import final_interval
from semlink.core.codecs.label_coder.compiling import compiled
from semlink.core.codecs.label_coder.logistic import ONE

CHUNK = 1 << 16
WORD_BYTES = 4
WHOLE = (1 << 64) - 1  # length of the interval before the first decision


class Tape(NamedTuple):
    """Where the bits go to or come from.

    Attributes:
        words: uint32, to read from; two zeros follow the last.
        interval: uint64: its length, and how far into it the number lies that is read.
        cursor: words read (or damage, as -1); decisions written.
        record: uint32, decisions to write, twice the probability of a one plus the bit; empty
            if the tape is read.
    """

    words: np.ndarray
    interval: np.ndarray
    cursor: np.ndarray
    record: np.ndarray


def blank_tape(decisions: int) -> Tape:
    """To be written, with room for that many decisions."""
    empty = np.zeros(0, np.uint32)
    cursor = np.zeros(2, np.int64)
    return Tape(empty, np.zeros(2, np.uint64), cursor, np.empty(decisions, np.uint32))


def tape_of(data: bytes) -> Tape:
    """To be read."""
    padded = data + bytes(-len(data) % WORD_BYTES + 2 * WORD_BYTES)
    words = np.frombuffer(padded, ">u4").astype(np.uint32)
    interval = np.array([WHOLE, int(words[0]) << 32 | int(words[1])], np.uint64)
    return Tape(words, interval, np.array([2, 0]), np.zeros(0, np.uint32))


def bytes_of(tape: Tape) -> bytes:
    """The recorded decisions, coded: the bytes that name the final interval."""
    import constriction

    encoder = constriction.stream.queue.RangeEncoder()
    family = constriction.stream.model.Bernoulli(perfect=False)
    record = tape.record[: tape.cursor[1]]
    for start in range(0, len(record), CHUNK):
        chunk = record[start : start + CHUNK]
        encoder.encode((chunk & 1).astype(np.int32), family, (chunk >> 1) / ONE)
    return named(*final_interval(encoder))


def is_whole(data: bytes, tape: Tape) -> bool:
    """Whether `bytes_of` writes these bytes for the decisions that were read.

    A reader goes on behind the end of bytes that were cut short, and stops before the end
    of bytes that are too many; damage between makes it need more of them or fewer.
    """
    bits = 32 * int(tape.cursor[0])
    if bits <= 0 or 8 * len(data) > bits:
        return False
    length, ahead = (int(value) for value in tape.interval)
    return data == named((int.from_bytes(data) << (bits - 8 * len(data))) - ahead, length, bits)


def named(bottom: int, length: int, bits: int) -> bytes:
    """Bytes whose number, followed by zeros, lies in an interval; how many depends on its length.

    Args:
        bottom: the interval's lower end.
        length: of the interval, 2^32 .. 2^64 - 1; the greatest is the one before all decisions.
        bits: of the numbers, at least 64.
    """
    rest = 64 if length == WHOLE else (length.bit_length() - 1) // 8 * 8
    return (-(-bottom >> rest)).to_bytes((bits - rest) // 8)


@compiled
def read_bit(tape: Tape, probability: int) -> int:
    """The next bit, which is a one with the probability / ONE; marks damage in the cursor."""
    length, ahead = tape.interval[0], tape.interval[1]
    zero = (((ONE - probability) * ((1 << 24) - 2)) >> 16) + 1
    scale = length >> np.uint64(24)
    split = scale * np.uint64(zero)
    if ahead < split:
        bit, length = 0, split
    else:
        bit, length, ahead = 1, scale * np.uint64((1 << 24) - zero), ahead - split
        if ahead >= length:
            tape.cursor[0] = -1
            return bit
    if length >> np.uint64(32) == np.uint64(0):
        length, ahead = length << np.uint64(32), ahead << np.uint64(32)
        if tape.cursor[0] < tape.words.shape[0]:
            ahead |= np.uint64(tape.words[tape.cursor[0]])
        tape.cursor[0] += 1
    tape.interval[0], tape.interval[1] = length, ahead
    return bit
