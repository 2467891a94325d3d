"""The best quality of an image codec that fits a number of bytes."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from semlink.core.codecs.codec import PictureCodec
from semlink.core.pictures import Rgb, Size, photo_digest

ENCODES = 8  # at most, per picture and budget, if there is enough by then
MOST_ENCODES = 10  # at most, before the codec's other ways are tried
CLOSE = 0.99  # of the bytes granted: no better quality is looked for
AIM = 0.995  # of the bytes granted: what the search goes for
ENOUGH = 0.97  # of the bytes granted: what fits and has this much competes by PSNR

_Point = tuple[float, float]  # quality, log(bytes / aim)


@dataclass(frozen=True)
class Fit:
    """What a codec makes of a picture in so many bytes.

    Attributes:
        data: the best that fits; None if nothing does.
        least_bytes: what the worst quality takes; known only if nothing fits.
    """

    data: bytes | None
    least_bytes: int = 0


@dataclass(frozen=True)
class _Question:
    codec: PictureCodec
    digest: str
    most_bytes: int
    picture: Rgb = field(compare=False)


def fit(codec: PictureCodec, picture: Rgb, most_bytes: int) -> Fit:
    """The picture in at most so many bytes, at the highest PSNR that the search finds.

    Answers are kept for a while: sweeps send the same photo over many channels.
    """
    return _answer(_Question(codec, photo_digest(picture), most_bytes, picture))


@lru_cache(maxsize=16)
def _answer(question: _Question) -> Fit:
    codec, picture, most_bytes = question.codec, question.picture, question.most_bytes
    tried = _Trials(codec, picture, most_bytes)
    qualities = _search(tried, codec.qualities)
    if not tried.enough:
        tried.others(qualities)
    if not tried.fitting:
        return Fit(None, min(map(len, tried.encoded)))
    largest = max(map(len, tried.fitting))
    close = [d for d in tried.fitting if len(d) >= min(largest, ENOUGH * most_bytes)]
    return Fit(max(close, key=lambda data: psnr_db(codec, data, picture)))


class _Trials:
    """All that was encoded so far."""

    def __init__(self, codec: PictureCodec, picture: Rgb, most_bytes: int):
        self.codec, self.picture, self.most_bytes = codec, picture, most_bytes
        self.encoded: list[bytes] = []

    def excess(self, quality: float) -> float:
        """Logarithm of the bytes over `AIM`."""
        self.encoded.append(self.codec.encode(self.picture, quality))
        return math.log(len(self.encoded[-1]) / (AIM * self.most_bytes))

    def others(self, qualities: tuple[float, ...]) -> None:
        """Encodes in the codec's other ways, until there is enough."""
        for encode in self.codec.others:
            for quality in qualities:
                if not self.enough:
                    self.encoded.append(encode(self.picture, quality))

    @property
    def fitting(self) -> list[bytes]:
        return [data for data in self.encoded if len(data) <= self.most_bytes]

    @property
    def enough(self) -> bool:
        return any(len(data) >= ENOUGH * self.most_bytes for data in self.fitting)

    @property
    def done(self) -> bool:
        count = len(self.encoded)
        close = CLOSE * self.most_bytes <= len(self.encoded[-1]) <= self.most_bytes
        return close or count >= (ENCODES if self.enough else MOST_ENCODES)


def _search(tried: _Trials, qualities: tuple[float, float]) -> tuple[float, ...]:
    """A walk to a bracket, then Illinois; the bracket's qualities, where there is one.

    Illinois is regula falsi that halves an end's weight when it stays (Dowell & Jarratt, 1971),
    here on the logarithm of the bytes, which is nearly linear in the quality.
    """
    worst, best = qualities
    ends = _bracket(tried.excess, [worst + (best - worst) * rung / 4 for rung in range(5)])
    moved = 0
    while ends and not tried.done:
        (low, below), (high, above) = ends
        quality = low - below * (high - low) / (above - below)
        excess = tried.excess(quality)
        side = 1 if excess > 0 else -1
        if side > 0:
            ends = (low, below / 2 if side == moved else below), (quality, excess)
        else:
            ends = (quality, excess), (high, above / 2 if side == moved else above)
        moved = side
    return (ends[1][0], ends[0][0]) if ends else ()


def _bracket(
    excess: Callable[[float], float], ladder: list[float]
) -> tuple[_Point, _Point] | None:
    """Neighbours on the ladder of which one is too small and one too large; None if none are."""
    rung = len(ladder) // 2
    here = (ladder[rung], excess(ladder[rung]))
    step = -1 if here[1] > 0 else 1
    while 0 <= rung + step < len(ladder):
        rung += step
        there = (ladder[rung], excess(ladder[rung]))
        if (there[1] > 0) != (here[1] > 0):
            return (there, here) if step < 0 else (here, there)
        here = there
    return None


def psnr_db(codec: PictureCodec, data: bytes, picture: Rgb) -> float:
    """How near a codec's bytes come to the picture; infinite for the picture itself."""
    decoded = codec.decode(data, Size(*picture.shape[:2])).astype(np.float64)
    error = float(np.mean(np.square(decoded - picture)))
    return 10 * math.log10(255**2 / error) if error else math.inf
