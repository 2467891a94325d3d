"""What the model knows before the first pixel: nothing, or what maps of a kind have taught it.

A file of trained tables holds a model with its counters rounded to one byte each, compressed
by LZMA. The number of the tables travels in the first byte of every map, so tables once
published never change: better ones get the next number, and a file of their own.
"""

from __future__ import annotations

import lzma
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import NamedTuple

import numpy as np
from jaxtyping import UInt8, UInt32

from semlink.core.codecs.label_coder.contexts import CONTEXTS, PATTERNS
from semlink.core.codecs.label_coder.logistic import LIMIT, ONE, SQUASH, STRETCH
from semlink.core.codecs.label_coder.mixing import (
    CONFIDENCES,
    EVEN,
    INPUTS,
    KNOTS,
    MIXERS,
    QUESTIONS,
    SEEN,
    SEEN_BITS,
    SLOTS,
    WEIGHT_ONE,
    WEIGHT_SETS,
    Model,
)
from semlink.core.errors import InternalError


class Tables(NamedTuple):
    """A published file.

    Attributes:
        file: its name in the package's folder `label_tables`.
        digest: its SHA-256.
    """

    file: str
    digest: str


UNTRAINED = 0
STREETS = 1
TABLES: dict[int, Tables] = {
    STREETS: Tables(
        "streets-1.bin", "c344fc7bcfad4e1a68dd4f2868117eed906ef99b42698eb8299bbd727fc3b390"
    )
}

TRUST = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9)  # in a counter, by its confidence
WEIGHT = 0.18  # of a counter that is trusted
RATES = (5 * ONE // 1000, 3 * ONE // 1000)
TRAINED_RATES = (2 * ONE // 1000, ONE // 2000)

MAGIC = b"semlink label tables 1\n"
FILTERS = [{"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME, "lc": 2, "lp": 0, "pb": 0}]
LEAST_SEEN = 2  # what was seen less is forgotten
SEEN_FROM = np.array([LEAST_SEEN, 4, 12, 40])  # classes of a counter's age
SEEN_AS = np.array([1, 2, 5, 12])  # less than it was: the map at hand weighs more
STEP = 128  # of a counter's logit
LEVELS = 2 * LIMIT // STEP + 1


def model_of(tables: int) -> Model:
    """A fresh copy of the model to start from.

    Args:
        tables: UNTRAINED, or a key of TABLES.

    Raises:
        InternalError: the file of the tables is not the published one.
    """
    return untrained() if tables == UNTRAINED else Model(*[part.copy() for part in _read(tables)])


@cache
def _read(tables: int) -> Model:
    file, digest = TABLES[tables]
    data = (files("semlink.core.codecs") / "label_tables" / file).read_bytes()
    if sha256(data).hexdigest() != digest:
        raise InternalError("the trained tables of the label maps are damaged.", field=file)
    return unpack(data)


def untrained() -> Model:
    """Knows nothing of any map."""
    weights = np.zeros((WEIGHT_SETS, INPUTS, CONFIDENCES), np.int32)
    weights[:, :CONTEXTS] = [round(WEIGHT * trust * WEIGHT_ONE) for trust in TRUST]
    knots = np.minimum(np.arange(KNOTS) * 128, 2 * LIMIT)
    refined = np.tile(SQUASH[knots] << 6, (QUESTIONS * PATTERNS, 1)).astype(np.int32)
    return Model(
        counters=np.full(CONTEXTS * SLOTS, EVEN, np.uint32),
        weights=weights,
        blend=np.full((QUESTIONS, MIXERS), WEIGHT_ONE // MIXERS, np.int32),
        refined=refined,
        rates=np.array(RATES),
    )


def pack(model: Model) -> bytes:
    """A file of a model: counters to half a nat, weights to 2^-13."""
    arrays = (
        _counter_codes(model.counters),
        np.clip((model.weights + 4) >> 3, -(1 << 15), (1 << 15) - 1).astype("<i2"),
        np.clip((model.blend + 4) >> 3, -(1 << 15), (1 << 15) - 1).astype("<i2"),
        (model.refined >> 6).astype("<u2"),
    )
    content = b"".join(array.tobytes() for array in arrays)
    return MAGIC + lzma.compress(content, lzma.FORMAT_XZ, lzma.CHECK_CRC32, filters=FILTERS)


def unpack(data: bytes) -> Model:
    """Inverse of `pack`, but for what was rounded."""
    content = lzma.decompress(data.removeprefix(MAGIC))
    model, arrays, start = untrained(), [], 0
    for part, kind in zip(model[:4], ("u1", "<i2", "<i2", "<u2"), strict=True):
        array = np.frombuffer(content, kind, part.size, start).reshape(part.shape)
        arrays.append(array.astype(np.int32))
        start += array.nbytes
    codes, weights, blend, refined = arrays
    return Model(
        counters=_counters(codes.astype(np.uint8)),
        weights=weights << 3,
        blend=blend << 3,
        refined=refined << 6,
        rates=np.array(TRAINED_RATES),
    )


def _counter_codes(counters: UInt32[np.ndarray, " counter"]) -> UInt8[np.ndarray, " counter"]:
    """Zero for a counter that has seen too little, else 1 + 4 * level + age."""
    seen = counters & SEEN
    level = (STRETCH[counters >> 16] + LIMIT + STEP // 2) // STEP
    age = np.searchsorted(SEEN_FROM, seen, side="right") - 1
    return np.where(seen < LEAST_SEEN, 0, 1 + 4 * level + age).astype(np.uint8)


def _counters(codes: UInt8[np.ndarray, " counter"]) -> UInt32[np.ndarray, " counter"]:
    level, age = np.divmod(np.arange(4 * LEVELS), 4)
    known = SQUASH[level * STEP].astype(np.uint32) << 6 << SEEN_BITS | SEEN_AS[age]
    table: UInt32[np.ndarray, " code"] = np.concatenate([[EVEN], known]).astype(np.uint32)
    counters: UInt32[np.ndarray, " counter"] = table[codes]
    return counters
