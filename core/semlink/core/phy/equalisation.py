"""Undoing the channel: what was sent plus noise, symbol by symbol."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Complex64, Float32

from semlink.core.errors import InvalidInput
from semlink.core.frame import Gains, Stream
from semlink.core.phy.grid import ResourceGrid
from semlink.core.settings import Csi


@dataclass(frozen=True)
class Equalised:
    """Data symbols of one stream.

    Attributes:
        symbols: as sent plus noise, without a bias; 0 where nothing arrived.
        noise_variance: of each, N0 / |h|^2; infinite where nothing arrived.
    """

    symbols: Complex64[np.ndarray, "data"]
    noise_variance: Float32[np.ndarray, "data"]


def equalise(
    stream: Stream, noise_power: float, gains: Gains, grid: ResourceGrid | None, csi: Csi
) -> Equalised:
    """Divides by the channel's gain, as granted or as estimated from pilots.

    Args:
        stream: as received.
        noise_power: N0 per channel use.
        gains: of the channel; ignored where they have to be estimated.
        grid: where the pilots are.
        csi: how the receiver knows the gains.

    Raises:
        InvalidInput: they have to be estimated and there are no pilots.
    """
    if csi is Csi.ESTIMATED:
        raise InvalidInput("not yet", field="csi")
    symbols = stream.symbols
    h = gains.per_symbol(symbols.size)
    if grid:
        symbols = grid.extract(symbols, stream.layout.channel_uses)
        h = grid.extract(h, stream.layout.channel_uses)
    return divided(symbols, h, np.float32(noise_power))


def divided(
    symbols: Complex64[np.ndarray, "data"],
    gains: Complex64[np.ndarray, "data"],
    noise_power: Float32[np.ndarray, "data"] | np.float32,
) -> Equalised:
    """Zero forcing, which for one antenna is the unbiased LMMSE equaliser."""
    power = np.square(gains.real) + np.square(gains.imag)
    arrived = power > 0
    safe = np.where(arrived, power, np.float32(1))
    equalised = np.where(arrived, symbols * gains.conj() / safe, 0).astype(np.complex64)
    variance = np.where(arrived, noise_power / safe, np.inf).astype(np.float32)
    return Equalised(equalised, variance)
