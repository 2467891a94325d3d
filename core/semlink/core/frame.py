"""What crosses the radio: complex baseband streams, one per payload."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Complex64

from semlink.core.noise import SignalPower
from semlink.core.phy.grid import ResourceGrid
from semlink.core.phy.layouts import CodedLayout, SamplesLayout
from semlink.core.schemes import Scheme

Symbols = Complex64[np.ndarray, "uses"]
Layout = SamplesLayout | CodedLayout


@dataclass(frozen=True)
class Stream:
    """One payload on the air.

    Attributes:
        name: of the payload.
        symbols: one complex number per symbol; with a resource grid, whole slots in order of
            time, pilots and resource elements that stay empty included.
        peak: A, largest absolute value per real dimension that a samples payload may take; None
            for coded bits.
        mean_power: Es, mean of |symbol|^2 over the data symbols as sent; pilots have the same.
        layout: what the receiver needs to undo the mapping.
    """

    name: str
    symbols: Symbols
    peak: float | None
    mean_power: float
    layout: Layout

    @property
    def power(self) -> SignalPower:
        """What the noise definition needs to know."""
        bits = self.layout.bits_per_use if isinstance(self.layout, CodedLayout) else None
        return SignalPower(self.peak, self.mean_power, bits)


@dataclass(frozen=True)
class Frame:
    """All streams of one transmission.

    Attributes:
        scheme: which decoder understands the payloads.
        header: side information that rides beside the streams, free and untouched by the
            channel; None where it is coded and travels as the first stream, named "header".
        streams: in order of importance.
        grid: how every stream lies in time and frequency; None for symbols in mere sequence.
    """

    scheme: Scheme
    header: bytes | None
    streams: tuple[Stream, ...]
    grid: ResourceGrid | None = None

    def channel_uses(self, stream: Stream) -> int:
        """Complex symbols that a stream costs, pilots included.

        Resource elements left empty in its last slot are not counted.
        """
        data = stream.layout.channel_uses
        return self.grid.channel_uses(data) if self.grid else data


@dataclass(frozen=True)
class Gains:
    """What the medium multiplied a stream's symbols with.

    Attributes:
        values: complex gains in order of time; 0 where a symbol was erased.
        hold: symbols that share one gain: symbol i has values[i // hold].
    """

    values: Complex64[np.ndarray, "gains"]
    hold: int

    def per_symbol(self, count: int) -> Complex64[np.ndarray, "uses"]:
        """The gain of each of `count` symbols."""
        return np.repeat(self.values, min(self.hold, count))[:count]

    @staticmethod
    def count(symbols: int, hold: int) -> int:
        """How many gains a stream of so many symbols has."""
        return -(-symbols // hold)


@dataclass(frozen=True)
class StreamDraw:
    """The realisation of the channel for one stream, for the report.

    Attributes:
        name: of the stream.
        noise_power: N0 per channel use, as set.
        measured_noise_power: mean of |noise|^2 as drawn.
        measured_snr_db: mean power of the stream as sent over the measured noise power.
        measured_psnr_db: peak^2 over the measured noise variance per real dimension; for coded
            bits the same as `measured_snr_db`.
        measured_gain_db: mean of |gain|^2 over the stream.
    """

    name: str
    noise_power: float
    measured_noise_power: float
    measured_snr_db: float
    measured_psnr_db: float
    measured_gain_db: float


@dataclass(frozen=True)
class Propagation:
    """A frame after the channel.

    Attributes:
        frame: with the symbols as received, not equalised.
        draws: of each stream, in the same order.
        gains: of each stream, in the same order; only for receivers that are granted perfect
            knowledge of the channel, and for the report.
    """

    frame: Frame
    draws: tuple[StreamDraw, ...]
    gains: tuple[Gains, ...]
