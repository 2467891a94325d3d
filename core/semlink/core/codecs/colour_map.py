"""Colour maps: a picture of few pixels in few bytes.

A picture of 16x21 pixels costs less than the framing of any image codec. Here there is
no framing: one byte says the version and how fine, the rest are range-coded coefficients of one
cosine transform over the whole picture, in the colour space YCoCg (Malvar and Sullivan, 2003),
whose chroma keeps the lower half of the frequencies on either axis. The model of the
coefficients is fixed: it was fitted once (see `WEIGHTS`) and takes the rest from what is coded
already. All arithmetic is on integers: every machine decodes the same bytes to the same picture.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import lru_cache

import numpy as np
from jaxtyping import Int64

from semlink.core.codecs.codec import PictureCodec, corrupt, reading
from semlink.core.codecs.label_coder.logistic import LIMIT, ONE, SQUASH
from semlink.core.pictures import Rgb, Size

NAME = "colour map"
VERSION = 0
QUALITIES = 49  # 8 per halving of the quantiser's step, which goes from 128 to 2 levels
MAX_PIXELS = 64 * 64
MAX_BITS = 13  # of a coefficient's magnitude: the most that so many pixels have at step 2
MAX_BYTES = 1 << 15

WEIGHTS: tuple[tuple[int, ...], ...] = (
    (1147, -185, -112, 152, -918, 23, 70, 341, 484, -175, 0),
    (1410, -231, -150, 115, -1069, 50, 46, 304, 585, -139, 0),
    (2550, -289, -218, 54, -1477, 124, 27, 230, 365, 19, -334),
)
"""Of a logistic regression, in 2^-8: is the magnitude at least 1; 2, given that; 2^k, for k > 1.

The terms are those of `_terms`, in their order. Fitted to CamVid's training pictures at 16x21.
"""

Plane = Int64[np.ndarray, "_height _width"]
Magnitudes = list[list[int]]
Decide = Callable[[int, bool], bool]
"""Codes one decision, whose probability of a yes is given in 2^-16, and returns it."""

_SCALE = 12  # bits after the point in a cosine matrix
_ROUNDING = (
    5,
    16,
)  # a magnitude becomes the next if it is within 5/16 of it: fewer bytes, less hiss
_LOG = tuple(round(16 * math.log2(1 + value)) for value in range(512))
_STEPS = tuple(round(16 * 2 ** (7 - quality / 8)) for quality in range(QUALITIES))


def encode_colours(picture: Rgb, quality: int) -> bytes:
    """Bytes of a small picture.

    Args:
        picture: of at most MAX_PIXELS; `pictures.resize` averages areas.
        quality: 0 .. QUALITIES - 1, where the quantiser's step is 128 and 2 levels.
    """
    size = Size(*picture.shape[:2])
    assert size.pixels <= MAX_PIXELS, f"{size} is no colour map"
    writer = _Writer()
    _walk(_quantised(picture, quality), quality, writer.decide)
    return bytes([VERSION << 6 | quality]) + _coded(writer.record)


def decode_colours(data: bytes, size: Size) -> Rgb:
    """Inverse of `encode_colours`, but for what it left out.

    Raises:
        CorruptData: the bytes are damaged, or a picture of another size. Damage that happens
            to spell another whole picture goes unseen.
    """
    version, quality = divmod(data[0] if data else 255, 64)
    if version != VERSION or quality >= QUALITIES:
        raise corrupt(NAME, f"version {version}, quality {quality} is unknown")
    if len(data) > MAX_BYTES or size.pixels > MAX_PIXELS:
        raise corrupt(NAME, "it is too large")
    reader, planes = _Reader(data[1:]), [np.zeros(shape, np.int64) for shape in _shapes(size)]
    with reading(NAME):
        _walk(planes, quality, reader.decide)
    if _coded(reader.record) != data[1:]:
        raise corrupt(NAME, "its bytes are not a whole picture")
    return _picture(planes, quality)


COLOURS = PictureCodec(
    NAME,
    (0.0, float(QUALITIES - 1)),
    lambda picture, quality: encode_colours(picture, round(quality)),
    decode_colours,
)
"""As the image codecs have it, for whoever looks for the quality that fits a budget."""


# Pixels and coefficients


@lru_cache(maxsize=8)
def _cosines(side: int) -> Int64[np.ndarray, "{side} {side}"]:
    """Rows of the orthonormal DCT-II, with `_SCALE` bits after the point."""
    frequency, sample = np.arange(side)[:, None], np.arange(side)
    rows = np.cos(np.pi * (2 * sample + 1) * frequency / (2 * side)) * math.sqrt(2 / side)
    rows[0] = math.sqrt(1 / side)
    return np.round(rows * (1 << _SCALE)).astype(np.int64)


def _quantised(picture: Rgb, quality: int) -> list[Plane]:
    """Quantised coefficients of Y, Cg and Co; of the latter, the lower frequencies."""
    red, green, blue = np.moveaxis(picture.astype(np.int64), -1, 0)
    luma = red + 2 * green + blue - 512
    samples = [luma, 2 * green - red - blue, 2 * (red - blue)]  # all of them times 4
    step = _STEPS[quality] << 2 * _SCALE - 2
    down, across = map(_cosines, luma.shape)
    planes = []
    for plane, shape in zip(samples, _shapes(Size(*luma.shape)), strict=True):
        found = (down @ plane @ across.T)[: shape.height, : shape.width]
        share, whole = _ROUNDING
        planes.append(np.sign(found) * ((np.abs(found) + step * share // whole) // step))
    return planes


def _picture(planes: list[Plane], quality: int) -> Rgb:
    down, across = map(_cosines, planes[0].shape)
    luma, green, orange = (
        down[: len(plane)].T @ (plane * _STEPS[quality]) @ across[: plane.shape[1]]
        for plane in planes
    )
    rgb = np.stack([luma - green + orange, luma + green, luma - green - orange], -1)
    bits = 2 * _SCALE + 4
    levels = (rgb + (128 << bits) + (1 << bits - 1)) >> bits
    return levels.clip(0, 255).astype(np.uint8)


def _shapes(size: Size) -> tuple[Size, Size, Size]:
    half = Size((size.height + 1) // 2, (size.width + 1) // 2)
    return size, half, half


# Coefficients and bits


class _Writer:
    """Takes decisions, and notes each with its probability."""

    def __init__(self) -> None:
        self.record: list[int] = []

    def decide(self, probability: int, yes: bool) -> bool:
        self.record.append(probability << 1 | yes)
        return yes


class _Reader(_Writer):
    """Reads decisions by the library's range decoder, behind the end of the bytes zeros."""

    def __init__(self, data: bytes):
        import constriction

        super().__init__()
        words = np.frombuffer(data + bytes(-len(data) % 4 + 8), ">u4").astype(np.uint32)
        self._decoder = constriction.stream.queue.RangeDecoder(words)
        self._family = constriction.stream.model.Bernoulli

    def decide(self, probability: int, yes: bool) -> bool:
        model = self._family(probability / ONE, perfect=False)
        return super().decide(probability, bool(self._decoder.decode(model)))


def _coded(record: list[int]) -> bytes:
    from semlink.core.codecs.label_coder.range_coding import blank_tape, bytes_of

    tape = blank_tape(len(record))
    tape.record[:], tape.cursor[1] = record, len(record)
    return bytes_of(tape)


def _walk(planes: list[Plane], quality: int, decide: Decide) -> None:
    """Codes the planes in their order, low frequencies first, or fills them with what is read."""
    picture = Size(*planes[0].shape)
    known = [_nothing(picture) for _ in planes]
    for chroma, plane in enumerate(planes):
        for row, column, radius in _low_to_high(picture, Size(*plane.shape)):
            terms = _terms(known, chroma, row, column, radius, quality)
            value = _value(int(plane[row, column]), terms, decide)
            plane[row, column] = value
            known[chroma][row + 2][column + 2] = abs(value)


def _nothing(size: Size) -> Magnitudes:
    """With a margin of two, which stays zero."""
    return [[0] * (size.width + 2) for _ in range(size.height + 2)]


@lru_cache(maxsize=8)
def _low_to_high(picture: Size, plane: Size) -> tuple[tuple[int, int, int], ...]:
    """Rows, columns, and squares of the radius in 1 / 256 of the picture's band, ascending."""
    height, width = picture

    def square(row: int, column: int) -> int:
        return 256 * ((row * width) ** 2 + (column * height) ** 2) // picture.pixels**2

    places = [(row, column) for row in range(plane.height) for column in range(plane.width)]
    return tuple(sorted(((*at, square(*at)) for at in places), key=lambda at: (at[2], at)))


def _terms(
    known: list[Magnitudes], chroma: int, row: int, column: int, radius: int, quality: int
) -> list[int]:
    """What the model knows of a coefficient, in 1 / 16 each.

    A constant, the logarithms of the step, the radius, and the magnitudes beneath; whether it is
    chroma, and then the radius again, luma's magnitude and, for the second chroma, the first's;
    whether it is a mean; whether it is a mean of chroma.
    """
    above2, above, here = known[chroma][row : row + 3]
    beneath = 2 * (above[column + 2] + here[column + 1])
    beneath += above[column + 1] + above2[column + 2] + here[column]
    luma = known[0][row + 2][column + 2] if chroma else 0
    other = known[1][row + 2][column + 2] if chroma == 2 else 0
    mean, slope, is_chroma = 16 * (row == column == 0), _LOG[min(radius, 511)], int(chroma > 0)
    return [
        *(16, 112 - 2 * quality, slope, _LOG[min(beneath, 511)]),
        *(16 * is_chroma, slope * is_chroma, _LOG[min(luma, 511)], _LOG[min(other, 511)]),
        *(mean, mean * is_chroma),
    ]


def _value(value: int, terms: list[int], decide: Decide) -> int:
    """Codes how many bits the magnitude has, by the model, then the bits and the sign as such."""
    bits, length = abs(value).bit_length(), 0
    logits = _logits(terms)
    while length < MAX_BITS and decide(next(logits), bits > length):
        length += 1
    if not length:
        return 0
    magnitude = 1
    for place in reversed(range(length - 1)):
        magnitude = magnitude << 1 | decide(ONE // 2, bool(abs(value) >> place & 1))
    return -magnitude if decide(ONE // 2, value < 0) else magnitude


def _logits(terms: list[int]) -> Iterator[int]:
    """Probabilities that the magnitude has more bits than 0, 1, 2, ..."""
    for length in range(MAX_BITS):
        weights = WEIGHTS[min(length, 2)]
        logit = sum(map(int.__mul__, weights, [*terms, 16 * length])) >> 4
        yield int(SQUASH[LIMIT + min(max(logit, -LIMIT), LIMIT)])
