"""What crosses the radio: complex baseband streams, one per payload."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Complex64

from semlink.core.noise import SignalPower
from semlink.core.schemes import Scheme

Symbols = Complex64[np.ndarray, "uses"]


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
        """Number of complex symbols."""
        return (self.sample_count + 1) // 2


@dataclass(frozen=True)
class Stream:
    """One payload on the air.

    Attributes:
        name: of the payload.
        symbols: one complex number per channel use.
        peak: A, largest absolute value per real dimension that the payload may take.
        mean_power: mean of |symbol|^2 as sent.
        layout: what the receiver needs to undo the mapping.
    """

    name: str
    symbols: Symbols
    peak: float
    mean_power: float
    layout: SamplesLayout

    @property
    def power(self) -> SignalPower:
        """What the noise definition needs to know."""
        return SignalPower(peak=self.peak, mean_power=self.mean_power)


@dataclass(frozen=True)
class Frame:
    """All streams of one transmission.

    The header rides beside the streams as ideal control information: it is counted in bytes but
    the channel does not touch it.
    """

    scheme: Scheme
    header: bytes
    streams: tuple[Stream, ...]

    @property
    def channel_uses(self) -> int:
        """Complex symbols of all streams."""
        return sum(stream.symbols.size for stream in self.streams)


@dataclass(frozen=True)
class StreamDraw:
    """The realisation of the channel for one stream, for genie receivers and for the report.

    Attributes:
        name: of the stream.
        noise_power: N0 per channel use, as set.
        measured_noise_power: mean of |noise|^2 as drawn.
        measured_snr_db: mean power of the stream as sent over the measured noise power.
        measured_psnr_db: peak^2 over the measured noise variance per real dimension.
    """

    name: str
    noise_power: float
    measured_noise_power: float
    measured_snr_db: float
    measured_psnr_db: float


@dataclass(frozen=True)
class Propagation:
    """A frame after the channel, with the draw of each stream, in the same order."""

    frame: Frame
    draws: tuple[StreamDraw, ...]
